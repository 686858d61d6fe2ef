//===- FakeDriver.cpp - A CUDA driver without a GPU -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeDriver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace {

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
  CaptureUnsupported = 900,
  CaptureInvalidated = 901,
  CapturedEvent = 907,
};

enum class Kind { Context, Module, Function, Stream, Event, Graph, Exec };

struct Object {
  Kind kind;
  uintptr_t context = 0;                 // that it goes with
  std::string name = {};                 // of a function
  int sharedBytes = 0;                   // that a function may be launched with
  bool capturing = false;                // a stream
  bool invalidated = false;              // its capture
  int captureMode = 0;                   // global, of the thread, or relaxed
  std::thread::id captureThread = {};    // that began it
  bool captured = false;                 // an event, in a capture
  double time = 0;                       // of an event
  std::vector<std::string> kernels = {}; // of a capture or a graph
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
  /// Those of a module are its own, so they are no objects to destroy.
  std::map<std::pair<void *, std::string>, Object> functions;
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

State state;
thread_local uintptr_t current;

/// Counts a call and gives what it was told to fail with.
int begin(const char *name) {
  int count = ++state.calls[name];
  auto told = state.failures.find(name);
  if (told == state.failures.end() || !told->second.count(count))
    return Success;
  return told->second[count];
}

bool has(const void *handle, Kind kind) {
  auto found = state.objects.find(reinterpret_cast<uintptr_t>(handle));
  return found != state.objects.end() && found->second.kind == kind;
}

Object &object(const void *handle) {
  return state.objects.at(reinterpret_cast<uintptr_t>(handle));
}

void *create(Object made) {
  state.next += 16;
  made.context = current;
  state.objects[state.next] = std::move(made);
  return reinterpret_cast<void *>(state.next);
}

/// A call that would wait for a kernel that never ends.
void mustNotBlock(const char *name) {
  if (!state.fates[current].hung)
    return;
  fprintf(stderr, "%s: waits for a kernel that hangs\n", name);
  abort();
}

/// Ends a call with what it was told, or refuses it without a context.
#define BEGIN_ANYWHERE(name)                                                   \
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
bool disturbs() {
  bool found = false;
  for (auto &[handle, object] : state.objects)
    if (object.capturing &&
        (object.captureMode == 0 ||
         (object.captureMode == 1 &&
          object.captureThread == std::this_thread::get_id())))
      found = object.invalidated = true;
  return found;
}

int destroy(const void *handle, Kind kind) {
  if (!has(handle, kind))
    return InvalidHandle;
  state.objects.erase(reinterpret_cast<uintptr_t>(handle));
  return Success;
}

bool inBlock(const std::map<uint64_t, Block> &blocks, uint64_t address,
             uint64_t bytes) {
  auto block = blocks.upper_bound(address);
  if (block == blocks.begin())
    return false;
  --block;
  uint64_t size = block->second.bytes, offset = address - block->first;
  return offset <= size && bytes <= size - offset;
}

bool inMemory(uint64_t address, uint64_t bytes) {
  return inBlock(state.memory, address, bytes);
}

/// A copy with memory of the host that is not pinned may wait for the stream.
void mustNotBlock(const char *name, void *stream, const void *host,
                  uint64_t bytes) {
  if (!object(stream).capturing &&
      !inBlock(state.pinned, reinterpret_cast<uint64_t>(host), bytes))
    mustNotBlock(name);
}

/// Work that a stream takes; false if the handle is none.
bool takesWork(void *stream) { return has(stream, Kind::Stream); }

void releaseBlock(uint64_t address, bool isPinned) {
  auto &blocks = isPinned ? state.pinned : state.memory;
  uint64_t bytes = blocks.at(address).bytes;
  munmap(reinterpret_cast<void *>(address), bytes);
  if (!isPinned)
    state.used -= bytes;
  blocks.erase(address);
}

/// Takes back what belongs to a context, which need not be there; of 0, all.
void releaseContext(uintptr_t context) {
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
int countIn(uintptr_t context) {
  int count = 0;
  for (const auto &[handle, object] : state.objects)
    count += object.context == context;
  for (const auto *blocks : {&state.memory, &state.pinned})
    for (const auto &[address, block] : *blocks)
      count += block.context == context;
  return count;
}

//===----------------------------------------------------------------------===//
// GPU and context
//===----------------------------------------------------------------------===//

int init(unsigned) {
  BEGIN_ANYWHERE("cuInit")
  state.initialized = true;
  return Success;
}

int driverGetVersion(int *version) {
  BEGIN_ANYWHERE("cuDriverGetVersion")
  *version = state.gpu.driverVersion;
  return Success;
}

int getErrorName(int result, const char **name) {
  static std::map<int, std::string> names;
  std::string &text = names[result];
  text = "FAKE_ERROR_" + std::to_string(result);
  *name = text.c_str();
  return Success;
}

int getErrorString(int result, const char **text) {
  *text = "as the test says";
  return Success;
}

int deviceGetCount(int *count) {
  BEGIN_ANYWHERE("cuDeviceGetCount")
  if (!state.initialized)
    return NotInitialized;
  *count = state.gpu.gpus;
  return Success;
}

int deviceGet(int *device, int number) {
  BEGIN_ANYWHERE("cuDeviceGet")
  if (number < 0 || number >= state.gpu.gpus)
    return InvalidDevice;
  *device = number;
  return Success;
}

int deviceGetName(char *name, int bytes, int) {
  BEGIN_ANYWHERE("cuDeviceGetName")
  snprintf(name, bytes, "Fake GPU");
  return Success;
}

int deviceGetAttribute(int *value, int attribute, int) {
  BEGIN_ANYWHERE("cuDeviceGetAttribute")
  switch (attribute) {
  case 16:
    *value = 4;
    return Success;
  case 38:
    *value = 1 << 20;
    return Success;
  case 75:
    *value = state.gpu.capability / 10;
    return Success;
  case 76:
    *value = state.gpu.capability % 10;
    return Success;
  case 97:
    *value = state.gpu.sharedBytes;
    return Success;
  }
  return InvalidValue;
}

int deviceTotalMem(size_t *bytes, int) {
  BEGIN_ANYWHERE("cuDeviceTotalMem")
  *bytes = state.gpu.memoryBytes;
  return Success;
}

int ctxCreate(void **context, unsigned, int) {
  BEGIN_ANYWHERE("cuCtxCreate")
  *context = create({Kind::Context});
  current = reinterpret_cast<uintptr_t>(*context);
  object(*context).context = current;
  return Success;
}

int ctxDestroy(void *context) {
  mustNotBlock("cuCtxDestroy");
  int told = begin("cuCtxDestroy");
  if (!has(context, Kind::Context))
    return told ? told : InvalidContext;
  // Everything goes with it, whatever it says.
  auto handle = reinterpret_cast<uintptr_t>(context);
  state.swept += countIn(handle) - 1; // but for itself
  releaseContext(handle);
  return told ? told : state.fates[handle].sticky;
}

int ctxSetCurrent(void *context) {
  BEGIN_ANYWHERE("cuCtxSetCurrent")
  if (!has(context, Kind::Context))
    return InvalidContext;
  current = reinterpret_cast<uintptr_t>(context);
  return Success;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

int memGetInfo(size_t *free, size_t *total) {
  BEGIN("cuMemGetInfo")
  *free = state.gpu.memoryBytes - state.used;
  *total = state.gpu.memoryBytes;
  return Success;
}

/// Pages come when they are touched, so it may be as large as a GPU's.
void *map(size_t bytes) {
  void *block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? nullptr : block;
}

int memAlloc(uint64_t *address, size_t bytes) {
  BEGIN("cuMemAlloc")
  MUST_NOT_DISTURB()
  if (bytes == 0)
    return InvalidValue;
  if (bytes > state.gpu.memoryBytes - state.used)
    return OutOfMemory;
  void *block = map(bytes);
  if (!block)
    return OutOfMemory;
  *address = reinterpret_cast<uint64_t>(block);
  state.memory[*address] = {bytes, current};
  state.used += bytes;
  return Success;
}

int memFree(uint64_t address) {
  mustNotBlock("cuMemFree");
  BEGIN("cuMemFree")
  MUST_NOT_DISTURB()
  if (!state.memory.count(address))
    return InvalidValue;
  releaseBlock(address, /*isPinned=*/false);
  return Success;
}

int memHostAlloc(void **data, size_t bytes, unsigned) {
  BEGIN("cuMemHostAlloc")
  MUST_NOT_DISTURB()
  *data = map(bytes);
  if (!*data)
    return OutOfMemory;
  state.pinned[reinterpret_cast<uint64_t>(*data)] = {bytes, current};
  return Success;
}

int memFreeHost(void *data) {
  mustNotBlock("cuMemFreeHost");
  BEGIN("cuMemFreeHost")
  MUST_NOT_DISTURB()
  if (!state.pinned.count(reinterpret_cast<uint64_t>(data)))
    return InvalidValue;
  releaseBlock(reinterpret_cast<uint64_t>(data), /*isPinned=*/true);
  return Success;
}

int memcpyHtoDAsync(uint64_t to, const void *from, size_t bytes, void *stream) {
  BEGIN("cuMemcpyHtoDAsync")
  if (!takesWork(stream))
    return InvalidHandle;
  if (!inMemory(to, bytes))
    return InvalidValue;
  mustNotBlock("cuMemcpyHtoDAsync", stream, from, bytes);
  if (!object(stream).capturing)
    memcpy(reinterpret_cast<void *>(to), from, bytes);
  return Success;
}

int memcpyDtoHAsync(void *to, uint64_t from, size_t bytes, void *stream) {
  BEGIN("cuMemcpyDtoHAsync")
  if (!takesWork(stream))
    return InvalidHandle;
  if (!inMemory(from, bytes))
    return InvalidValue;
  mustNotBlock("cuMemcpyDtoHAsync", stream, to, bytes);
  if (!object(stream).capturing)
    memcpy(to, reinterpret_cast<void *>(from), bytes);
  return Success;
}

int memsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                  void *stream) {
  BEGIN("cuMemsetD8Async")
  if (!takesWork(stream))
    return InvalidHandle;
  if (!inMemory(to, bytes))
    return InvalidValue;
  if (!object(stream).capturing)
    memset(reinterpret_cast<void *>(to), value, bytes);
  return Success;
}

//===----------------------------------------------------------------------===//
// Modules and launches
//===----------------------------------------------------------------------===//

int moduleLoadDataEx(void **module, const void *image, unsigned count,
                     int *options, void **values) {
  if (int told = begin("cuModuleLoadDataEx")) {
    for (unsigned i = 0; i + 1 < count; ++i)
      if (options[i] == 5) // CU_JIT_ERROR_LOG_BUFFER
        snprintf(static_cast<char *>(values[i]),
                 reinterpret_cast<size_t>(values[i + 1]),
                 "\nthe log of the driver\nits second line");
    return told;
  }
  if (!has(reinterpret_cast<void *>(current), Kind::Context))
    return InvalidContext;
  if (Result sticky = state.fates[current].sticky)
    return sticky;
  MUST_NOT_DISTURB()
  *module = create({Kind::Module});
  return Success;
}

int moduleUnload(void *module) {
  mustNotBlock("cuModuleUnload");
  BEGIN("cuModuleUnload")
  MUST_NOT_DISTURB()
  return destroy(module, Kind::Module);
}

int moduleGetFunction(void **function, void *module, const char *name) {
  BEGIN("cuModuleGetFunction")
  if (!has(module, Kind::Module))
    return InvalidHandle;
  if (!strcmp(name, kMissingKernel))
    return NotFound;
  Object made{Kind::Function, current, name, 48 << 10};
  *function =
      &state.functions.emplace(std::pair(module, name), made).first->second;
  return Success;
}

int funcSetAttribute(void *function, int attribute, int value) {
  BEGIN("cuFuncSetAttribute")
  if (attribute != 8 || value > state.gpu.sharedBytes)
    return InvalidValue;
  static_cast<Object *>(function)->sharedBytes = value;
  return Success;
}

int funcGetParamInfo(void *, size_t index, size_t *offset, size_t *size) {
  BEGIN("cuFuncGetParamInfo")
  size_t end = state.gpu.parameterBytes;
  if (8 * index >= end)
    return InvalidValue;
  *offset = 8 * index;
  *size = std::min<size_t>(8, end - *offset);
  return Success;
}

void run(const std::string &kernel) {
  state.clock += 0.01;
  if (kernel == kFaultingKernel)
    state.fates[current].sticky = IllegalAddress;
  if (kernel == kHangingKernel)
    state.fates[current].hung = true;
}

int launchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ,
                 unsigned threads, unsigned threadsY, unsigned threadsZ,
                 unsigned sharedBytes, void *stream, void **parameters,
                 void **extra) {
  BEGIN("cuLaunchKernel")
  auto *kernel = static_cast<Object *>(function);
  if (!takesWork(stream))
    return InvalidHandle;
  if (!gridX || !gridY || !gridZ || gridY > 65535 || gridZ > 65535 ||
      !threads || threads > 1024 || threadsY != 1 || threadsZ != 1 ||
      sharedBytes > unsigned(kernel->sharedBytes) || parameters)
    return InvalidValue;
  char line[160];
  snprintf(line, sizeof line, "%s grid %u %u %u threads %u shared %u arguments",
           kernel->name.c_str(), gridX, gridY, gridZ, threads, sharedBytes);
  state.launches += line;
  if (extra) {
    // CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE and _END.
    if (extra[0] != reinterpret_cast<void *>(1) ||
        extra[2] != reinterpret_cast<void *>(2) || extra[4])
      return InvalidValue;
    size_t bytes = *static_cast<size_t *>(extra[3]);
    if (state.gpu.parameterBytes && bytes != size_t(state.gpu.parameterBytes))
      return InvalidValue;
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
      uint64_t word;
      memcpy(&word, static_cast<char *>(extra[1]) + i, 8);
      // Addresses differ from run to run; that one lies in a block does not.
      if (inMemory(word, 1))
        state.launches += " address";
      else
        state.launches += " " + std::to_string(word);
    }
  }
  state.launches += "\n";
  if (object(stream).capturing)
    object(stream).kernels.push_back(kernel->name);
  else
    run(kernel->name);
  return Success;
}

