//===- FakeStream.h - How the work of streams goes on -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKESTREAM_H_
#define TEST_RUNTIME_CUDA_FAKESTREAM_H_

#include "FakeState.h"

#include <algorithm>

namespace fake {

/// Whether a stream takes work: it is one, and its capture is good.
inline Result takeWork(const void *stream) {
  if (!has(stream, Kind::Stream))
    return InvalidHandle;
  auto capture = state.captures.find(object(stream).capture);
  return capture != state.captures.end() && capture->second.invalidated
             ? CaptureInvalidated
             : Success;
}

/// A stream that is captured records its work instead; `kernel` is the name of
/// one.
inline bool isRecorded(const void *stream, const std::string &kernel = "") {
  Object &recording = object(stream);
  if (!recording.capture)
    return false;
  auto &nodes = state.captures.at(recording.capture).nodes;
  recording.front.insert(nodes.size());
  nodes.push_back(kernel);
  return true;
}

/// A stream takes a kernel.
inline void run(const std::string &kernel, Progress &progress) {
  state.clock += 0.01;
  ++progress.taken;
  if (kernel == kFaultingKernel)
    state.fates[current].sticky = IllegalAddress;
  if (kernel == kLateFaultingKernel)
    progress.faultsAt = std::min(progress.faultsAt, progress.taken);
  if (kernel == kHangingKernel) {
    progress.hangsAt = std::min(progress.hangsAt, progress.taken);
    state.fates[current].hung = true;
  }
}

/// Null for one that was destroyed: it has ended.
inline Object *streamOf(const Point &point) {
  auto found = state.objects.find(reinterpret_cast<uintptr_t>(point.stream));
  return found == state.objects.end() || found->second.kind != Kind::Stream
             ? nullptr
             : &found->second;
}

/// Whether what is in front of a point has ended. If not, it goes on, and so
/// does what it waits for.
inline bool hasEnded(const Point &point) {
  Object *stream = streamOf(point);
  if (!stream || stream->progress.ended >= point.position)
    return true;
  Progress &progress = stream->progress;
  int64_t until = std::min(point.position, progress.hangsAt - 1);
  for (const auto &[number, awaited] : progress.waits)
    if (number > progress.ended && number <= until && !hasEnded(awaited)) {
      until = number - 1;
      break;
    }
  progress.ended = until;
  if (progress.ended >= progress.faultsAt)
    state.fates[stream->context].sticky = IllegalAddress;
  return false;
}

/// Whether something in front of a point, or that it waits for, never ends.
inline bool hangs(const Point &point) {
  const Object *stream = streamOf(point);
  if (!stream)
    return false;
  const Progress &progress = stream->progress;
  if (progress.hangsAt != Progress::kNever &&
      progress.hangsAt <= point.position)
    return true;
  for (const auto &[number, awaited] : progress.waits)
    if (number <= point.position && hangs(awaited))
      return true;
  return false;
}

/// A call that waits for all of a stream.
inline void mustNotBlock(const char *name, void *stream) {
  mustNotBlock(name, hangs({stream, Progress::kNever}));
}

/// A copy with memory of the host that is not pinned may wait for the stream.
inline void mustNotBlock(const char *name, void *stream, const void *host,
                         uint64_t bytes) {
  if (!object(stream).capture &&
      !inBlock(state.pinned, reinterpret_cast<uint64_t>(host), bytes))
    mustNotBlock(name, stream);
}

} // namespace fake

#endif // TEST_RUNTIME_CUDA_FAKESTREAM_H_
