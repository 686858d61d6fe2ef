//===- FakeStreams.cpp - Streams and events -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeStream.h"

using namespace fake;

int fake::streamCreate(void **stream, unsigned) {
  BEGIN("cuStreamCreate")
  *stream = create({Kind::Stream});
  return Success;
}

int fake::streamDestroy(void *stream) {
  BEGIN("cuStreamDestroy")
  if (!has(stream, Kind::Stream))
    return InvalidHandle;
  // What becomes of a capture then the reference does not say.
  if (object(stream).capture)
    return CaptureUnsupported;
  mustNotBlock("cuStreamDestroy", stream);
  return destroy(stream, Kind::Stream);
}

int fake::eventCreate(void **event, unsigned) {
  BEGIN("cuEventCreate")
  *event = create({Kind::Event});
  return Success;
}

int fake::eventDestroy(void *event) {
  // By the reference, it does not wait for an event to come.
  BEGIN("cuEventDestroy")
  return destroy(event, Kind::Event);
}

int fake::eventRecord(void *event, void *stream) {
  BEGIN("cuEventRecord")
  if (!has(event, Kind::Event))
    return InvalidHandle;
  if (Result refused = takeWork(stream))
    return refused;
  Object &recorded = object(event);
  const Object &at = object(stream);
  recorded.time = state.clock;
  recorded.capture = at.capture;
  recorded.front = at.front;
  recorded.point = {stream, at.progress.taken};
  return Success;
}

int fake::eventQuery(void *event) {
  BEGIN("cuEventQuery")
  if (!has(event, Kind::Event))
    return InvalidHandle;
  MUST_NOT_DISTURB()
  const Object &asked = object(event);
  if (asked.capture) {
    if (auto capture = state.captures.find(asked.capture);
        capture != state.captures.end())
      capture->second.invalidated = true;
    return CapturedEvent;
  }
  // One that was never recorded has come.
  return hasEnded(asked.point) ? Success : NotReady;
}

int fake::eventElapsedTime(float *milliseconds, void *begin_, void *end) {
  BEGIN("cuEventElapsedTime")
  if (!has(begin_, Kind::Event) || !has(end, Kind::Event))
    return InvalidHandle;
  const Object &first = object(begin_), &last = object(end);
  for (const Object *event : {&first, &last})
    if (event->capture || !event->point.stream)
      return InvalidHandle;
  if (!hasEnded(first.point) || !hasEnded(last.point))
    return NotReady;
  *milliseconds = static_cast<float>(last.time - first.time);
  return Success;
}

/// An event of a capture takes the stream into it (CUDA's programming guide,
/// "Cross-stream dependencies and events").
static Result waitInCapture(Object &stream, const Object &event) {
  auto own = state.captures.find(stream.capture),
       other = state.captures.find(event.capture), none = state.captures.end();
  if (!event.capture) {
    own->second.invalidated = true;
    return CaptureIsolation;
  }
  if (other == none)
    return CapturedEvent;
  if (own != none && own != other) {
    own->second.invalidated = other->second.invalidated = true;
    return CaptureMerge;
  }
  if (other->second.invalidated)
    return CaptureInvalidated;
  stream.capture = event.capture;
  stream.front.insert(event.front.begin(), event.front.end());
  return Success;
}

int fake::streamWaitEvent(void *stream, void *event, unsigned flags) {
  BEGIN("cuStreamWaitEvent")
  if (Result refused = takeWork(stream))
    return refused;
  // The event may be of another context.
  auto found = state.objects.find(reinterpret_cast<uintptr_t>(event));
  if (found == state.objects.end() || found->second.kind != Kind::Event)
    return InvalidHandle;
  if (flags)
    return InvalidValue;
  Object &waiting = object(stream);
  const Object &awaited = found->second;
  if (waiting.capture || awaited.capture)
    return waitInCapture(waiting, awaited);
  if (awaited.point.stream)
    waiting.progress.waits[++waiting.progress.taken] = awaited.point;
  return Success;
}
