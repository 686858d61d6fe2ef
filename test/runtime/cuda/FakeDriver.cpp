//===- FakeDriver.cpp - A CUDA driver without a GPU -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeState.h"
#include "FakeTensorMap.h"

#include <algorithm>
#include <climits>
#include <cstring>

using namespace fake;

namespace {

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
  std::lock_guard<std::mutex> lock(mutex);
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
  under.push_back(current);
  current = reinterpret_cast<uintptr_t>(*context);
  object(*context).context = current;
  return Success;
}

int ctxDestroy(void *context) {
  std::lock_guard<std::mutex> lock(mutex);
  int told = begin("cuCtxDestroy");
  if (!has(context, Kind::Context))
    return told ? told : InvalidContext;
  auto handle = reinterpret_cast<uintptr_t>(context);
  mustNotBlock("cuCtxDestroy", state.fates[handle].hung);
  // Everything goes with it, whatever it says.
  state.swept += countIn(handle) - 1; // but for itself
  releaseContext(handle);
  if (handle == current && !under.empty()) {
    current = under.back();
    under.pop_back();
  }
  return told ? told : state.fates[handle].sticky;
}

int ctxPushCurrent(void *context) {
  BEGIN_ANYWHERE("cuCtxPushCurrent")
  if (!has(context, Kind::Context))
    return InvalidContext;
  under.push_back(current);
  current = reinterpret_cast<uintptr_t>(context);
  return Success;
}

int ctxPopCurrent(void **context) {
  BEGIN_ANYWHERE("cuCtxPopCurrent")
  if (under.empty())
    return InvalidContext;
  *context = reinterpret_cast<void *>(current);
  current = under.back();
  under.pop_back();
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
  BEGIN("cuMemFree")
  mustNotBlock("cuMemFree");
  MUST_NOT_DISTURB()
  if (!inMemory(address, 1) || !state.memory.count(address))
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
  BEGIN("cuMemFreeHost")
  mustNotBlock("cuMemFreeHost");
  MUST_NOT_DISTURB()
  auto address = reinterpret_cast<uint64_t>(data);
  if (!inBlock(state.pinned, address, 1) || !state.pinned.count(address))
    return InvalidValue;
  releaseBlock(address, /*isPinned=*/true);
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
  std::lock_guard<std::mutex> lock(mutex);
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
  Object made{Kind::Module};
  made.described = readParameters(static_cast<const char *>(image));
  *module = create(std::move(made));
  return Success;
}

int moduleUnload(void *module) {
  BEGIN("cuModuleUnload")
  mustNotBlock("cuModuleUnload");
  MUST_NOT_DISTURB()
  if (has(module, Kind::Module))
    for (auto it = state.functions.begin(); it != state.functions.end();)
      it = it->first.first == module ? state.functions.erase(it) : next(it);
  return destroy(module, Kind::Module);
}

int moduleGetFunction(void **function, void *module, const char *name) {
  BEGIN("cuModuleGetFunction")
  if (!has(module, Kind::Module))
    return InvalidHandle;
  if (!strcmp(name, kMissingKernel))
    return NotFound;
  Object made{Kind::Function, current, name, 48 << 10};
  made.parameters = state.gpu.parameterBytes == FakeGpu::kOfImage
                        ? object(module).described[name]
                        : makeParameters(state.gpu.parameterBytes);
  *function =
      &state.functions.emplace(std::pair(module, name), made).first->second;
  return Success;
}

/// Null for what is no function of the thread's context.
Object *functionOf(void *handle) {
  for (auto &[key, function] : state.functions)
    if (&function == handle && function.context == current)
      return &function;
  return nullptr;
}

int funcGetAttribute(int *value, int attribute, void *function) {
  BEGIN("cuFuncGetAttribute")
  if (!functionOf(function))
    return InvalidHandle;
  if (attribute != 0) // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
    return InvalidValue;
  *value = state.gpu.threads;
  return Success;
}

int funcSetAttribute(void *function, int attribute, int value) {
  BEGIN("cuFuncSetAttribute")
  Object *kernel = functionOf(function);
  if (!kernel)
    return InvalidHandle;
  if (attribute != 8 || value > state.gpu.sharedBytes)
    return InvalidValue;
  kernel->sharedBytes = value;
  return Success;
}

