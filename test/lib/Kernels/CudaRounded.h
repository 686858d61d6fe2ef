//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that a gate makes, and what they are rounded to.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDAROUNDED_H
#define TOKOPT_TEST_LIB_KERNELS_CUDAROUNDED_H

#include "test/lib/Kernels/CudaTest.h"

#include <cmath>

namespace tokopt::test {

/// act(g) * u over rows, by a factor for each column if it is scaled, and the
/// same rounded to bytes.
struct Gate {
  /// `silu` or `gelu`.
  const char *activation;
  int64_t columns;
  const char *in = "f32", *out = "f32";
  bool isRounded = false, isScaled = false;

  std::string module() const;
  /// act(g) = g / (1 + e^exponent), in double precision.
  double exponent(double gate) const;
  double apply(double gate, double up) const {
    return gate / (1 + std::exp(exponent(gate))) * up;
  }
};

/// What names a test.
inline void PrintTo(const Gate &gate, std::ostream *os) {
  *os << gate.activation << " of " << gate.columns << " columns";
}

/// Rows of a buffer that hold numbers rounded in blocks of 32.
class RoundedRows {
public:
  RoundedRows(sim::Simulator &simulator, const char *name, int64_t rows,
              int64_t columns);

  uint64_t address() const { return reinterpret_cast<uint64_t>(data); }
  /// Whether nobody has written the row.
  bool isUntouched(int64_t row) const;
  /// Compares a row with the numbers that were rounded, all parts bit for bit.
  /// Returns the first difference, or empty.
  std::string findDifference(int64_t row,
                             const std::vector<float> &numbers) const;

private:
  const int64_t columns, rowBytes;
  uint8_t *data;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDAROUNDED_H
