//===- TensorMap.cpp - What bulk copies are told of a tensor --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/src/Guard.h"

#include <cinttypes>

using namespace tokrt;
using namespace tokrt::cuda;

// CUtensorMapDataType, CUtensorMapSwizzle and the like.
static constexpr int kU8 = 0, kF16 = 6, kF32 = 7, kBF16 = 9;
static constexpr int kNoInterleave = 0, kPromoteToL2By256 = 3, kFillZero = 0;

static int elementOf(tokrt_cuda_element_t element) {
  switch (element) {
  case TOKRT_CUDA_U8:
    return kU8;
  case TOKRT_CUDA_F16:
    return kF16;
  case TOKRT_CUDA_BF16:
    return kBF16;
  case TOKRT_CUDA_F32:
    return kF32;
  case TOKRT_CUDA_ELEMENT_MAX_ENUM:
    break;
  }
  return -1;
}

/// -1 for what is none.
static int swizzleOf(uint32_t bytes) {
  switch (bytes) {
  case 0:
    return 0;
  case 32:
    return 1;
  case 64:
    return 2;
  case 128:
    return 3;
  default:
    return -1;
  }
}

tokrt_status_t tokrt_cuda_tensor_map(tokrt_cuda_t *gpu,
                                     const tokrt_cuda_tensor_t *tensor,
                                     tokrt_cuda_tensor_map_t *out_map,
                                     tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_tensor_map", [&] {
    const auto &encode = gpu->driver.tensorMapEncodeTiled;
    Entered entered(gpu, "tokrt_cuda_tensor_map", error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (!encode.function)
      return fail(error, TOKRT_UNSUPPORTED,
                  "tokrt_cuda_tensor_map: found a driver of CUDA %d.%d without "
                  "%s, expected one of CUDA 12.0 or later; update NVIDIA's "
                  "driver",
                  gpu->driver.version / 1000, gpu->driver.version % 1000 / 10,
                  encode.name);
    int element = elementOf(tensor->element),
        swizzle = swizzleOf(tensor->swizzle);
    if (element < 0 || swizzle < 0 || tensor->rank < 1 || tensor->rank > 5)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "tokrt_cuda_tensor_map: found element %d, swizzle %u, rank "
                  "%u, expected an element of tokrt_cuda_element_t, a swizzle "
                  "of 0, 32, 64 or 128 bytes, a rank from 1 to 5",
                  int(tensor->element), tensor->swizzle, tensor->rank);
    const uint32_t steps[5] = {1, 1, 1, 1, 1};
    tokrt_cuda_tensor_map_t map;
    Result result = encode.function(
        &map, element, tensor->rank, reinterpret_cast<void *>(tensor->address),
        tensor->sizes, tensor->strides, tensor->box, steps, kNoInterleave,
        swizzle, kPromoteToL2By256, kFillZero);
    if (result == kSuccess) {
      *out_map = map;
      return TOKRT_OK;
    }
    char subject[96];
    snprintf(subject, sizeof subject,
             "a tensor map of rank %u at address 0x%" PRIx64, tensor->rank,
             tensor->address);
    const char *advice =
        statusOf(result) == TOKRT_INVALID_ARGUMENT
            ? "check that the address and the strides are multiples of 16, the "
              "box is at most 256 in each dimension, and its first is at most "
              "the bytes of the swizzle"
            : nullptr;
    return gpu->fail(result, subject, encode.name, advice, error);
  });
}
