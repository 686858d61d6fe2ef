//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing of 16 rows into a panel (R16K4), one function a format, and of whole
// weights from wherever their rows are.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_PANELS_H
#define TOKOPT_LIB_BUNDLE_PANELS_H

#include "tokopt/Bundle.h"

namespace tokopt {

/// Packs `blocks` consecutive blocks of 16 rows. `rows[r]` points to the first
/// block of row r in the model file's layout, `out` has room for `blocks`
/// packed blocks. Any bytes are valid input.
using PackPanel = void (*)(const uint8_t *const rows[kPanelRows],
                           int64_t blocks, uint8_t *out);

PackPanel getPackPanel(Format format);

/// Points `rows` to the bytes of `count` rows of a matrix, from `first` on, in
/// the model file's layout. They are read before the next call.
using GetRows = llvm::function_ref<llvm::Error(int64_t first, int64_t count,
                                               const uint8_t **rows)>;

/// Packs a matrix, panel by panel.
llvm::Error packMatrix(Format format, int64_t rows, int64_t columns,
                       GetRows getRows, ByteSink sink);

/// Writes a vector as f32, zero-filled to a multiple of 16. `format` is f32 or
/// f16.
llvm::Error packVector(Format format, llvm::ArrayRef<uint8_t> source,
                       ByteSink sink);

/// Bytes of such a vector, or nothing if its format or its size is none that a
/// vector may have.
std::optional<int64_t> getVectorBytes(Format format, int64_t elements);

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_PANELS_H
