//===- CacheLayout.h - How the reference backend stores a cache -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cache is a pool of pages and a table that says which page holds which
// positions of which sequence. A page is a row of planes, each a dense array
// for all layers of the cache (L), with G heads and S slots a page:
//
//   keys    [L, G, D, S]   transposed, so that a score runs along the slots
//   values  [L, G, S, D]
//   key scales and value scales [L, G, S] in f32, for i8 only
//
// In tensors a plane has the page as one more dimension in front.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_CACHELAYOUT_H
#define TOKOPT_LIB_REFERENCE_CACHELAYOUT_H

#include "dialects/Tok/TokTypes.h"

#include "mlir/IR/Value.h"

namespace tokopt::reference {

/// Bytes of a plane `shape` (whose first dimension is the page) in one page,
/// rounded up to a multiple of 64. Saturates where it would overflow.
int64_t getPlaneBytes(llvm::ArrayRef<int64_t> shape, mlir::Type element);

/// One dense array of every page.
struct CachePlane {
  /// `[pages, L, G, ...]`.
  mlir::RankedTensorType type;
  /// Where it starts in a page; a multiple of 64.
  int64_t offset;
};

struct CacheLayout {
  explicit CacheLayout(tok::CacheType type);

  /// Keys, values, and for i8 their scales.
  llvm::SmallVector<CachePlane> planes;
  /// `[sequences, pages of one]`, i32.
  mlir::RankedTensorType table;
  /// A multiple of 64. Saturates where it would overflow.
  int64_t pageBytes;
};

/// What stands for a cache after decomposition: a tensor a plane, the table.
struct CacheParts {
  CacheParts(tok::CacheType type, mlir::ValueRange parts);

  mlir::Value keys, values;
  /// Null unless the keys or the values are i8.
  mlir::Value keyScales, valueScales;
  mlir::Value table;

  llvm::SmallVector<mlir::Value> pack() const;
};

/// Appends the types of those parts.
void getCachePartTypes(tok::CacheType type,
                       llvm::SmallVectorImpl<mlir::Type> &types);

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_CACHELAYOUT_H
