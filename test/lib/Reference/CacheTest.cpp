//===- CacheTest.cpp - Append and attention, computed ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two steps over three sequences whose pages lie scattered in the pool. The
// second step attends over what both have appended, and is compared with
// attention over plain arrays, in f64.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <map>

using namespace tokopt::test;

namespace {

constexpr size_t kHeads = 4, kGroups = 2, kSize = 8;
constexpr size_t kInputs = (kHeads + 2 * kGroups) * kSize;
constexpr float kScale = 0.5f;

/// The entry splits the frontier into q, k and v, appends to layer 5, and
/// gives the attention and its `lse` as logits.
std::string makeModule(llvm::StringRef element, llvm::StringRef mask) {
  std::string cache = ("!tok.cache<layers = [3, 5], heads = 2, k = 8 x " +
                       element + ", v = 8 x " + element +
                       ", page = 64, keys = post_rope, window = 0, sinks = 0, "
                       "residual = 0, tables = shared, columns = [pos], "
                       "digests = []>")
                          .str();
  return "!kv = " + cache + R"mlir(
    func.func @step(%rows: !tok.rows<pos, seq> {tok.slot = "rows"},
                    %x: tensor<?x64xf32> {tok.slot = "frontier"},
                    %kv: !kv {tok.slot = "kv"})
        -> (tensor<?x36xf32> {tok.slot = "logits"}, !kv {tok.slot = "kv"}) {
      %c0 = arith.constant 0 : index
      %l = arith.constant 5 : index
      %n = tensor.dim %x, %c0 : tensor<?x64xf32>
      %qf = tensor.extract_slice %x[0, 0] [%n, 32] [1, 1] : tensor<?x64xf32> to tensor<?x32xf32>
      %kf = tensor.extract_slice %x[0, 32] [%n, 16] [1, 1] : tensor<?x64xf32> to tensor<?x16xf32>
      %vf = tensor.extract_slice %x[0, 48] [%n, 16] [1, 1] : tensor<?x64xf32> to tensor<?x16xf32>
      %q = tensor.expand_shape %qf [[0], [1, 2]] output_shape [%n, 4, 8] : tensor<?x32xf32> into tensor<?x4x8xf32>
      %k = tensor.expand_shape %kf [[0], [1, 2]] output_shape [%n, 2, 8] : tensor<?x16xf32> into tensor<?x2x8xf32>
      %v = tensor.expand_shape %vf [[0], [1, 2]] output_shape [%n, 2, 8] : tensor<?x16xf32> into tensor<?x2x8xf32>
      %kv1 = tok.append %kv[%l], %rows, %k, %v
          : !kv, !tok.rows<pos, seq>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
      %a, %lse = tok.attention %q, %kv1[%l], %rows mask = <)mlir" +
         mask.str() + R"mlir(> scale = 0.5
          : tensor<?x4x8xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x4x8xf32> lse tensor<?x4xf32>
      %af = tensor.collapse_shape %a [[0], [1, 2]] : tensor<?x4x8xf32> into tensor<?x32xf32>
      %e = tensor.empty(%n) : tensor<?x36xf32>
      %f = tensor.insert_slice %af into %e[0, 0] [%n, 32] [1, 1] : tensor<?x32xf32> into tensor<?x36xf32>
      %y = tensor.insert_slice %lse into %f[0, 32] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x36xf32>
      return %y, %kv1 : tensor<?x36xf32>, !kv
    })mlir";
}

/// `size` values as a cache with elements of `element` holds them.
std::vector<double> hold(const float *values, const std::string &element) {
  std::vector<double> held(values, values + kSize);
  float most = 0;
  for (size_t i = 0; i < kSize; ++i)
    most = std::max(most, std::fabs(values[i]));
  for (double &value : held) {
    if (element == "f16") {
      llvm::APFloat half{static_cast<float>(value)};
      bool exact;
      half.convert(llvm::APFloat::IEEEhalf(),
                   llvm::APFloat::rmNearestTiesToEven, &exact);
      value = half.convertToDouble();
    } else if (element == "bf16") {
      // To nearest, ties to even.
      auto bits = llvm::bit_cast<uint32_t>(static_cast<float>(value));
      bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
      value = llvm::bit_cast<float>(bits);
    } else if (element == "i8" && most > 0) {
      value = double(most / 127) *
              std::nearbyint(static_cast<float>(value) * (127 / most));
    } else if (element == "i8") {
      value = 0;
    }
  }
  return held;
}

struct Row {
  int32_t seq, pos;
};

struct CacheCase {
  const char *element;
  const char *mask;
  /// Which positions the row at `own` sees of `count`.
  bool (*sees)(int32_t position, int32_t own);
};

