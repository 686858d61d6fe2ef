//===- Codecs.h - Packed weights and rounded inputs on the CPU --*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_CODECS_H
#define TOKOPT_KERNELS_CPU_CODECS_H

#include "lib/Kernels/Common/Codecs.h"
#include "lib/Kernels/Common/QuantizedRow.h"
#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

using kernels::Codec;
using kernels::findCodec;
using kernels::GroupReader;
using kernels::GroupRef;
using kernels::kPanelRows;
using kernels::QuantizedRow;

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_CODECS_H