int funcGetParamInfo(void *function, size_t index, size_t *offset,
                     size_t *size) {
  BEGIN("cuFuncGetParamInfo")
  const Object *kernel = functionOf(function);
  if (!kernel)
    return InvalidHandle;
  if (index >= kernel->parameters.size())
    return InvalidValue;
  *offset = kernel->parameters[index].offset;
  *size = kernel->parameters[index].bytes;
  return Success;
}

void run(const std::string &kernel, Progress &progress) {
  state.clock += 0.01;
  ++progress.launched;
  if (kernel == kFaultingKernel)
    state.fates[current].sticky = IllegalAddress;
  if (kernel == kLateFaultingKernel)
    progress.faultsAt = std::min(progress.faultsAt, progress.launched);
  if (kernel == kHangingKernel) {
    progress.hangsAt = std::min(progress.hangsAt, progress.launched);
    state.fates[current].hung = true;
  }
}

/// The values of a kernel's parameters, handed over in either way. False where
/// they are not the kernel's.
bool takeParameters(const Object &kernel, void **parameters, void **extra,
                    std::vector<std::string> &values) {
  const Parameters &known = kernel.parameters;
  if (parameters && extra)
    return false;
  if (parameters)
    for (size_t i = 0; i < known.size(); ++i)
      values.emplace_back(static_cast<char *>(parameters[i]), known[i].bytes);
  if (!extra)
    return true;
  // CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE and _END.
  if (extra[0] != reinterpret_cast<void *>(1) ||
      extra[2] != reinterpret_cast<void *>(2) || extra[4])
    return false;
  const char *from = static_cast<char *>(extra[1]);
  size_t bytes = *static_cast<size_t *>(extra[3]);
  if (!known.empty() && bytes != known.back().offset + known.back().bytes)
    return false;
  for (const auto &[offset, each] :
       known.empty() ? makeParameters(static_cast<int>(bytes)) : known)
    values.emplace_back(from + offset, each);
  return true;
}

/// The values in words, and what comes of them: a map of a tensor that is none
/// is an illegal instruction, and one of memory that is not there reads beyond
/// it, as soon as the kernel uses it.
std::string describeValues(const std::vector<std::string> &values,
                           Result &fault) {
  std::string text;
  for (const std::string &value : values) {
    uint64_t word = 0;
    memcpy(&word, value.data(), std::min<size_t>(value.size(), sizeof word));
    // Addresses differ from run to run; that one lies in a block does not.
    if (value.size() <= sizeof word) {
      text += inMemory(word, 1) ? " address" : " " + std::to_string(word);
      continue;
    }
    TensorMap map;
    if (!readMap(value, map)) {
      fault = IllegalInstruction;
      text += " " + std::to_string(value.size()) + " bytes";
      continue;
    }
    if (!inMemory(map.address, map.bytes()))
      fault = IllegalAddress;
    text += " " + describeMap(map);
  }
  return text;
}

int launchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ,
                 unsigned threads, unsigned threadsY, unsigned threadsZ,
                 unsigned sharedBytes, void *stream, void **parameters,
                 void **extra) {
  BEGIN("cuLaunchKernel")
  Object *kernel = functionOf(function);
  if (!kernel || !takesWork(stream))
    return InvalidHandle;
  if (!gridX || gridX > INT_MAX || !gridY || !gridZ || gridY > 65535 ||
      gridZ > 65535 || !threads || threads > unsigned(state.gpu.threads) ||
      threadsY != 1 || threadsZ != 1 ||
      sharedBytes > unsigned(kernel->sharedBytes))
    return InvalidValue;
  std::vector<std::string> values;
  if (!takeParameters(*kernel, parameters, extra, values))
    return InvalidValue;
  char line[160];
  snprintf(line, sizeof line, "%s grid %u %u %u threads %u shared %u arguments",
           kernel->name.c_str(), gridX, gridY, gridZ, threads, sharedBytes);
  Result fault = Success;
  state.launches += line + describeValues(values, fault) + "\n";
  if (object(stream).capturing) {
    object(stream).kernels.push_back(kernel->name);
    return Success;
  }
  run(kernel->name, object(stream).progress);
  if (fault)
    state.fates[current].sticky = fault;
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
  BEGIN("cuStreamDestroy")
  if (takesWork(stream))
    mustNotBlock("cuStreamDestroy",
                 object(stream).progress.hangsAt != Progress::kNever);
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
  BEGIN("cuGraphExecDestroy")
  mustNotBlock("cuGraphExecDestroy");
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
      run(kernel, object(stream).progress);
  return Success;
}

