//===- Graph.cpp - Captures, and graphs of launches -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/src/Guard.h"

using namespace tokrt;
using namespace tokrt::cuda;

struct tokrt_cuda_graph_s {
  Kept gpu;
  char name[256]; // its kernels
  GraphExec graph;
};

tokrt_status_t tokrt_cuda_s::markEnd(tokrt_cuda_stream_t *stream,
                                     const char *subject,
                                     tokrt_error_t *error) {
  return stream->busy ? call(driver.eventRecord, subject, error, stream->end,
                             stream->stream)
                      : TOKRT_OK;
}

tokrt_cuda_stream_t *tokrt_cuda_s::originOf(uint64_t capture) const {
  for (tokrt_cuda_stream_t *stream : streams)
    if (stream->origin == stream && stream->capture == capture)
      return stream;
  return nullptr;
}

void tokrt_cuda_s::leaveCapture(const tokrt_cuda_stream_t *origin) {
  for (tokrt_cuda_stream_t *stream : streams)
    if (stream->origin == origin)
      stream->origin = nullptr;
}

void tokrt_cuda_s::giveUpCapture(tokrt_cuda_stream_t *stream) {
  tokrt_cuda_stream_t *origin = stream->origin;
  if (!origin)
    return;
  leaveCapture(origin);
  if (isGone())
    return;
  tokrt_error_t error;
  Entered entered(this, "a capture", &error);
  tokrt_status_t status = entered.status;
  Graph recorded = nullptr;
  if (status == TOKRT_OK)
    status = call(driver.streamEndCapture, "a capture", &error, origin->stream,
                  &recorded);
  if (recorded)
    release(driver.graphDestroy, "a capture", recorded);
  // That it recorded no graph, as the driver says, is no matter.
  if (status != TOKRT_OK && status != TOKRT_INVALID_ARGUMENT)
    tellAtClose(status, error);
}

tokrt_status_t tokrt_cuda_capture_begin(tokrt_cuda_stream_t *stream,
                                        tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_capture_begin", [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    Entered entered(gpu, "tokrt_cuda_capture_begin", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (stream->origin)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "tokrt_cuda_capture_begin: the stream is captured already; "
                  "end the capture first");
    if (tokrt_status_t status = gpu->markEnd(stream, "a capture", error))
      return status;
    // In the other modes, a call that is not for the stream (an allocation, a
    // wait for another) is refused and ends the capture.
    if (tokrt_status_t status =
            gpu->call(gpu->driver.streamBeginCapture, "a capture", error,
                      stream->stream, kCaptureRelaxed))
      return status;
    stream->origin = stream;
    stream->capture = ++gpu->lastCapture;
    stream->captured.clear();
    return TOKRT_OK;
  });
}

tokrt_status_t tokrt_cuda_capture_end(tokrt_cuda_stream_t *stream,
                                      tokrt_cuda_graph_t **out_graph,
                                      tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_capture_end", [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    const Driver &driver = gpu->driver;
    Entered entered(gpu, "tokrt_cuda_capture_end", error);
    if (gpu->lost && stream->origin)
      gpu->leaveCapture(stream->origin);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (stream->origin != stream)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "tokrt_cuda_capture_end: found a stream that %s, expected "
                  "one that began a capture; %s",
                  stream->origin ? "joined the capture of another"
                                 : "is not captured",
                  stream->origin ? "end it there"
                                 : "call tokrt_cuda_capture_begin first");
    // Whatever the driver says, it captures no longer.
    gpu->leaveCapture(stream);
    Graph recorded = nullptr;
    tokrt_status_t ended = gpu->call(driver.streamEndCapture, "a capture",
                                     error, stream->stream, &recorded);
    auto destroy = [&] {
      if (recorded)
        gpu->release(driver.graphDestroy, "a capture", recorded);
    };
    if (ended != TOKRT_OK) {
      destroy();
      return ended;
    }
    std::unique_ptr<tokrt_cuda_graph_t> graph;
    try {
      graph = std::make_unique<tokrt_cuda_graph_t>(
          tokrt_cuda_graph_t{gpu, "", nullptr});
    } catch (...) {
      destroy();
      throw;
    }
    snprintf(graph->name, sizeof graph->name, "of a graph: %s",
             stream->captured.list().data);
    tokrt_status_t status = gpu->call(driver.graphInstantiate, "a graph", error,
                                      &graph->graph, recorded, 0ull);
    destroy();
    if (status == TOKRT_OK)
      *out_graph = graph.release();
    return status;
  });
}

tokrt_status_t tokrt_cuda_graph_launch(tokrt_cuda_stream_t *stream,
                                       tokrt_cuda_graph_t *graph,
                                       tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_graph_launch", [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    Entered entered(gpu, "tokrt_cuda_graph_launch", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (tokrt_status_t status = gpu->call(gpu->driver.graphLaunch, "a graph",
                                          error, graph->graph, stream->stream))
      return status;
    gpu->take(stream, graph, graph->name);
    return gpu->endLaunch(stream, error);
  });
}

void tokrt_cuda_graph_destroy(tokrt_cuda_graph_t *graph) {
  if (!graph)
    return;
  std::unique_ptr<tokrt_cuda_graph_t> owner(graph);
  graph->gpu->settle("a graph");
  graph->gpu->forgetOwner(graph);
  graph->gpu->release(graph->gpu->driver.graphExecDestroy, "a graph",
                      graph->graph);
}