void PrintTo(const CacheCase &test, std::ostream *os) {
  *os << test.element << " " << test.mask;
}

class Cache : public testing::TestWithParam<CacheCase> {
protected:
  /// Keys and values by (sequence, position): what the cache should hold.
  using Held =
      std::map<std::pair<int32_t, int32_t>, std::vector<std::vector<double>>>;

  void runStep(ReferenceRun &code, const std::vector<Row> &rows,
               uint32_t seed) {
    code.pos.clear();
    code.seq.clear();
    for (Row row : rows) {
      code.pos.push_back(row.pos);
      code.seq.push_back(row.seq);
    }
    code.frontier = makeValues(rows.size() * kInputs, seed, 3);
    // All zeros have no scale.
    std::fill_n(code.frontier.begin() + kHeads * kSize, kSize, 0.0f);
    code.logits.assign(rows.size() * code.logitsStride, NAN);
    code.run(rows.size(), rows.size());
    for (size_t t = 0; t < rows.size(); ++t) {
      auto &vectors = held[{rows[t].seq, rows[t].pos}];
      vectors.clear();
      const float *first = &code.frontier[t * kInputs + kHeads * kSize];
      for (size_t i = 0; i < 2 * kGroups; ++i)
        vectors.push_back(hold(first + i * kSize, GetParam().element));
    }
  }

  void expectAttention(const ReferenceRun &code, const std::vector<Row> &rows) {
    for (size_t t = 0; t < rows.size(); ++t)
      for (size_t head = 0; head < kHeads; ++head) {
        const float *q = &code.frontier[t * kInputs + head * kSize];
        double total = 0;
        std::vector<double> sum(kSize, 0);
        for (const auto &[place, vectors] : held) {
          if (place.first != rows[t].seq ||
              !GetParam().sees(place.second, rows[t].pos))
            continue;
          double score = 0;
          const auto &key = vectors[head / 2];
          const auto &value = vectors[kGroups + head / 2];
          for (size_t i = 0; i < kSize; ++i)
            score += q[i] * key[i] * kScale;
          total += std::exp(score);
          for (size_t i = 0; i < kSize; ++i)
            sum[i] += std::exp(score) * value[i];
        }
        const float *found = &code.logits[t * code.logitsStride];
        for (size_t i = 0; i < kSize; ++i)
          ASSERT_NEAR(found[head * kSize + i], sum[i] / total, 3e-6)
              << "row " << t << ", head " << head << ", element " << i;
        ASSERT_NEAR(found[kHeads * kSize + head], std::log(total), 1e-5)
            << "row " << t << ", head " << head;
      }
  }

  Held held;
};

TEST_P(Cache, HoldsWhatWasAppended) {
  ReferenceRun code(makeModule(GetParam().element, GetParam().mask));
  if (!code.canRun())
    GTEST_SKIP();
  ASSERT_EQ(code.pageBytes.size(), 1u);
  code.pool.assign(6 * code.pageBytes[0], 0);
  // Pages of three sequences; -1 is never to be read.
  code.tableStride = 4;
  code.table = {4, 1, -1, -1, 0, -1, -1, -1, 3, 5, -1, -1};

  std::vector<Row> first;
  for (int32_t pos = 0; pos < 70; ++pos) // into the second page
    first.push_back({0, pos});
  for (int32_t pos = 0; pos < 9; ++pos)
    first.push_back({1, pos});
  for (int32_t pos = 0; pos < 128; ++pos) // both pages full
    first.push_back({2, pos});
  runStep(code, first, 1);
  expectAttention(code, first);
  // A decode of each sequence but the full one, and a chunk.
  std::vector<Row> second = {{1, 9}, {0, 70}, {0, 71}, {0, 72}};
  runStep(code, second, 2);
  expectAttention(code, second);
}

bool isCausal(int32_t position, int32_t own) { return position <= own; }
bool isInWindow(int32_t position, int32_t own) {
  return position <= own && position > own - 40;
}
bool isAny(int32_t, int32_t) { return true; }

INSTANTIATE_TEST_SUITE_P(
    All, Cache,
    testing::Values(CacheCase{"f32", "lane(step = pos)", isCausal},
                    CacheCase{"f16", "lane(step = pos)", isCausal},
                    CacheCase{"bf16", "lane(step = pos)", isCausal},
                    CacheCase{"i8", "lane(step = pos)", isCausal},
                    CacheCase{"f32", "lane(step = pos), window<40>",
                              isInWindow},
                    CacheCase{"f16", "full", isAny}),
    [](const testing::TestParamInfo<CacheCase> &info) {
      return "Case" + std::to_string(info.index);
    });

} // namespace