int eventCreate(void **event, unsigned) {
  BEGIN("cuEventCreate")
  *event = create({Kind::Event});
  return Success;
}

int eventDestroy(void *event) {
  // By the reference, it does not wait for an event to come.
  BEGIN("cuEventDestroy")
  return destroy(event, Kind::Event);
}

int eventRecord(void *event, void *stream) {
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
bool hasCome(const Object &event) {
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
  return hasCome(object(event)) ? Success : NotReady;
}

int eventElapsedTime(float *milliseconds, void *begin_, void *end) {
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

int tensorMapEncodeTiled(void *map, int element, uint32_t rank, void *address,
                         const uint64_t *sizes, const uint64_t *strides,
                         const uint32_t *box, const uint32_t *steps,
                         int interleave, int swizzle, int promotion, int fill) {
  BEGIN("cuTensorMapEncodeTiled")
  // Tiles whose elements are neighbours is all that the launcher asks for.
  if (interleave || promotion < 0 || promotion > 3 || fill || element < 0 ||
      element > 9 || swizzle < 0 || rank < 1 || rank > 5)
    return InvalidValue;
  TensorMap made{reinterpret_cast<uint64_t>(address), uint8_t(element),
                 uint8_t(swizzle), uint16_t(rank)};
  std::copy_n(sizes, rank, made.sizes);
  std::copy_n(strides, rank - 1, made.strides);
  std::copy_n(box, rank, made.box);
  if (!isPossible(made) || std::count(steps, steps + rank, 1u) != rank)
    return InvalidValue;
  return writeMap(made, map) ? Success : InvalidValue;
}

//===----------------------------------------------------------------------===//
// What tests say
//===----------------------------------------------------------------------===//

void reset(const FakeGpu *gpu) {
  releaseContext(0);
  state = State();
  under.clear();
  current = 0;
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

void setCurrent(uintptr_t context) { current = context; }

uintptr_t getCurrent() { return current; }

const char *launches() { return state.launches.c_str(); }

/// FAKE_CUDA=setting=value,...: the members of `FakeGpu`, and fail=NAME:COUNT:
/// RESULT.
const bool configured = [] {
  const char *text = getenv("FAKE_CUDA");
  if (!text)
    return false;
  state.gpu.parameterBytes = FakeGpu::kOfImage;
  std::string rest = text;
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

/// What a caller gets who asks for another version: its parameters differ.
int otherSignature() {
  fprintf(stderr, "called by the signature of another version of CUDA\n");
  abort();
}

/// Each has the signature of the versions `since` to those before `until`
/// (cudaTypedefs.h).
constexpr int kLast = INT_MAX;
const struct {
  const char *name;
  void *address;
  int since, until;
} kEntries[] = {
#define ENTRY(name, function, since, until)                                    \
  {name, reinterpret_cast<void *>(function), since, until}
    ENTRY("cuInit", init, 2000, kLast),
    ENTRY("cuDriverGetVersion", driverGetVersion, 2020, kLast),
    ENTRY("cuGetErrorName", getErrorName, 6000, kLast),
    ENTRY("cuGetErrorString", getErrorString, 6000, kLast),
    ENTRY("cuDeviceGetCount", deviceGetCount, 2000, kLast),
    ENTRY("cuDeviceGet", deviceGet, 2000, kLast),
    ENTRY("cuDeviceGetName", deviceGetName, 2000, kLast),
    ENTRY("cuDeviceGetAttribute", deviceGetAttribute, 2000, kLast),
    ENTRY("cuDeviceTotalMem", deviceTotalMem, 3020, kLast),
    ENTRY("cuCtxCreate", ctxCreate, 3020, 11040),
    ENTRY("cuCtxDestroy", ctxDestroy, 4000, kLast),
    ENTRY("cuCtxPushCurrent", ctxPushCurrent, 4000, kLast),
    ENTRY("cuCtxPopCurrent", ctxPopCurrent, 4000, kLast),
    ENTRY("cuMemGetInfo", memGetInfo, 3020, kLast),
    ENTRY("cuMemAlloc", memAlloc, 3020, kLast),
    ENTRY("cuMemFree", memFree, 3020, kLast),
    ENTRY("cuMemHostAlloc", memHostAlloc, 2020, kLast),
    ENTRY("cuMemFreeHost", memFreeHost, 2000, kLast),
    ENTRY("cuMemcpyHtoDAsync", memcpyHtoDAsync, 3020, kLast),
    ENTRY("cuMemcpyDtoHAsync", memcpyDtoHAsync, 3020, kLast),
    ENTRY("cuMemsetD8Async", memsetD8Async, 3020, kLast),
    ENTRY("cuModuleLoadDataEx", moduleLoadDataEx, 2010, kLast),
    ENTRY("cuModuleUnload", moduleUnload, 2000, kLast),
    ENTRY("cuModuleGetFunction", moduleGetFunction, 2000, kLast),
    ENTRY("cuFuncGetAttribute", funcGetAttribute, 2020, kLast),
    ENTRY("cuFuncSetAttribute", funcSetAttribute, 9000, kLast),
    ENTRY("cuLaunchKernel", launchKernel, 4000, kLast),
    ENTRY("cuStreamCreate", streamCreate, 2000, kLast),
    ENTRY("cuStreamDestroy", streamDestroy, 4000, kLast),
    ENTRY("cuStreamBeginCapture", streamBeginCapture, 10010, kLast),
    ENTRY("cuStreamEndCapture", streamEndCapture, 10000, kLast),
    ENTRY("cuGraphInstantiateWithFlags", graphInstantiate, 11040, kLast),
    ENTRY("cuGraphDestroy", graphDestroy, 10000, kLast),
    ENTRY("cuGraphExecDestroy", graphExecDestroy, 10000, kLast),
    ENTRY("cuGraphLaunch", graphLaunch, 10000, kLast),
    ENTRY("cuEventCreate", eventCreate, 2000, kLast),
    ENTRY("cuEventDestroy", eventDestroy, 4000, kLast),
    ENTRY("cuEventRecord", eventRecord, 2000, kLast),
    ENTRY("cuEventQuery", eventQuery, 2000, kLast),
    ENTRY("cuEventElapsedTime", eventElapsedTime, 2000, 12080),
    ENTRY("cuTensorMapEncodeTiled", tensorMapEncodeTiled, 12000, kLast),
    ENTRY("cuFuncGetParamInfo", funcGetParamInfo, 12040, kLast),
#undef ENTRY
};

} // namespace

extern "C" {
[[gnu::visibility("default")]] extern const FakeDriver fakeDriver;
const FakeDriver fakeDriver = {reset, failAt,   hide,       calls,     live,
                               swept, launches, setCurrent, getCurrent};

/// As NVIDIA's, it knows an entry by its name without a version's suffix.
[[gnu::visibility("default")]] int
cuGetProcAddress(const char *name, void **address, int version, uint64_t flags);
int cuGetProcAddress(const char *name, void **address, int version, uint64_t) {
  BEGIN_ANYWHERE("cuGetProcAddress")
  *address = nullptr;
  if (state.hidden.count(name) || version > state.gpu.driverVersion ||
      (!strcmp(name, "cuFuncGetParamInfo") && !state.gpu.parameterBytes))
    return NotFound;
  for (const auto &entry : kEntries)
    if (!strcmp(entry.name, name)) {
      if (entry.since > state.gpu.driverVersion)
        return NotFound;
      *address = entry.since <= version && version < entry.until
                     ? entry.address
                     : reinterpret_cast<void *>(otherSignature);
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