//===----------------------------------------------------------------------===//
// Streams, graphs, events
//===----------------------------------------------------------------------===//

int streamCreate(void **stream, unsigned) {
  BEGIN("cuStreamCreate")
  *stream = create({Kind::Stream});
  return Success;
}

int streamDestroy(void *stream) {
  mustNotBlock("cuStreamDestroy");
  BEGIN("cuStreamDestroy")
  return destroy(stream, Kind::Stream);
}

int streamBeginCapture(void *stream, int mode) {
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

int streamEndCapture(void *stream, void **graph) {
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

int graphInstantiate(void **exec, void *graph, unsigned long long) {
  BEGIN("cuGraphInstantiateWithFlags")
  if (!has(graph, Kind::Graph))
    return InvalidHandle;
  Object made = object(graph);
  made.kind = Kind::Exec;
  *exec = create(std::move(made));
  return Success;
}

int graphDestroy(void *graph) {
  BEGIN("cuGraphDestroy")
  return destroy(graph, Kind::Graph);
}

int graphExecDestroy(void *exec) {
  mustNotBlock("cuGraphExecDestroy");
  BEGIN("cuGraphExecDestroy")
  return destroy(exec, Kind::Exec);
}

int graphLaunch(void *exec, void *stream) {
  BEGIN("cuGraphLaunch")
  if (!has(exec, Kind::Exec) || !takesWork(stream))
    return InvalidHandle;
  for (const std::string &kernel : object(exec).kernels)
    if (object(stream).capturing)
      object(stream).kernels.push_back(kernel);
    else
      run(kernel);
  return Success;
}

int eventCreate(void **event, unsigned) {
  BEGIN("cuEventCreate")
  *event = create({Kind::Event});
  return Success;
}

int eventDestroy(void *event) {
  mustNotBlock("cuEventDestroy");
  BEGIN("cuEventDestroy")
  return destroy(event, Kind::Event);
}

int eventRecord(void *event, void *stream) {
  BEGIN("cuEventRecord")
  if (!has(event, Kind::Event) || !takesWork(stream))
    return InvalidHandle;
  object(event).time = state.clock;
  object(event).captured = object(stream).capturing;
  return Success;
}

int eventQuery(void *event) {
  BEGIN("cuEventQuery")
  if (!has(event, Kind::Event))
    return InvalidHandle;
  MUST_NOT_DISTURB()
  if (object(event).captured) {
    for (auto &[handle, object] : state.objects)
      object.invalidated |= object.capturing;
    return CapturedEvent;
  }
  return state.fates[current].hung ? NotReady : Success;
}

int eventElapsedTime(float *milliseconds, void *begin_, void *end) {
  BEGIN("cuEventElapsedTime")
  if (!has(begin_, Kind::Event) || !has(end, Kind::Event) ||
      object(begin_).captured || object(end).captured)
    return InvalidHandle;
  *milliseconds = static_cast<float>(object(end).time - object(begin_).time);
  return Success;
}

int tensorMapEncodeTiled(void *map, int element, uint32_t rank, void *address,
                         const uint64_t *sizes, const uint64_t *strides,
                         const uint32_t *box, const uint32_t *steps, int, int,
                         int, int) {
  BEGIN("cuTensorMapEncodeTiled")
  if (reinterpret_cast<uintptr_t>(address) % 16 || box[0] > 256)
    return InvalidValue;
  for (uint32_t i = 0; i + 1 < rank; ++i)
    if (strides[i] % 16)
      return InvalidValue;
  memset(map, 0x5a, 128);
  return Success;
}

//===----------------------------------------------------------------------===//
// What tests say
//===----------------------------------------------------------------------===//

void reset(const FakeGpu *gpu) {
  releaseContext(0);
  state = State();
  if (gpu)
    state.gpu = *gpu;
}

void failAt(const char *name, int count, int result) {
  state.failures[name][count] = result;
}

void hide(const char *name) { state.hidden.insert(name); }

int calls(const char *name) { return state.calls[name]; }

int live() {
  int count = 0;
  for (const auto &[handle, object] : state.objects)
    count += !state.fates[object.context].hung;
  for (const auto *blocks : {&state.memory, &state.pinned})
    for (const auto &[address, block] : *blocks)
      count += !state.fates[block.context].hung;
  return count;
}

int swept() { return state.swept; }

const char *launches() { return state.launches.c_str(); }

/// FAKE_CUDA=setting=value,...: the members of `FakeGpu`, and fail=NAME:COUNT:
/// RESULT.
const bool configured = [] {
  const char *text = getenv("FAKE_CUDA");
  std::string rest = text ? text : "";
  while (!rest.empty()) {
    std::string item = rest.substr(0, rest.find(','));
    rest.erase(0, item.size() + 1);
    std::string key = item.substr(0, item.find('=')),
                value = item.substr(std::min(item.size(), key.size() + 1));
    if (key == "gpus")
      state.gpu.gpus = std::stoi(value);
    else if (key == "driver")
      state.gpu.driverVersion = std::stoi(value);
    else if (key == "capability")
      state.gpu.capability = std::stoi(value);
    else if (key == "memory")
      state.gpu.memoryBytes = std::stoull(value);
    else if (key == "fail") {
      size_t colon = value.find(':'), second = value.find(':', colon + 1);
      failAt(value.substr(0, colon).c_str(), std::stoi(value.substr(colon + 1)),
             std::stoi(value.substr(second + 1)));
    } else {
      fprintf(stderr, "FAKE_CUDA: what is %s?\n", item.c_str());
      abort();
    }
  }
  return true;
}();

/// At the end, programs leave their launches where the test wants them.
struct AtExit {
  ~AtExit() {
    if (const char *path = getenv("FAKE_CUDA_LAUNCHES"))
      if (FILE *file = fopen(path, "w")) {
        fputs(state.launches.c_str(), file);
        fclose(file);
      }
  }
} atExit;

const struct {
  const char *name;
  void *address;
} kEntries[] = {
#define ENTRY(name, function) {name, reinterpret_cast<void *>(function)}
    ENTRY("cuInit", init),
    ENTRY("cuDriverGetVersion", driverGetVersion),
    ENTRY("cuGetErrorName", getErrorName),
    ENTRY("cuGetErrorString", getErrorString),
    ENTRY("cuDeviceGetCount", deviceGetCount),
    ENTRY("cuDeviceGet", deviceGet),
    ENTRY("cuDeviceGetName", deviceGetName),
    ENTRY("cuDeviceGetAttribute", deviceGetAttribute),
    ENTRY("cuDeviceTotalMem", deviceTotalMem),
    ENTRY("cuCtxCreate", ctxCreate),
    ENTRY("cuCtxDestroy", ctxDestroy),
    ENTRY("cuCtxSetCurrent", ctxSetCurrent),
    ENTRY("cuMemGetInfo", memGetInfo),
    ENTRY("cuMemAlloc", memAlloc),
    ENTRY("cuMemFree", memFree),
    ENTRY("cuMemHostAlloc", memHostAlloc),
    ENTRY("cuMemFreeHost", memFreeHost),
    ENTRY("cuMemcpyHtoDAsync", memcpyHtoDAsync),
    ENTRY("cuMemcpyDtoHAsync", memcpyDtoHAsync),
    ENTRY("cuMemsetD8Async", memsetD8Async),
    ENTRY("cuModuleLoadDataEx", moduleLoadDataEx),
    ENTRY("cuModuleUnload", moduleUnload),
    ENTRY("cuModuleGetFunction", moduleGetFunction),
    ENTRY("cuFuncSetAttribute", funcSetAttribute),
    ENTRY("cuLaunchKernel", launchKernel),
    ENTRY("cuStreamCreate", streamCreate),
    ENTRY("cuStreamDestroy", streamDestroy),
    ENTRY("cuStreamBeginCapture", streamBeginCapture),
    ENTRY("cuStreamEndCapture", streamEndCapture),
    ENTRY("cuGraphInstantiateWithFlags", graphInstantiate),
    ENTRY("cuGraphDestroy", graphDestroy),
    ENTRY("cuGraphExecDestroy", graphExecDestroy),
    ENTRY("cuGraphLaunch", graphLaunch),
    ENTRY("cuEventCreate", eventCreate),
    ENTRY("cuEventDestroy", eventDestroy),
    ENTRY("cuEventRecord", eventRecord),
    ENTRY("cuEventQuery", eventQuery),
    ENTRY("cuEventElapsedTime", eventElapsedTime),
    ENTRY("cuTensorMapEncodeTiled", tensorMapEncodeTiled),
    ENTRY("cuFuncGetParamInfo", funcGetParamInfo),
#undef ENTRY
};

} // namespace

extern "C" {
[[gnu::visibility("default")]] extern const FakeDriver fakeDriver;
const FakeDriver fakeDriver = {reset, failAt, hide,    calls,
                               live,  swept,  launches};

/// As NVIDIA's, it knows an entry by its name without a version's suffix.
[[gnu::visibility("default")]] int
cuGetProcAddress(const char *name, void **address, int version, uint64_t flags);
int cuGetProcAddress(const char *name, void **address, int version, uint64_t) {
  if (int told = begin("cuGetProcAddress"))
    return told;
  *address = nullptr;
  if (state.hidden.count(name) || version > state.gpu.driverVersion ||
      (!strcmp(name, "cuFuncGetParamInfo") && !state.gpu.parameterBytes))
    return NotFound;
  for (const auto &entry : kEntries)
    if (!strcmp(entry.name, name)) {
      *address = entry.address;
      return Success;
    }
  return NotFound;
}

#ifndef FAKE_DRIVER_OLD
/// As in later drivers, what is not there is no error.
[[gnu::visibility("default")]] int
cuGetProcAddress_v2(const char *name, void **address, int version,
                    uint64_t flags, int *why);
int cuGetProcAddress_v2(const char *name, void **address, int version,
                        uint64_t flags, int *why) {
  int result = cuGetProcAddress(name, address, version, flags);
  *why = result == NotFound;
  return result == NotFound ? int(Success) : result;
}
#endif
}
