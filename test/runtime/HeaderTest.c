//===- HeaderTest.c - The public header is C11 ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/tokrt.h"

#include <string.h>

const char *loadMissingFile(void);

/// Uses the API as a C program does; returns the message of the error.
const char *loadMissingFile(void) {
  static tokrt_error_t error;
  tokrt_model_params_t params;
  tokrt_model_t *model = NULL;
  memset(&params, 0xff, sizeof params);
  tokrt_model_params_init(&params);
  if (params.struct_size != sizeof params || params.level != NULL)
    return "parameters are not initialized";
  if (tokrt_model_load("/no/such/file", &params, &model, &error) != TOKRT_IO)
    return "another status";
  return error.message;
}
