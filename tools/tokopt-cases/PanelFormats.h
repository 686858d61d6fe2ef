//===- PanelFormats.h - Packed weights, as they lie in memory ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/bundle.md, "Packed weights": 16 rows of a matrix are a panel, blocks of
// columns one behind the other. A line is 64 bytes, four columns of 16 rows.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_CASES_PANELFORMATS_H_
#define TOOLS_TOKOPT_CASES_PANELFORMATS_H_

#include "tools/tokopt-cases/Sketch.h"

namespace tokopt {

/// Rows of a panel.
inline constexpr int64_t kPanel = 16;

/// A number that a matrix holds, and the magnitudes that it is the sum of.
struct Weight {
  double value, magnitude;
};

struct PanelFormat {
  const char *name, *type; // as the dialect writes it
  int64_t columns, bytes;  // of a block
  /// The random numbers of a block that begins at a byte.
  void (*fill)(uint64_t at, std::vector<cases::Part> &parts);
  /// The weight of a row and a column of the block that begins at a byte.
  Weight (*get)(const Contents::View &panels, uint64_t at, int64_t row,
                int64_t column);
};

llvm::ArrayRef<PanelFormat> getPanelFormats();
const PanelFormat &findPanelFormat(llvm::StringRef name);

} // namespace tokopt

#endif // TOOLS_TOKOPT_CASES_PANELFORMATS_H_
