//===- FakeContext.cpp - GPUs and contexts --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeState.h"

#include <map>
#include <string>

using namespace fake;

int fake::init(unsigned) {
  BEGIN_ANYWHERE("cuInit")
  state.initialized = true;
  return Success;
}

int fake::driverGetVersion(int *version) {
  BEGIN_ANYWHERE("cuDriverGetVersion")
  *version = state.gpu.driverVersion;
  return Success;
}

int fake::getErrorName(int result, const char **name) {
  std::lock_guard<std::mutex> lock(mutex);
  static std::map<int, std::string> names;
  std::string &text = names[result];
  text = "FAKE_ERROR_" + std::to_string(result);
  *name = text.c_str();
  return Success;
}

int fake::getErrorString(int result, const char **text) {
  *text = "as the test says";
  return Success;
}

int fake::deviceGetCount(int *count) {
  BEGIN_ANYWHERE("cuDeviceGetCount")
  if (!state.initialized)
    return NotInitialized;
  *count = state.gpu.gpus;
  return Success;
}

int fake::deviceGet(int *device, int number) {
  BEGIN_ANYWHERE("cuDeviceGet")
  if (number < 0 || number >= state.gpu.gpus)
    return InvalidDevice;
  *device = number;
  return Success;
}

int fake::deviceGetName(char *name, int bytes, int) {
  BEGIN_ANYWHERE("cuDeviceGetName")
  snprintf(name, bytes, "Fake GPU");
  return Success;
}

int fake::deviceGetAttribute(int *value, int attribute, int) {
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

int fake::deviceTotalMem(size_t *bytes, int) {
  BEGIN_ANYWHERE("cuDeviceTotalMem")
  *bytes = state.gpu.memoryBytes;
  return Success;
}

int fake::ctxCreate(void **context, unsigned, int) {
  BEGIN_ANYWHERE("cuCtxCreate")
  *context = create({Kind::Context});
  under.push_back(current);
  current = reinterpret_cast<uintptr_t>(*context);
  object(*context).context = current;
  return Success;
}

int fake::ctxDestroy(void *context) {
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

int fake::ctxPushCurrent(void *context) {
  BEGIN_ANYWHERE("cuCtxPushCurrent")
  if (!has(context, Kind::Context))
    return InvalidContext;
  under.push_back(current);
  current = reinterpret_cast<uintptr_t>(context);
  return Success;
}

int fake::ctxPopCurrent(void **context) {
  BEGIN_ANYWHERE("cuCtxPopCurrent")
  if (under.empty())
    return InvalidContext;
  *context = reinterpret_cast<void *>(current);
  current = under.back();
  under.pop_back();
  return Success;
}
