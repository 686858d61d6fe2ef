//===- HeaderTest.c - The public header is C11 ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/cuda.h"

tokrt_status_t openGpu(const char *driver, tokrt_error_t *error);

/// Uses the API as a C program does.
tokrt_status_t openGpu(const char *driver, tokrt_error_t *error) {
  tokrt_cuda_t *gpu;
  tokrt_cuda_params_t params;
  tokrt_cuda_params_init(&params);
  params.driver = driver;
  tokrt_status_t status = tokrt_cuda_open(&params, &gpu, error);
  return status ? status : tokrt_cuda_close(gpu, error);
}
