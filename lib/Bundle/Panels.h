//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing of 16 rows into a panel (R16K4), one function a format.
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

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_PANELS_H
