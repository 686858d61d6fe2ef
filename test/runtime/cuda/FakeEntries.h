//===- FakeEntries.h - The entry points of the fake driver ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each has the parameters of the version of CUDA that `kEntries` says.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKEENTRIES_H_
#define TEST_RUNTIME_CUDA_FAKEENTRIES_H_

#include <cstddef>
#include <cstdint>

namespace fake {

int init(unsigned);
int driverGetVersion(int *version);
int getErrorName(int result, const char **name);
int getErrorString(int result, const char **text);
int deviceGetCount(int *count);
int deviceGet(int *device, int number);
int deviceGetName(char *name, int bytes, int);
int deviceGetAttribute(int *value, int attribute, int);
int deviceTotalMem(size_t *bytes, int);
int ctxCreate(void **context, unsigned, int);
int ctxDestroy(void *context);
int ctxPushCurrent(void *context);
int ctxPopCurrent(void **context);
int memGetInfo(size_t *free, size_t *total);
int memAlloc(uint64_t *address, size_t bytes);
int memFree(uint64_t address);
int memHostAlloc(void **data, size_t bytes, unsigned);
int memFreeHost(void *data);
int memcpyHtoDAsync(uint64_t to, const void *from, size_t bytes, void *stream);
int memcpyDtoHAsync(void *to, uint64_t from, size_t bytes, void *stream);
int memsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream);
int moduleLoadDataEx(void **module, const void *image, unsigned count,
                     int *options, void **values);
int moduleUnload(void *module);
int moduleGetFunction(void **function, void *module, const char *name);
int funcGetAttribute(int *value, int attribute, void *function);
int funcSetAttribute(void *function, int attribute, int value);
int launchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ,
                 unsigned threads, unsigned threadsY, unsigned threadsZ,
                 unsigned sharedBytes, void *stream, void **parameters,
                 void **extra);
int streamCreate(void **stream, unsigned);
int streamDestroy(void *stream);
int streamWaitEvent(void *stream, void *event, unsigned flags);
int streamBeginCapture(void *stream, int mode);
int streamEndCapture(void *stream, void **graph);
int graphInstantiate(void **exec, void *graph, unsigned long long);
int graphDestroy(void *graph);
int graphExecDestroy(void *exec);
int graphLaunch(void *exec, void *stream);
int eventCreate(void **event, unsigned);
int eventDestroy(void *event);
int eventRecord(void *event, void *stream);
int eventQuery(void *event);
int eventElapsedTime(float *milliseconds, void *begin_, void *end);
int tensorMapEncodeTiled(void *map, int element, uint32_t rank, void *address,
                         const uint64_t *sizes, const uint64_t *strides,
                         const uint32_t *box, const uint32_t *steps,
                         int interleave, int swizzle, int promotion, int fill);
int funcGetParamInfo(void *function, size_t index, size_t *offset,
                     size_t *size);

} // namespace fake

#endif // TEST_RUNTIME_CUDA_FAKEENTRIES_H_
