//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the bytes of a block, as it stands in a model file, to its values and
// back: the bundler's own reading of `tok.dequantize` and `tok.quantize`.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_BLOCKS_H
#define TOKOPT_LIB_BUNDLE_BLOCKS_H

#include "tokopt/Bundle.h"

namespace tokopt {

/// Writes the values of one block. Any bytes are valid.
using DecodeBlock = void (*)(const uint8_t *block, float *values);
DecodeBlock getDecodeBlock(Format format);

/// Writes one block of the nearest numbers, by the formulas of `tok.quantize`.
/// False if a value, or the scale that it needs, is not finite in the format.
using EncodeBlock = bool (*)(const float *values, uint8_t *block);
/// Null for a format whose scales are found by a search.
EncodeBlock getEncodeBlock(Format format);

/// Between f16 and f32; to the nearest, half to even, and to an infinity beyond
/// 65504.
float widenHalf(uint16_t bits);
uint16_t roundToHalf(float value);

/// Magnitudes below 2^-125 are zeroes of their sign, whether or not the machine
/// flushes denormals.
float settle(float value);

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_BLOCKS_H
