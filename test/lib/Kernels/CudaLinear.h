//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights, packed as bundles are, in the simulator's memory, and linears over
// them.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDALINEAR_H
#define TOKOPT_TEST_LIB_KERNELS_CUDALINEAR_H

#include "test/lib/Kernels/CudaNotice.h"
#include "test/lib/Kernels/Formats.h"

namespace tokopt::test {

/// What happens to sums: nothing; a bias and then a residual are added; the
/// first matrix's are activated and multiplied by the second's.
enum class Epilogue : uint8_t { None, BiasResidual, Gated };

struct LinearShape {
  const char *format;
  int64_t outputs, columns;
  Epilogue epilogue = Epilogue::None;
  /// Knobs; 0 leaves the choice to the template.
  int64_t rowTile = 0, warps = 0, stages = 0;
  const char *compute = "f16";

  bool isPacked() const { return !llvm::StringRef(format).ends_with("f16"); }
  int64_t matrices() const { return epilogue == Epilogue::Gated ? 2 : 1; }
  /// Blocks that share the outputs: a block has 32 of each packed matrix, else
  /// 128 of all matrices, or 64 where tiles have 16 rows.
  int64_t parts() const {
    int64_t atOnce = isPacked() ? 32 : (rowTile == 16 ? 64 : 128) / matrices();
    return llvm::divideCeil(outputs, atOnce);
  }
  std::string name() const;
};

/// What names a test.
inline void PrintTo(const LinearShape &shape, std::ostream *os) {
  *os << shape.name();
}

/// The format called `name`.
const BlockFormat &findBlockFormat(llvm::StringRef name);

/// `matrix` as it stands in a bundle.
std::vector<uint8_t> packMatrixOf(const Matrix &matrix);

/// Random weights and rows, and the kernel that multiplies them.
class LinearRun {
public:
  /// Rows that there are; kernels get some of them.
  static constexpr int64_t kRows = 150;

  LinearRun(const LinearShape &shape, const CudaArchitecture &architecture,
            const KernelEdit &edit = {});

  const std::string &problem() const { return kernel.problem(); }
  const CudaCode &code() const { return kernel.code(); }
  const std::vector<Matrix> &weights() const { return matrices; }

  /// Runs rows `begin` to `end` - 1 and returns what the simulator says of it.
  /// Rows around them must stay as they are; `left` says what does not. What
  /// fills the columns of a row must be zeros.
  llvm::Expected<sim::Result> run(int64_t begin, int64_t end, uint32_t seed,
                                  std::string &left);
  /// The same; fails the test for each report.
  void multiply(int64_t begin, int64_t end, uint32_t seed = 0);
  /// The bits of a row of results.
  std::vector<uint8_t> row(int64_t number) const;
  /// Compares rows with sums in double precision. Returns the first difference,
  /// or empty.
  std::string findDifference(int64_t begin, int64_t end) const;
  /// Whether a launch over so many rows has multiplied more or less than they
  /// need, or empty.
  std::string findNeedlessWork(int64_t rows,
                               const sim::Statistics &statistics) const;

private:
  /// Products of 16 x 16 by 16 x 8 of a tile of rows.
  int64_t productsOfTile() const;

  const LinearShape shape;
  CudaKernelUnderTest kernel;
  std::mt19937 random{7};
  std::vector<Matrix> matrices;
  std::vector<uint64_t> weightAddresses;
  std::unique_ptr<DeviceRows> x, bias, residual, y;
};

/// Runs linears whose kernels `edit` has changed, over rows that end where
/// buffers do, some and some more, so that the last stands in each place of a
/// tile.
Notice noticeInLinears(llvm::ArrayRef<LinearShape> shapes,
                       const KernelEdit &edit);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDALINEAR_H
