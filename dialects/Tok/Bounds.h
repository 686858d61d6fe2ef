//===- Bounds.h - The largest sizes of a model ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a module may say, and so what the importer takes. The loader refuses
// manifests beyond the same numbers (docs/bundle.md, "Bounds"). They keep
// products of two sizes within 64 bits, and positions and token ids within 32.
//
//===----------------------------------------------------------------------===//

#ifndef TOK_BOUNDS_H
#define TOK_BOUNDS_H

#include <cstdint>

namespace tokopt::tok {

/// More layers than any model has; bounds what hand-written IR can make tools
/// allocate.
inline constexpr int64_t kMaxLayers = 65536;
/// Width of the residual stream.
inline constexpr int64_t kMaxWidth = 1 << 20;
/// Tokens of a vocabulary, positions of a sequence, rows of a step.
inline constexpr int64_t kMaxCount = 1 << 24;
/// Positions of a page of a cache, and bytes of one, before padding and scales.
inline constexpr int64_t kMaxPageSlots = 65536;
inline constexpr int64_t kMaxPageBytes = int64_t(1) << 34;

} // namespace tokopt::tok

#endif // TOK_BOUNDS_H
