//===- Stream.cpp - Work in order, and waits for it -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/src/Guard.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <thread>

using namespace tokrt;
using namespace tokrt::cuda;
using Clock = std::chrono::steady_clock;

/// How long a wait asks without a pause, and how long it pauses then: kernels
/// of a decode step end within the first.
static constexpr std::chrono::microseconds kSpin{200}, kPause{20};

tokrt_status_t tokrt_cuda_s::waitFor(Event event, tokrt_error_t *error) {
  // The driver's own wait has no limit.
  Clock::time_point start = Clock::now();
  std::chrono::milliseconds limit(timeoutMs);
  for (;;) {
    // The time comes before the question: who slept past the limit asks once
    // more.
    Clock::duration waited = Clock::now() - start;
    Result result = driver.eventQuery.function(event);
    if (result == kSuccess)
      return TOKRT_OK;
    if (result != kNotReady)
      return fail(result, "a wait", driver.eventQuery.name, nullptr, error);
    if (timeoutMs && waited >= limit) {
      lost = hung = true;
      tokrt::fail(&lostError, TOKRT_DEVICE_LOST,
                  "%s: did not end within %u ms; close the GPU and open it "
                  "anew, or allow more time (timeout_ms); run it in the "
                  "simulator (tokopt-sim) to see what it waits for",
                  launched.describe().data, timeoutMs);
      return tokrt::fail(error, TOKRT_DEVICE_LOST, "%s", lostError.message);
    }
    if (waited >= kSpin)
      std::this_thread::sleep_for(kPause);
  }
}

tokrt_status_t tokrt_cuda_s::waitFor(tokrt_cuda_stream_t *stream,
                                     tokrt_error_t *error) {
  if (!stream->origin)
    if (tokrt_status_t status = call(driver.eventRecord, "a wait", error,
                                     stream->end, stream->stream))
      return status;
  if (tokrt_status_t status = waitFor(stream->end, error))
    return status;
  launched.forgetStream(stream);
  forgetFront(stream->awaited);
  stream->awaited.clear();
  stream->busy = false;
  return TOKRT_OK;
}

void tokrt_cuda_s::settle(tokrt_cuda_stream_t *stream, const char *subject) {
  if (isGone() || !stream->busy)
    return;
  tokrt_error_t error;
  Entered entered(this, subject, &error);
  tokrt_status_t status = entered.status;
  if (status == TOKRT_OK)
    status = waitFor(stream, &error);
  if (status != TOKRT_OK)
    tellAtClose(status, error);
}

void tokrt_cuda_s::settle(const char *subject) {
  for (tokrt_cuda_stream_t *stream : streams)
    settle(stream, subject);
}

tokrt_status_t tokrt_cuda_stream_create(tokrt_cuda_t *gpu,
                                        tokrt_cuda_stream_t **out_stream,
                                        tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_stream_create", [&] {
    Entered entered(gpu, "tokrt_cuda_stream_create", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    auto stream = std::make_unique<tokrt_cuda_stream_t>(tokrt_cuda_stream_t{});
    stream->gpu = gpu;
    gpu->streams.reserve(gpu->streams.size() + 1);
    if (tokrt_status_t status = gpu->call(gpu->driver.streamCreate, "a stream",
                                          error, &stream->stream, kNonBlocking))
      return status;
    if (tokrt_status_t status = gpu->call(gpu->driver.eventCreate, "a stream",
                                          error, &stream->end, kNoTiming)) {
      gpu->release(gpu->driver.streamDestroy, "a stream", stream->stream);
      return status;
    }
    gpu->streams.push_back(stream.get());
    *out_stream = stream.release();
    return TOKRT_OK;
  });
}

void tokrt_cuda_stream_destroy(tokrt_cuda_stream_t *stream) {
  if (!stream)
    return;
  std::unique_ptr<tokrt_cuda_stream_t> owner(stream);
  tokrt_cuda_t *gpu = stream->gpu;
  gpu->giveUpCapture(stream);
  gpu->settle(stream, "a stream");
  gpu->launched.forgetStream(stream);
  gpu->streams.erase(
      std::find(gpu->streams.begin(), gpu->streams.end(), stream));
  for (tokrt_cuda_stream_t *other : gpu->streams)
    other->awaited.forget(stream);
  gpu->release(gpu->driver.eventDestroy, "a stream", stream->end);
  gpu->release(gpu->driver.streamDestroy, "a stream", stream->stream);
}

tokrt_status_t tokrt_cuda_stream_wait(tokrt_cuda_stream_t *stream,
                                      tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_stream_wait", [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    Entered entered(gpu, "tokrt_cuda_stream_wait", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (stream->origin)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "tokrt_cuda_stream_wait: the stream is captured, so nothing "
                  "of it runs; end the capture first");
    return gpu->waitFor(stream, error);
  });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Calls `entry` with what `arguments` are, behind the stream's other work.
/// `host` is the host's memory of a copy.
template <typename... Parameters, typename... Arguments>
static tokrt_status_t move(const char *what, uint64_t bytes,
                           const Entry<Parameters...> &entry,
                           tokrt_cuda_stream_t *stream, const void *host,
                           tokrt_error_t *error, Arguments... arguments) {
  return guarded(error, what, [&] {
    char subject[64];
    snprintf(subject, sizeof subject, "%s of %" PRIu64 " bytes", what, bytes);
    tokrt_cuda_t *gpu = stream->gpu;
    Entered entered(gpu, subject, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (bytes == 0)
      return TOKRT_OK;
    // The driver stages memory that is not pinned, and may wait for the stream
    // first: as long as a kernel takes ("API synchronization behavior").
    if (host && stream->busy && !stream->origin && !gpu->isPinned(host, bytes))
      if (tokrt_status_t status = gpu->waitFor(stream, error))
        return status;
    return gpu->call(entry, subject, error, arguments..., stream->stream);
  });
}

tokrt_status_t tokrt_cuda_copy_to_device(tokrt_cuda_stream_t *stream,
                                         tokrt_cuda_address_t to,
                                         const void *from, uint64_t bytes,
                                         tokrt_error_t *error) {
  return move("a copy to the GPU", bytes, stream->gpu->driver.memcpyHtoDAsync,
              stream, from, error, to, from, size_t(bytes));
}

tokrt_status_t tokrt_cuda_copy_to_host(tokrt_cuda_stream_t *stream, void *to,
                                       tokrt_cuda_address_t from,
                                       uint64_t bytes, tokrt_error_t *error) {
  return move("a copy from the GPU", bytes, stream->gpu->driver.memcpyDtoHAsync,
              stream, to, error, to, from, size_t(bytes));
}

tokrt_status_t tokrt_cuda_fill(tokrt_cuda_stream_t *stream,
                               tokrt_cuda_address_t to, uint8_t value,
                               uint64_t bytes, tokrt_error_t *error) {
  return move("a fill", bytes, stream->gpu->driver.memsetD8Async, stream,
              nullptr, error, to, static_cast<unsigned char>(value),
              size_t(bytes));
}
