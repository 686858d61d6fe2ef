//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cache in the simulator's memory, and attention over it.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDAATTENTION_H
#define TOKOPT_TEST_LIB_KERNELS_CUDAATTENTION_H

#include "test/lib/Kernels/CudaTest.h"

namespace tokopt::test {

struct AttentionShape {
  int64_t heads = 1, group = 1, keySize = 64, valueSize = 64;
  int64_t page = 64, window = 0;
  const char *type;
  /// Knobs; 0 leaves the choice to the template.
  int64_t warps = 0, blockGroup = 0, rowTile = 0, stages = 0;
  /// What queries and weights are rounded to; null for f32.
  const char *compute = nullptr;
  float scale = 0.125f;

  int64_t queries() const { return heads * group; }
  std::string name() const;
  /// Bytes of the keys or the values of a slot.
  int64_t slotBytes(bool isKey) const;
};

/// A row of a step.
struct StepRow {
  int32_t sequence, position;
};

/// One row at each of `positions`, each of a sequence of its own from
/// `firstSequence` on.
std::vector<StepRow> onesAt(const std::vector<int32_t> &positions,
                            int32_t firstSequence = 0);

/// The rows at positions `begin` to `end` - 1 of a sequence.
std::vector<StepRow> chunkOf(int32_t sequence, int32_t begin, int32_t end);

/// Sequences of random rows, and the kernel that reads them.
class AttentionRun {
public:
  AttentionRun(const AttentionShape &shape,
               const CudaArchitecture &architecture,
               const KernelEdit &edit = {});

  const std::string &problem() const { return kernel.problem(); }
  const CudaCode &code() const { return kernel.code(); }
  const CudaKernelUnderTest &underTest() const { return kernel; }

  /// Attention of rows of any sequences. Fails the test for each report.
  std::vector<float> attend(const std::vector<StepRow> &step,
                            int32_t splits = 1, uint32_t seed = 0);
  /// The same, with what the simulator says of it. Rows around those of the
  /// launch must stay as they are, and counters zero; what does not is said in
  /// `left`.
  llvm::Expected<sim::Result> run(const std::vector<StepRow> &step,
                                  int32_t splits, uint32_t seed,
                                  std::vector<float> &out, std::string &left);
  /// Compares rows with a softmax in double precision. Returns the first
  /// difference, or empty.
  std::string findDifference(const std::vector<StepRow> &step,
                             const std::vector<float> &got) const;
  void expectSoftmax(const std::vector<StepRow> &step,
                     const std::vector<float> &got) const {
    EXPECT_EQ(findDifference(step, got), "");
  }

  /// Compares what a kernel on tensor cores has copied and multiplied with what
  /// the rows of each tile and sequence see: their slots, in whole blocks.
  /// Returns what is wrong, or empty.
  std::string findNeedlessWork(const std::vector<StepRow> &step,
                               const sim::Statistics &statistics) const;

private:
  /// The query of a row, which is its own.
  std::vector<float> queryOf(const StepRow &row) const;
  void fillPages();
  void storeRow(int32_t sequence, int64_t position, int64_t head, bool isKey);
  /// The numbers that the cache holds for a slot.
  std::vector<double> &stored(int32_t sequence, int64_t position, int64_t head,
                              bool isKey);
  uint8_t *buffer(const char *name, uint64_t bytes, bool isWritten);
  /// Writes to a buffer. A kernel may read this and nothing else.
  void put(uint8_t *to, const void *from, uint64_t bytes);
  int64_t queryBytes() const;
  int64_t headBytes() const;
  int64_t partOffset(bool isKey, bool isScale) const;

  const AttentionShape shape;
  /// Bytes behind what a buffer must have would hide an access beyond it.
  const int64_t mostRows;
  /// Rows of the last run.
  int64_t rowsBefore = 0;
  CudaKernelUnderTest kernel;
  std::mt19937 random{3};
  uint8_t *pool = nullptr, *frame = nullptr, *position = nullptr,
          *sequence = nullptr, *queries = nullptr, *output = nullptr,
          *counters = nullptr;
  std::vector<int32_t> pages;
  std::vector<uint64_t> mapped;
  std::vector<std::vector<double>> rows;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDAATTENTION_H
