//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The storage formats once more, read one value at a time from a model file's
// blocks by their definitions. Nothing here is shared with importer, bundler,
// reference backend or kernels.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_FORMATS_H
#define TOKOPT_TEST_LIB_KERNELS_FORMATS_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tokopt::test {

/// A number of the format, and the sum of the magnitudes that it is the sum of,
/// which bounds what rounding may do.
struct Decoded {
  double value, magnitude;
};

struct BlockFormat {
  /// As the dialect writes the element type, and as tests are named.
  const char *type, *name;
  int64_t block, bytes;
  /// Value `k` of a block.
  Decoded (*decode)(const uint8_t *block, int64_t k);
  /// Where the block keeps f16 scales (q, m or dmin).
  std::vector<int64_t> halves;
};

const std::vector<BlockFormat> &getBlockFormats();

double halfToDouble(uint16_t bits);
uint16_t doubleToHalf(double value);

/// A matrix `[rows, columns]` in the bytes of a format.
class Matrix {
public:
  Matrix(const BlockFormat &format, int64_t rows, int64_t columns)
      : format(format), rows(rows), columns(columns),
        bytes(rows * columns / format.block * format.bytes) {}

  uint8_t *getBlock(int64_t row, int64_t block) {
    return bytes.data() +
           (row * (columns / format.block) + block) * format.bytes;
  }
  Decoded at(int64_t row, int64_t column) const {
    int64_t block = row * (columns / format.block) + column / format.block;
    return format.decode(bytes.data() + block * format.bytes,
                         column % format.block);
  }

  const BlockFormat &format;
  const int64_t rows, columns;
  std::vector<uint8_t> bytes;
};

/// Random bits for all integers, and scales of random signs and magnitudes;
/// some are zero.
Matrix makeMatrix(const BlockFormat &format, int64_t rows, int64_t columns,
                  std::function<uint32_t()> random);

/// The type of `matrix` in the dialect.
std::string typeOf(const Matrix &matrix);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_FORMATS_H
