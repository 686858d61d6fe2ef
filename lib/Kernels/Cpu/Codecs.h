//===- Codecs.h - Packed weights and rounded inputs on the CPU --*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_CODECS_H
#define TOKOPT_KERNELS_CPU_CODECS_H

#include "lib/Kernels/Common/Codecs.h"
#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

using kernels::Codec;
using kernels::findCodec;
using kernels::GroupReader;
using kernels::GroupRef;
using kernels::kPanelRows;

/// Where the inputs that were rounded to i8 lie in a row of a quantized buffer
/// (docs/kernels.md).
struct QuantizedRow {
  explicit QuantizedRow(int64_t columns) : columns(columns) {}
  int64_t columns;
  int64_t scales() const { return columns; }
  int64_t scaledSums() const { return columns + columns / 8; }
  int64_t sums() const { return columns + columns / 4; }
  int64_t bytes() const { return columns + columns / 4 + columns / 4; }
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_CODECS_H
