//===- FakeStreams.cpp - Streams, graphs, events --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeState.h"

#include <algorithm>

using namespace fake;

int fake::streamCreate(void **stream, unsigned) {
  BEGIN("cuStreamCreate")
  *stream = create({Kind::Stream});
  return Success;
}

int fake::streamDestroy(void *stream) {
  BEGIN("cuStreamDestroy")
  if (takesWork(stream))
    mustNotBlock("cuStreamDestroy",
                 object(stream).progress.hangsAt != Progress::kNever);
  return destroy(stream, Kind::Stream);
}

int fake::streamBeginCapture(void *stream, int mode) {
  BEGIN("cuStreamBeginCapture")
  if (!takesWork(stream))
    return InvalidHandle;
  if (object(stream).capturing)
    return CaptureUnsupported;
  Object &captured = object(stream);
  captured.capturing = true;
  captured.invalidated = false;
  captured.captureMode = mode;
  captured.captureThread = std::this_thread::get_id();
  captured.kernels.clear();
  return Success;
}

int fake::streamEndCapture(void *stream, void **graph) {
  *graph = nullptr;
  // Whatever it says, the capture ends.
  bool captured = takesWork(stream) && object(stream).capturing;
  if (captured)
    object(stream).capturing = false;
  BEGIN("cuStreamEndCapture")
  if (!captured)
    return InvalidHandle;
  if (object(stream).invalidated)
    return CaptureInvalidated;
  Object made{Kind::Graph};
  made.kernels = object(stream).kernels;
  *graph = create(std::move(made));
  return Success;
}

int fake::graphInstantiate(void **exec, void *graph, unsigned long long) {
  BEGIN("cuGraphInstantiateWithFlags")
  if (!has(graph, Kind::Graph))
    return InvalidHandle;
  Object made = object(graph);
  made.kind = Kind::Exec;
  *exec = create(std::move(made));
  return Success;
}

int fake::graphDestroy(void *graph) {
  BEGIN("cuGraphDestroy")
  return destroy(graph, Kind::Graph);
}

int fake::graphExecDestroy(void *exec) {
  BEGIN("cuGraphExecDestroy")
  mustNotBlock("cuGraphExecDestroy");
  return destroy(exec, Kind::Exec);
}

int fake::graphLaunch(void *exec, void *stream) {
  BEGIN("cuGraphLaunch")
  if (!has(exec, Kind::Exec) || !takesWork(stream))
    return InvalidHandle;
  for (const std::string &kernel : object(exec).kernels)
    if (object(stream).capturing)
      object(stream).kernels.push_back(kernel);
    else
      run(kernel, object(stream).progress);
  return Success;
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
  if (!has(event, Kind::Event) || !takesWork(stream))
    return InvalidHandle;
  Object &recorded = object(event);
  recorded.time = state.clock;
  recorded.captured = object(stream).capturing;
  recorded.stream = stream;
  recorded.position = object(stream).progress.launched;
  return Success;
}

/// Whether an event has come. The kernels in front of one that has not go on.
static bool hasCome(const Object &event) {
  // One that was never recorded has come, and a stream that was destroyed has
  // ended.
  if (!event.stream || !has(event.stream, Kind::Stream))
    return true;
  Progress &progress = object(event.stream).progress;
  if (progress.ended >= event.position)
    return true;
  progress.ended = std::min(event.position, progress.hangsAt - 1);
  if (progress.ended >= progress.faultsAt)
    state.fates[current].sticky = IllegalAddress;
  return false;
}

int fake::eventQuery(void *event) {
  BEGIN("cuEventQuery")
  if (!has(event, Kind::Event))
    return InvalidHandle;
  MUST_NOT_DISTURB()
  if (object(event).captured) {
    for (auto &[handle, object] : state.objects)
      object.invalidated |= object.capturing;
    return CapturedEvent;
  }
  return hasCome(object(event)) ? Success : NotReady;
}

int fake::eventElapsedTime(float *milliseconds, void *begin_, void *end) {
  BEGIN("cuEventElapsedTime")
  if (!has(begin_, Kind::Event) || !has(end, Kind::Event) ||
      object(begin_).captured || object(end).captured ||
      !object(begin_).stream || !object(end).stream)
    return InvalidHandle;
  if (!hasCome(object(begin_)) || !hasCome(object(end)))
    return NotReady;
  *milliseconds = static_cast<float>(object(end).time - object(begin_).time);
  return Success;
}
