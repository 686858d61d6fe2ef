//===- HeaderTest.c - The public header is C11 and stands alone -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/text.h"

/* Used by ApiTest.cpp, so that C's types are also those that are linked. */
tokrt_status_t create_from_c(const void *metadata, size_t size,
                             tokrt_text_t **out_text, tokrt_error_t *error);

tokrt_status_t create_from_c(const void *metadata, size_t size,
                             tokrt_text_t **out_text, tokrt_error_t *error) {
  return tokrt_text_create(metadata, size, out_text, error);
}
