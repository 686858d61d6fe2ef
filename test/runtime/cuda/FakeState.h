//===- FakeState.h - What the fake driver keeps -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKESTATE_H_
#define TEST_RUNTIME_CUDA_FAKESTATE_H_

#include "FakeDriver.h"
#include "FakeImage.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace fake {

enum Result {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  InvalidDevice = 101,
  InvalidContext = 201,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  IllegalInstruction = 715,
  CaptureUnsupported = 900,
  CaptureInvalidated = 901,
  CaptureMerge = 902,
  CaptureUnmatched = 903,
  CaptureUnjoined = 904,
  CaptureIsolation = 905,
  CapturedEvent = 907,
};

enum class Kind { Context, Module, Function, Stream, Event, Graph, Exec };

/// A point in a stream: behind so much of its work.
struct Point {
  void *stream = nullptr;
  int64_t position = 0;
};

/// Launches on a stream and its waits for events, by their number. They end
/// when somebody asks for an event behind them, from one question to the next.
struct Progress {
  static constexpr int64_t kNever = INT64_MAX;
  int64_t taken = 0, ended = 0;
  int64_t hangsAt = kNever, faultsAt = kNever;
  std::map<int64_t, Point> waits = {};
};

/// What streams record together, from the beginning to the end of a capture.
struct Capture {
  void *origin; // the stream that began it
  int mode;     // global, of the thread, or relaxed
  std::thread::id thread;
  bool invalidated = false;
  std::vector<std::string> nodes = {}; // a kernel's name, or none
};

struct Object {
  Kind kind;
  uintptr_t context = 0; // that it goes with
  std::string name = {}; // of a function
  int sharedBytes = 0;   // that a function may be launched with
  /// The capture that a stream is part of, or that an event was recorded in;
  /// 0: none. The nodes of it that are in front.
  uint64_t capture = 0;
  std::set<size_t> front = {};
  std::vector<std::string> kernels = {}; // of a graph
  Progress progress = {};                // of a stream
  Point point = {};                      // where an event was recorded
  double time = 0;                       // of an event
  KernelParameters described = {};       // of a module
  Parameters parameters = {};            // of a function
};

struct Block {
  uint64_t bytes;
  uintptr_t context;
};

/// What kernels did to a context.
struct Fate {
  Result sticky = Success;
  bool hung = false;
};

struct State {
  FakeGpu gpu;
  bool initialized = false;
  /// Handles are numbers that are given once.
  std::map<uintptr_t, Object> objects;
  uintptr_t next = 0x1000;
  /// Those of a module go with it, so they are no objects to destroy.
  std::map<std::pair<void *, std::string>, Object> functions;
  /// Those that go on, by their number.
  std::map<uint64_t, Capture> captures;
  uint64_t lastCapture = 0;
  std::map<uint64_t, Block> memory, pinned;
  uint64_t used = 0;
  std::map<uintptr_t, Fate> fates;
  double clock = 0; // milliseconds
  std::map<std::string, int> calls;
  std::map<std::string, std::map<int, int>> failures;
  std::set<std::string> hidden;
  int swept = 0;
  std::string launches;
};

inline State state;
/// The thread's contexts: the current one, and those under it.
inline thread_local uintptr_t current;
inline thread_local std::vector<uintptr_t> under;
inline std::mutex mutex;

/// Counts a call and gives what it was told to fail with.
inline int begin(const char *name) {
  int count = ++state.calls[name];
  auto told = state.failures.find(name);
  if (told == state.failures.end() || !told->second.count(count))
    return Success;
  return told->second[count];
}

/// Whether the handle is one, of the context that is the thread's.
inline bool has(const void *handle, Kind kind) {
  auto found = state.objects.find(reinterpret_cast<uintptr_t>(handle));
  return found != state.objects.end() && found->second.kind == kind &&
         (kind == Kind::Context || found->second.context == current);
}

inline Object &object(const void *handle) {
  return state.objects.at(reinterpret_cast<uintptr_t>(handle));
}

inline void *create(Object made) {
  state.next += 16;
  made.context = current;
  state.objects[state.next] = std::move(made);
  return reinterpret_cast<void *>(state.next);
}

/// A call that would wait for a kernel that never ends.
inline void mustNotBlock(const char *name, bool hangs) {
  if (!hangs)
    return;
  fprintf(stderr, "%s: waits for a kernel that hangs\n", name);
  abort();
}

/// One that waits for all that runs in the context.
inline void mustNotBlock(const char *name) {
  mustNotBlock(name, state.fates[current].hung);
}

/// Ends a call with what it was told, or refuses it without a context.
#define BEGIN_ANYWHERE(name)                                                   \
  std::lock_guard<std::mutex> lock(mutex);                                     \
  if (int told = begin(name))                                                  \
    return told;
#define BEGIN(name)                                                            \
  BEGIN_ANYWHERE(name)                                                         \
  if (!has(reinterpret_cast<void *>(current), Kind::Context))                  \
    return InvalidContext;                                                     \
  if (Result sticky = state.fates[current].sticky)                             \
    return sticky;

/// Refuses a call that might disturb a capture, and ends those it might.
#define MUST_NOT_DISTURB()                                                     \
  if (disturbs())                                                              \
    return CaptureUnsupported;
inline bool disturbs() {
  bool found = false;
  for (auto &[number, capture] : state.captures)
    if (capture.mode == 0 ||
        (capture.mode == 1 && capture.thread == std::this_thread::get_id()))
      found = capture.invalidated = true;
  return found;
}

inline int destroy(const void *handle, Kind kind) {
  if (!has(handle, kind))
    return InvalidHandle;
  state.objects.erase(reinterpret_cast<uintptr_t>(handle));
  return Success;
}

/// Whether the range is in a block of the context that is the thread's.
inline bool inBlock(const std::map<uint64_t, Block> &blocks, uint64_t address,
                    uint64_t bytes) {
  auto block = blocks.upper_bound(address);
  if (block == blocks.begin())
    return false;
  --block;
  uint64_t size = block->second.bytes, offset = address - block->first;
  return block->second.context == current && offset <= size &&
         bytes <= size - offset;
}

inline bool inMemory(uint64_t address, uint64_t bytes) {
  return inBlock(state.memory, address, bytes);
}

inline void releaseBlock(uint64_t address, bool isPinned) {
  auto &blocks = isPinned ? state.pinned : state.memory;
  uint64_t bytes = blocks.at(address).bytes;
  munmap(reinterpret_cast<void *>(address), bytes);
  if (!isPinned)
    state.used -= bytes;
  blocks.erase(address);
}

/// Takes back what belongs to a context, which need not be there; of 0, all.
inline void releaseContext(uintptr_t context) {
  for (bool isPinned : {false, true}) {
    auto blocks = isPinned ? state.pinned : state.memory;
    for (const auto &[address, block] : blocks)
      if (!context || block.context == context)
        releaseBlock(address, isPinned);
  }
  auto objects = state.objects;
  for (const auto &[handle, object] : objects)
    if (!context || object.context == context)
      state.objects.erase(handle);
}

/// What belongs to a context, itself included.
inline int countIn(uintptr_t context) {
  int count = 0;
  for (const auto &[handle, object] : state.objects)
    count += object.context == context;
  for (const auto *blocks : {&state.memory, &state.pinned})
    for (const auto &[address, block] : *blocks)
      count += block.context == context;
  return count;
}

} // namespace fake

#endif // TEST_RUNTIME_CUDA_FAKESTATE_H_
