//===- Driver.h - The driver's entry points ---------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What of NVIDIA's driver API is used, declared here so that nothing of a
// toolkit is needed to build. Names, values and layouts are those of the API's
// reference. Each entry point is asked for by the version of CUDA whose
// signature it has: a newer driver keeps the older ones (cuGetProcAddress).
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_DRIVER_H_
#define TOKRT_CUDA_DRIVER_H_

#include "tokrt/tokrt.h"

#include <cstddef>
#include <cstdint>

namespace tokrt::cuda {

using Result = int; // CUresult
inline constexpr Result kSuccess = 0, kInvalidValue = 1, kNotReady = 600;

using DeviceNumber = int;          // CUdevice
using Address = uint64_t;          // CUdeviceptr
using Context = struct Context_ *; // the driver's handles are opaque
using Module = struct Module_ *;
using Function = struct Function_ *;
using Stream = struct Stream_ *;
using Event = struct Event_ *;
using Graph = struct Graph_ *;
using GraphExec = struct GraphExec_ *;

// CUdevice_attribute
inline constexpr int kMultiprocessors = 16, kL2Bytes = 38,
                     kCapabilityMajor = 75, kCapabilityMinor = 76,
                     kSharedBytesOptIn = 97;
// CUfunction_attribute
inline constexpr int kMaxThreads = 0, kOwnSharedBytes = 1,
                     kMaxDynamicSharedBytes = 8;
// CUstream_flags, CUevent_flags, CUevent_wait_flags, CUstreamCaptureMode
inline constexpr unsigned kNonBlocking = 1, kNoTiming = 2, kWaitByDefault = 0;
inline constexpr int kCaptureRelaxed = 2;
// CUjit_option
inline constexpr int kErrorLog = 5, kErrorLogBytes = 6;
// Markers of cuLaunchKernel's `extra`.
inline void *const kArgumentBuffer = reinterpret_cast<void *>(1);
inline void *const kArgumentBytes = reinterpret_cast<void *>(2);

/// The oldest driver that is taken: it is the first with
/// cuGraphInstantiateWithFlags.
inline constexpr int kOldestDriver = 11040;

/// One function of the driver. `Parameters` are those of its version `version`.
template <typename... Parameters>
struct Entry {
  const char *name;
  int version;
  Result (*function)(Parameters...);
};

/// member(driver's name, version, parameters...). An entry that came after
/// `kOldestDriver` may be null.
#define TOKRT_CUDA_ENTRIES(E)                                                  \
  E(init, "cuInit", 2000, unsigned)                                            \
  E(driverGetVersion, "cuDriverGetVersion", 2020, int *)                       \
  E(getErrorName, "cuGetErrorName", 6000, Result, const char **)               \
  E(getErrorString, "cuGetErrorString", 6000, Result, const char **)           \
  E(deviceGetCount, "cuDeviceGetCount", 2000, int *)                           \
  E(deviceGet, "cuDeviceGet", 2000, DeviceNumber *, int)                       \
  E(deviceGetName, "cuDeviceGetName", 2000, char *, int, DeviceNumber)         \
  E(deviceGetAttribute, "cuDeviceGetAttribute", 2000, int *, int,              \
    DeviceNumber)                                                              \
  E(deviceTotalMem, "cuDeviceTotalMem", 3020, size_t *, DeviceNumber)          \
  E(ctxCreate, "cuCtxCreate", 3020, Context *, unsigned, DeviceNumber)         \
  E(ctxDestroy, "cuCtxDestroy", 4000, Context)                                 \
  E(ctxPushCurrent, "cuCtxPushCurrent", 4000, Context)                         \
  E(ctxPopCurrent, "cuCtxPopCurrent", 4000, Context *)                         \
  E(memGetInfo, "cuMemGetInfo", 3020, size_t *, size_t *)                      \
  E(memAlloc, "cuMemAlloc", 3020, Address *, size_t)                           \
  E(memFree, "cuMemFree", 3020, Address)                                       \
  E(memHostAlloc, "cuMemHostAlloc", 2020, void **, size_t, unsigned)           \
  E(memFreeHost, "cuMemFreeHost", 2000, void *)                                \
  E(memcpyHtoDAsync, "cuMemcpyHtoDAsync", 3020, Address, const void *, size_t, \
    Stream)                                                                    \
  E(memcpyDtoHAsync, "cuMemcpyDtoHAsync", 3020, void *, Address, size_t,       \
    Stream)                                                                    \
  E(memsetD8Async, "cuMemsetD8Async", 3020, Address, unsigned char, size_t,    \
    Stream)                                                                    \
  E(moduleLoadDataEx, "cuModuleLoadDataEx", 2010, Module *, const void *,      \
    unsigned, int *, void **)                                                  \
  E(moduleUnload, "cuModuleUnload", 2000, Module)                              \
  E(moduleGetFunction, "cuModuleGetFunction", 2000, Function *, Module,        \
    const char *)                                                              \
  E(funcGetAttribute, "cuFuncGetAttribute", 2020, int *, int, Function)        \
  E(funcSetAttribute, "cuFuncSetAttribute", 9000, Function, int, int)          \
  E(launchKernel, "cuLaunchKernel", 4000, Function, unsigned, unsigned,        \
    unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void **,         \
    void **)                                                                   \
  E(streamCreate, "cuStreamCreate", 2000, Stream *, unsigned)                  \
  E(streamDestroy, "cuStreamDestroy", 4000, Stream)                            \
  E(streamWaitEvent, "cuStreamWaitEvent", 3020, Stream, Event, unsigned)       \
  E(streamBeginCapture, "cuStreamBeginCapture", 10010, Stream, int)            \
  E(streamEndCapture, "cuStreamEndCapture", 10000, Stream, Graph *)            \
  E(graphInstantiate, "cuGraphInstantiateWithFlags", 11040, GraphExec *,       \
    Graph, unsigned long long)                                                 \
  E(graphDestroy, "cuGraphDestroy", 10000, Graph)                              \
  E(graphExecDestroy, "cuGraphExecDestroy", 10000, GraphExec)                  \
  E(graphLaunch, "cuGraphLaunch", 10000, GraphExec, Stream)                    \
  E(eventCreate, "cuEventCreate", 2000, Event *, unsigned)                     \
  E(eventDestroy, "cuEventDestroy", 4000, Event)                               \
  E(eventRecord, "cuEventRecord", 2000, Event, Stream)                         \
  E(eventQuery, "cuEventQuery", 2000, Event)                                   \
  E(eventElapsedTime, "cuEventElapsedTime", 2000, float *, Event, Event)       \
  E(tensorMapEncodeTiled, "cuTensorMapEncodeTiled", 12000, void *, int,        \
    uint32_t, void *, const uint64_t *, const uint64_t *, const uint32_t *,    \
    const uint32_t *, int, int, int, int)                                      \
  E(funcGetParamInfo, "cuFuncGetParamInfo", 12040, Function, size_t, size_t *, \
    size_t *)

/// The opened driver.
struct Driver {
#define TOKRT_CUDA_MEMBER(member, name, version, ...)                          \
  Entry<__VA_ARGS__> member{name, version, nullptr};
  TOKRT_CUDA_ENTRIES(TOKRT_CUDA_MEMBER)
#undef TOKRT_CUDA_MEMBER

  /// CUDA's version, 12040 for 12.4; 0 before it was asked.
  int version = 0;

  /// Opens the library at `path`, or where it is looked for without one
  /// (tokrt/cuda.h), and finds all entry points. Initializes nothing. The
  /// library stays open: NVIDIA's leaves threads behind that run its code.
  tokrt_status_t open(const char *path, tokrt_error_t *error);
};

} // namespace tokrt::cuda

#endif // TOKRT_CUDA_DRIVER_H_
