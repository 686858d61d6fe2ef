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

static uint64_t bytesOf(tokrt_cuda_element_t element) {
  return element == TOKRT_CUDA_U8 ? 1 : element == TOKRT_CUDA_F32 ? 4 : 2;
}

/// What the hardware cannot do of a tensor (CUDA driver API, "Tensor Map Object
/// Management"). The driver judges; this says what it may have met.
static void explain(const tokrt_cuda_tensor_t &tensor, char *text,
                    size_t bytes) {
  constexpr uint64_t kMostSize = uint64_t(1) << 32, kStrideEnd = uint64_t(1)
                                                                 << 40;
  constexpr uint32_t kMostBox = 256;
  if (tensor.address == 0 || tensor.address % 16)
    return (void)snprintf(text, bytes,
                          "found address 0x%" PRIx64
                          ", expected a multiple of 16 that is not 0",
                          tensor.address);
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    if (tensor.sizes[i] > kMostSize)
      return (void)snprintf(text, bytes,
                            "found %" PRIu64
                            " elements in dimension %u, expected at most "
                            "%" PRIu64,
                            tensor.sizes[i], i, kMostSize);
    if (tensor.box[i] < 1 || tensor.box[i] > kMostBox)
      return (void)snprintf(text, bytes,
                            "found a box of %u elements in dimension %u, "
                            "expected 1 to %u",
                            tensor.box[i], i, kMostBox);
  }
  for (uint32_t i = 1; i < tensor.rank; ++i)
    if (uint64_t stride = tensor.strides[i - 1];
        stride % 16 || stride >= kStrideEnd)
      return (void)snprintf(text, bytes,
                            "found %" PRIu64
                            " bytes between neighbours of dimension %u, "
                            "expected a multiple of 16 below %" PRIu64,
                            stride, i, kStrideEnd);
  uint64_t row = tensor.box[0] * bytesOf(tensor.element);
  if (row % 16 || (tensor.swizzle && row > tensor.swizzle))
    return (void)snprintf(text, bytes,
                          "found a box of %" PRIu64
                          " bytes in dimension 0, expected a multiple of 16, "
                          "and with a swizzle at most its bytes, %u",
                          row, tensor.swizzle);
  snprintf(text, bytes, "take a GPU and a driver that can do this");
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
    char subject[96];
    snprintf(subject, sizeof subject,
             "a tensor map of rank %u at address 0x%" PRIx64, tensor->rank,
             tensor->address);
    for (uint32_t i = 0; i < tensor->rank; ++i)
      if (tensor->sizes[i] == 0)
        return fail(error, TOKRT_INVALID_ARGUMENT,
                    "%s: found a tensor without elements (dimension %u has "
                    "none), expected at least one; there is no map of it: "
                    "launch nothing, or map one element that no kernel reads",
                    subject, i);
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
    char advice[192];
    explain(*tensor, advice, sizeof advice);
    return gpu->fail(
        result, subject, encode.name,
        statusOf(result) == TOKRT_INVALID_ARGUMENT ? advice : nullptr, error);
  });
}
