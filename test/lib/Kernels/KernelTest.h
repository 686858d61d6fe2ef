//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a module of the tok dialect: lowered, compiled and called as the runtime
// would call it, with memory that ends where it has to.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_KERNELTEST_H
#define TOKOPT_TEST_LIB_KERNELS_KERNELTEST_H

#include "tokopt/Kernel.h"

#include "gmock/gmock.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace tokopt::test {

/// Zeroed memory whose end is followed by a page that nobody may touch.
class Memory {
public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(Memory &&other) noexcept;
  Memory(const Memory &) = delete;

  template <typename T = float>
  T *as() const {
    return reinterpret_cast<T *>(data);
  }
  size_t size() const { return bytes; }

private:
  char *base = nullptr, *data = nullptr;
  size_t bytes = 0, mapped = 0;
};

/// `rows` of `columns` floats as the runtime lays activations out: rows padded
/// to 16 floats with zeros.
class Rows {
public:
  Rows(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), stride((columns + 15) / 16 * 16),
        memory(rows * stride * sizeof(float)) {}

  float *operator[](int64_t row) const {
    return memory.as<float>() + row * stride;
  }
  /// Bytes that nothing computes, to see what was not written.
  void poison();

  const int64_t rows, columns, stride;

private:
  Memory memory;
};

/// Kernels of one level, on the instructions of that or a lesser one.
struct Variant {
  const char *name;
  /// What kernels are generated for, and what they are compiled for.
  const char *target, *level;
};

std::ostream &operator<<(std::ostream &os, const Variant &variant);

/// Every level as it is, and the best one spelled out in instructions of the
/// least.
llvm::ArrayRef<Variant> getVariants();

/// The same for families that know nothing of tiles, whose kernels are the same
/// with and without (without-tiles.mlir).
llvm::ArrayRef<Variant> getVariantsWithoutTiles();

/// Whether this machine can run `variant`; if not, why.
bool canRun(const Variant &variant, std::string &reason);

/// What the configuration of every kernel of a family says instead of what is
/// chosen.
struct Knobs {
  std::string family;
  std::vector<std::pair<std::string, int64_t>> values;
};

/// A compiled module with the entry `step`.
class Program {
public:
  /// `text` names the file of its weights "weights", whose contents are
  /// `weights`.
  Program(const std::string &text, const Variant &variant,
          const std::vector<uint8_t> &weights = {}, const Knobs &knobs = {});
  ~Program();

  /// Calls the entry from `workers` threads. Slots of `frame` that the module
  /// does not decide are as given.
  void run(std::vector<uint64_t> frame, int64_t rows,
           int64_t workers = 1) const;

  int64_t getPageBytes() const { return pageBytes; }

private:
  struct Code;
  std::unique_ptr<Code> code;
  Memory image{64};
  int64_t rowBytes = 0, fixedBytes = 0, scratchBytes = 0, pageBytes = 0;
};

/// A frame with `pairs` of slots and pointers (or numbers), all others zero.
class Frame {
public:
  Frame &set(Slot slot, const void *pointer) {
    slots[static_cast<size_t>(slot)] = reinterpret_cast<uint64_t>(pointer);
    return *this;
  }
  Frame &set(Slot slot, int64_t value) {
    slots[static_cast<size_t>(slot)] = static_cast<uint64_t>(value);
    return *this;
  }
  operator std::vector<uint64_t>() const { return slots; }

private:
  std::vector<uint64_t> slots = std::vector<uint64_t>(24, 0);
};

/// A suite that runs once for each variant and says why it does not.
class KernelTest : public testing::TestWithParam<Variant> {
protected:
  void SetUp() override {
    std::string reason;
    if (!canRun(GetParam(), reason))
      GTEST_SKIP() << reason;
  }
  float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random);
  }
  void fill(Rows &rows, float low = -1, float high = 1) {
    for (int64_t r = 0; r < rows.rows; ++r)
      for (int64_t c = 0; c < rows.columns; ++c)
        rows[r][c] = uniform(low, high);
  }

  /// A step of `y.rows` rows: the program's frontier is `x`, its logits are
  /// `y`, and `frame` has what else it reads.
  static void run(const Program &program, const float *x, const Rows &y,
                  int64_t workers = 1, Frame frame = {}) {
    std::vector<int32_t> ids(y.rows);
    frame.set(Slot::Ids, ids.data())
        .set(Slot::Frontier, x)
        .set(Slot::Logits, y[0]);
    program.run(frame, y.rows, workers);
  }

  std::mt19937 random{1};
};

#define TOKOPT_INSTANTIATE_KERNELS(suite, variants)                            \
  INSTANTIATE_TEST_SUITE_P(                                                    \
      Levels, suite, testing::ValuesIn(variants.begin(), variants.end()),      \
      [](const auto &info) { return std::string(info.param.name); })

/// Whether two rows have the same bits.
testing::AssertionResult sameBits(const float *a, const float *b,
                                  int64_t count);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_KERNELTEST_H
