//===- Event.cpp - Points in a stream -------------------------------------===//
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

/// An event of a capture never comes, and whoever asks the driver for it ends
/// the capture.
static tokrt_status_t checkComes(const char *call,
                                 const tokrt_cuda_event_t *event,
                                 tokrt_error_t *error) {
  if (!event->capture)
    return TOKRT_OK;
  return fail(error, TOKRT_INVALID_ARGUMENT,
              "%s: found an event that was recorded in a capture, expected one "
              "of a stream; record it outside of the capture",
              call);
}

tokrt_status_t tokrt_cuda_event_create(tokrt_cuda_t *gpu,
                                       tokrt_cuda_event_t **out_event,
                                       tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_event_create", [&] {
    Entered entered(gpu, "tokrt_cuda_event_create", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    auto event = std::make_unique<tokrt_cuda_event_t>(
        tokrt_cuda_event_t{gpu, nullptr, 0, {}});
    if (tokrt_status_t status = gpu->call(gpu->driver.eventCreate, "an event",
                                          error, &event->event, 0u))
      return status;
    *out_event = event.release();
    return TOKRT_OK;
  });
}

void tokrt_cuda_event_destroy(tokrt_cuda_event_t *event) {
  if (!event)
    return;
  std::unique_ptr<tokrt_cuda_event_t> owner(event);
  event->gpu->release(event->gpu->driver.eventDestroy, "an event",
                      event->event);
}

tokrt_status_t tokrt_cuda_event_record(tokrt_cuda_event_t *event,
                                       tokrt_cuda_stream_t *stream,
                                       tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_event_record", [&] {
    Entered entered(event->gpu, "tokrt_cuda_event_record", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    // What is allocated comes first: the driver cannot take back what it did.
    Front front = stream->awaited;
    front.add(stream, event->gpu->launched.last());
    if (tokrt_status_t status =
            event->gpu->call(event->gpu->driver.eventRecord, "an event", error,
                             event->event, stream->stream))
      return status;
    event->capture = stream->origin ? stream->origin->capture : 0;
    event->front = std::move(front);
    return TOKRT_OK;
  });
}

tokrt_status_t tokrt_cuda_event_wait(tokrt_cuda_event_t *event,
                                     tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_event_wait", [&] {
    Entered entered(event->gpu, "tokrt_cuda_event_wait", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (tokrt_status_t status =
            checkComes("tokrt_cuda_event_wait", event, error))
      return status;
    if (tokrt_status_t status = event->gpu->waitFor(event->event, error))
      return status;
    event->gpu->forgetFront(event->front);
    return TOKRT_OK;
  });
}

tokrt_status_t tokrt_cuda_stream_wait_event(tokrt_cuda_stream_t *stream,
                                            tokrt_cuda_event_t *event,
                                            tokrt_error_t *error) {
  const char *const call = "tokrt_cuda_stream_wait_event";
  return guarded(error, call, [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    Entered entered(gpu, call, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    // Who waits for this stream must know the kernels it waits for.
    if (event->gpu != gpu)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: found an event of another GPU, expected one of the "
                  "stream's; wait for it with tokrt_cuda_event_wait",
                  call);
    // The driver refuses these as well, and with them the whole capture.
    tokrt_cuda_stream_t *origin =
        event->capture ? gpu->originOf(event->capture) : nullptr;
    if (event->capture && !origin)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: found an event that was recorded in a capture that has "
                  "ended, expected one of a stream; record it again",
                  call);
    if (stream->origin && stream->origin != origin)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: found an event that was recorded %s, expected one of "
                  "the stream's capture; a graph waits for nothing outside of "
                  "it: let the stream that launches it wait",
                  call, origin ? "in another capture" : "outside of a capture");
    if (origin && !stream->origin)
      if (tokrt_status_t status = gpu->markEnd(stream, "a capture", error))
        return status;
    Front awaited;
    if (!origin) {
      awaited = stream->awaited;
      awaited.add(event->front);
    }
    if (tokrt_status_t status =
            gpu->call(gpu->driver.streamWaitEvent, "a stream", error,
                      stream->stream, event->event, kWaitByDefault))
      return status;
    if (origin) {
      stream->origin = origin;
      return TOKRT_OK;
    }
    stream->awaited = std::move(awaited);
    stream->busy |= !stream->awaited.empty();
    return TOKRT_OK;
  });
}

tokrt_status_t tokrt_cuda_event_elapsed(tokrt_cuda_event_t *begin,
                                        tokrt_cuda_event_t *end,
                                        float *out_milliseconds,
                                        tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_event_elapsed", [&] {
    Entered entered(begin->gpu, "tokrt_cuda_event_elapsed", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    for (const tokrt_cuda_event_t *event : {begin, end})
      if (tokrt_status_t status =
              checkComes("tokrt_cuda_event_elapsed", event, error))
        return status;
    float milliseconds;
    if (tokrt_status_t status =
            begin->gpu->call(begin->gpu->driver.eventElapsedTime, "an event",
                             error, &milliseconds, begin->event, end->event))
      return status;
    *out_milliseconds = milliseconds;
    return TOKRT_OK;
  });
}
