//===- FakeGraphs.cpp - Captures and graphs -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeStream.h"

using namespace fake;

int fake::streamBeginCapture(void *stream, int mode) {
  BEGIN("cuStreamBeginCapture")
  if (Result refused = takeWork(stream))
    return refused;
  if (object(stream).capture)
    return CaptureUnsupported;
  object(stream).capture = ++state.lastCapture;
  state.captures[state.lastCapture] = {stream, mode,
                                       std::this_thread::get_id()};
  return Success;
}

/// The capture of the stream ends, and with it that of all that joined it.
/// False where the stream did not begin one.
static bool endCapture(const void *stream, Capture &ended, bool &isJoined) {
  if (!has(stream, Kind::Stream))
    return false;
  uint64_t number = object(stream).capture;
  auto capture = state.captures.find(number);
  if (capture == state.captures.end() || capture->second.origin != stream)
    return false;
  ended = capture->second;
  // Whatever is recorded, the first stream must be behind it at the end.
  isJoined = object(stream).front.size() == ended.nodes.size();
  state.captures.erase(capture);
  for (auto &[handle, object] : state.objects)
    if (object.kind == Kind::Stream && object.capture == number) {
      object.capture = 0;
      object.front.clear();
    }
  return true;
}

int fake::streamEndCapture(void *stream, void **graph) {
  std::lock_guard<std::mutex> lock(mutex);
  *graph = nullptr;
  Capture capture;
  bool isJoined = false;
  // Whatever it says, the capture ends.
  bool ends = endCapture(stream, capture, isJoined);
  if (int told = begin("cuStreamEndCapture"))
    return told;
  if (!has(reinterpret_cast<void *>(current), Kind::Context))
    return InvalidContext;
  if (Result sticky = state.fates[current].sticky)
    return sticky;
  if (!has(stream, Kind::Stream))
    return InvalidHandle;
  if (!ends)
    return CaptureUnmatched;
  if (capture.invalidated)
    return CaptureInvalidated;
  if (!isJoined)
    return CaptureUnjoined;
  Object made{Kind::Graph};
  for (const std::string &kernel : capture.nodes)
    if (!kernel.empty())
      made.kernels.push_back(kernel);
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
  if (!has(exec, Kind::Exec))
    return InvalidHandle;
  if (Result refused = takeWork(stream))
    return refused;
  for (const std::string &kernel : object(exec).kernels)
    if (!isRecorded(stream, kernel))
      run(kernel, object(stream).progress);
  return Success;
}
