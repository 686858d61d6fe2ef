//===- FakeDriver.cpp - A CUDA driver without a GPU -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeState.h"

#include <algorithm>
#include <climits>
#include <cstring>

using namespace fake;

namespace {

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
    ENTRY("cuStreamWaitEvent", streamWaitEvent, 3020, kLast),
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
