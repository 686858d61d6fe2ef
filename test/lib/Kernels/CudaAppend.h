//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that are rotated and written to a cache in the simulator's memory.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDAAPPEND_H
#define TOKOPT_TEST_LIB_KERNELS_CUDAAPPEND_H

#include "test/lib/Kernels/CudaTest.h"

namespace tokopt::test {

struct Append {
  const char *type;
  int64_t heads, size;
  /// `k` or `v`; how pairs are found, or null for values that do not rotate,
  /// and how many channels of a head do.
  const char *side, *pairs;
  int64_t dims;
  /// What rows are of.
  const char *in = "f32";

  int64_t columns() const { return heads * size; }
  int64_t elementBytes() const;
  std::string name() const;
  std::string module() const;
};

/// What names a test.
inline void PrintTo(const Append &append, std::ostream *os) {
  *os << append.name();
}

/// Rows at ends of pages and two of a sequence, one with a head of zeros, and
/// the kernel that writes them to the cache.
class AppendRun {
public:
  /// Rows that a launch writes; the buffers have one more before and behind.
  static constexpr int64_t kRows = 5;

  AppendRun(const Append &append, const CudaArchitecture &architecture,
            const KernelEdit &edit = {});

  const std::string &problem() const { return kernel.problem(); }
  const CudaCode &code() const { return kernel.code(); }

  /// Clears the cache and writes the rows.
  llvm::Expected<sim::Result> run(uint32_t seed = 0);
  /// Compares the whole cache with what the rows should have left in it, bit
  /// for bit. Returns the first difference, or empty.
  std::string findDifference() const;

private:
  bool isKey() const { return append.side == std::string("k"); }
  /// In the order of lib/Kernels/Common/Pages.h.
  int64_t partOffset(bool isKey, bool isScale) const;
  int64_t headBytes() const;
  /// What a head of a row becomes.
  std::vector<float> rotate(int64_t row, int64_t head) const;
  /// The bytes of some numbers of a head, and the scale if there is one.
  std::vector<uint8_t> encode(const std::vector<float> &numbers,
                              float &scale) const;
  void fillRows();
  void fillTables();

  const Append append;
  CudaKernelUnderTest kernel;
  std::unique_ptr<DeviceRows> x, angles;
  std::vector<int32_t> pages;
  int64_t poolBytes = 0;
  uint8_t *pool = nullptr, *frame = nullptr;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDAAPPEND_H
