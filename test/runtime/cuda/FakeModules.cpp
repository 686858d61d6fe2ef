//===- FakeModules.cpp - Modules and launches -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeStream.h"
#include "FakeTensorMap.h"

#include <algorithm>
#include <climits>
#include <cstring>

using namespace fake;

int fake::moduleLoadDataEx(void **module, const void *image, unsigned count,
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

int fake::moduleUnload(void *module) {
  BEGIN("cuModuleUnload")
  mustNotBlock("cuModuleUnload");
  MUST_NOT_DISTURB()
  if (has(module, Kind::Module))
    for (auto it = state.functions.begin(); it != state.functions.end();)
      it = it->first.first == module ? state.functions.erase(it) : next(it);
  return destroy(module, Kind::Module);
}

int fake::moduleGetFunction(void **function, void *module, const char *name) {
  BEGIN("cuModuleGetFunction")
  if (!has(module, Kind::Module))
    return InvalidHandle;
  if (!strcmp(name, kMissingKernel))
    return NotFound;
  Object made{Kind::Function, current, name,
              (48 << 10) - state.gpu.ownSharedBytes};
  made.parameters = state.gpu.parameterBytes == FakeGpu::kOfImage
                        ? object(module).described[name]
                        : makeParameters(state.gpu.parameterBytes);
  *function =
      &state.functions.emplace(std::pair(module, name), made).first->second;
  return Success;
}

/// Null for what is no function of the thread's context.
static Object *functionOf(void *handle) {
  for (auto &[key, function] : state.functions)
    if (&function == handle && function.context == current)
      return &function;
  return nullptr;
}

int fake::funcGetAttribute(int *value, int attribute, void *function) {
  BEGIN("cuFuncGetAttribute")
  if (!functionOf(function))
    return InvalidHandle;
  switch (attribute) {
  case 0: // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
    *value = state.gpu.threads;
    return Success;
  case 1: // CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
    *value = state.gpu.ownSharedBytes;
    return Success;
  }
  return InvalidValue;
}

int fake::funcSetAttribute(void *function, int attribute, int value) {
  BEGIN("cuFuncSetAttribute")
  Object *kernel = functionOf(function);
  if (!kernel)
    return InvalidHandle;
  if (attribute != 8 ||
      value > state.gpu.sharedBytes - state.gpu.ownSharedBytes)
    return InvalidValue;
  kernel->sharedBytes = value;
  return Success;
}

int fake::funcGetParamInfo(void *function, size_t index, size_t *offset,
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

/// The values of a kernel's parameters, handed over in either way. False where
/// they are not the kernel's.
static bool takeParameters(const Object &kernel, void **parameters,
                           void **extra, std::vector<std::string> &values) {
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
static std::string describeValues(const std::vector<std::string> &values,
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

int fake::launchKernel(void *function, unsigned gridX, unsigned gridY,
                       unsigned gridZ, unsigned threads, unsigned threadsY,
                       unsigned threadsZ, unsigned sharedBytes, void *stream,
                       void **parameters, void **extra) {
  BEGIN("cuLaunchKernel")
  Object *kernel = functionOf(function);
  if (!kernel)
    return InvalidHandle;
  if (Result refused = takeWork(stream))
    return refused;
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
  if (isRecorded(stream, kernel->name))
    return Success;
  run(kernel->name, object(stream).progress);
  if (fault)
    state.fates[current].sticky = fault;
  return Success;
}
int fake::tensorMapEncodeTiled(void *map, int element, uint32_t rank,
                               void *address, const uint64_t *sizes,
                               const uint64_t *strides, const uint32_t *box,
                               const uint32_t *steps, int interleave,
                               int swizzle, int promotion, int fill) {
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
