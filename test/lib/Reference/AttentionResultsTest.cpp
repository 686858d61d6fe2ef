//===- AttentionResultsTest.cpp - What rows have looked at, computed ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `key_mass` and `window_probs` of three sequences of different lengths,
// against plain loops in f64, and of a prompt in one step against the same in
// chunks.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include <cmath>
#include <map>

using namespace tokopt::test;

namespace {

/// Slots end inside the last page.
constexpr size_t kHeads = 4, kGroups = 2, kSize = 8, kSequences = 3,
                 kSlots = 160, kPlane = kHeads * kSlots;
constexpr size_t kValues = (kHeads + 2 * kGroups) * kSize,
                 kInputs = kValues + kPlane;
constexpr float kScale = 0.5f;

/// A row of the frontier is q, k, v, and in the first rows the sums so far; a
/// row of logits its probabilities, and in the first rows the sums.
std::string makeModule(llvm::StringRef mask, int64_t slots) {
  return (R"mlir(
    !kv = !tok.cache<layers = [3, 5], heads = 2, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope,
        window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
    func.func @step(%rows: !tok.rows<pos, seq> {tok.slot = "rows"},
                    %x: tensor<?x704xf32> {tok.slot = "frontier"},
                    %kv: !kv {tok.slot = "kv"})
        -> (tensor<?x1280xf32> {tok.slot = "logits"}, !kv {tok.slot = "kv"}) {
      %c0 = arith.constant 0 : index
      %l = arith.constant 5 : index
      %s = arith.constant )mlir" +
          llvm::Twine(slots) + R"mlir( : index
      %n = tensor.dim %x, %c0 : tensor<?x704xf32>
      %qf = tensor.extract_slice %x[0, 0] [%n, 32] [1, 1] : tensor<?x704xf32> to tensor<?x32xf32>
      %kf = tensor.extract_slice %x[0, 32] [%n, 16] [1, 1] : tensor<?x704xf32> to tensor<?x16xf32>
      %vf = tensor.extract_slice %x[0, 48] [%n, 16] [1, 1] : tensor<?x704xf32> to tensor<?x16xf32>
      %mf = tensor.extract_slice %x[0, 64] [3, 640] [1, 1] : tensor<?x704xf32> to tensor<3x640xf32>
      %q = tensor.expand_shape %qf [[0], [1, 2]] output_shape [%n, 4, 8] : tensor<?x32xf32> into tensor<?x4x8xf32>
      %k = tensor.expand_shape %kf [[0], [1, 2]] output_shape [%n, 2, 8] : tensor<?x16xf32> into tensor<?x2x8xf32>
      %v = tensor.expand_shape %vf [[0], [1, 2]] output_shape [%n, 2, 8] : tensor<?x16xf32> into tensor<?x2x8xf32>
      %m = tensor.expand_shape %mf [[0], [1, 2]] output_shape [3, 4, 160] : tensor<3x640xf32> into tensor<3x4x160xf32>
      %kv1 = tok.append %kv[%l], %rows, %k, %v
          : !kv, !tok.rows<pos, seq>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
      %a, %mass, %probs = tok.attention %q, %kv1[%l], %rows mask = <)mlir" +
          mask +
          R"mlir(> scale = 0.5
          key_mass(%m : tensor<3x4x160xf32>) slots(%s)
          : tensor<?x4x8xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x4x8xf32>
            key_mass tensor<3x4x160xf32> window_probs tensor<?x4x160xf32>
      %pf = tensor.collapse_shape %probs [[0], [1, 2]] : tensor<?x4x160xf32> into tensor<?x640xf32>
      %nf = tensor.collapse_shape %mass [[0], [1, 2]] : tensor<3x4x160xf32> into tensor<3x640xf32>
      %e = tensor.empty(%n) : tensor<?x1280xf32>
      %f = tensor.insert_slice %pf into %e[0, 0] [%n, 640] [1, 1] : tensor<?x640xf32> into tensor<?x1280xf32>
      %y = tensor.insert_slice %nf into %f[0, 640] [3, 640] [1, 1] : tensor<3x640xf32> into tensor<?x1280xf32>
      return %y, %kv1 : tensor<?x1280xf32>, !kv
    })mlir")
      .str();
}

struct Row {
  int32_t seq, pos;
};

/// The q, k and v of a row, whatever the step that it is in.
std::vector<float> valuesOf(Row row) {
  std::vector<float> values =
      makeValues(kValues, 1000 * row.seq + row.pos + 1, 2);
  // A key that takes all of what later rows look at, and one like any other.
  for (size_t i = 0; i < kGroups * kSize; ++i)
    if (row.pos == 5)
      values[kHeads * kSize + i] *= 30;
    else if (row.pos == 70)
      values[kHeads * kSize + i] = 0;
  return values;
}

/// One cache and the sums over what has been looked at in it.
class Session {
public:
  explicit Session(llvm::StringRef mask, int64_t slots = kSlots)
      : code(makeModule(mask, slots)), mass(kSequences * kPlane, 0) {
    if (!code.canRun())
      return;
    code.pool.assign(9 * code.pageBytes[0], 0);
    // Pages anywhere; -1 is never to be read. The last sequence has no sums.
    code.tableStride = 4;
    code.table = {4, 1, 8, -1, 0, -1, -1, -1, 3, 5, 2, -1, 6, -1, -1, -1};
  }

  /// The probabilities `[T, H, S]` of the rows of a step.
  std::vector<float> step(llvm::ArrayRef<Row> rows) {
    code.pos.clear();
    code.seq.clear();
    code.frontier.assign(rows.size() * kInputs, 0);
    for (auto [t, row] : llvm::enumerate(rows)) {
      code.pos.push_back(row.pos);
      code.seq.push_back(row.seq);
      llvm::copy(valuesOf(row), &code.frontier[t * kInputs]);
    }
    for (size_t n = 0; n < kSequences; ++n)
      std::copy_n(&mass[n * kPlane], kPlane,
                  &code.frontier[n * kInputs + kValues]);
    code.logits.assign(rows.size() * code.logitsStride, NAN);
    code.run(rows.size(), rows.size());
    std::vector<float> probs(rows.size() * kPlane);
    for (size_t t = 0; t < rows.size(); ++t)
      std::copy_n(&code.logits[t * code.logitsStride], kPlane,
                  &probs[t * kPlane]);
    for (size_t n = 0; n < kSequences; ++n)
      std::copy_n(&code.logits[n * code.logitsStride + kPlane], kPlane,
                  &mass[n * kPlane]);
    return probs;
  }

  ReferenceRun code;
  std::vector<float> mass; // [N, H, S]
};

/// The probabilities [S] of head `head` of `row`, which sees the positions
/// [first, end).
std::vector<double> getProbabilities(Row row, size_t head, int32_t first,
                                     int32_t end) {
  std::vector<float> own = valuesOf(row);
  std::vector<double> weights(kSlots, 0);
  double most = -INFINITY, total = 0;
  for (int32_t j = first; j < end; ++j) {
    std::vector<float> other = valuesOf({row.seq, j});
    double score = 0;
    for (size_t i = 0; i < kSize; ++i)
      score += double(own[head * kSize + i]) *
               other[(kHeads + head / (kHeads / kGroups)) * kSize + i];
    weights[j] = score * kScale;
    most = std::max(most, weights[j]);
  }
  for (int32_t j = first; j < end; ++j)
    total += weights[j] = std::exp(weights[j] - most);
  for (double &weight : weights)
    weight /= total;
  return weights;
}

/// Rows of three sequences, in turns as long as all of them last.
std::vector<Row> makeRows(std::array<int32_t, kSequences> lengths) {
  std::vector<Row> rows;
  for (int32_t pos = 0; pos < int32_t(kSlots); ++pos)
    for (int32_t seq = 0; seq < int32_t(kSequences); ++seq)
      if (pos < lengths[seq])
        rows.push_back({seq, pos});
  return rows;
}

struct MaskCase {
  const char *name, *mask;
  bool isCausal;
  int32_t window;
};

void PrintTo(const MaskCase &test, std::ostream *os) { *os << test.mask; }

class AttentionResults : public testing::TestWithParam<MaskCase> {};

TEST_P(AttentionResults, AreProbabilitiesAndTheirSums) {
  Session session(GetParam().mask);
  if (!session.code.canRun())
    GTEST_SKIP();
  // Positions so far, whose rows have been summed one by one.
  std::array<int32_t, kSequences> lengths = {};
  std::vector<double> mass(kSequences * kPlane, 0);
  std::array<double, kSequences> seen = {};
  std::vector<Row> first = makeRows({70, 1, 128});
  std::vector<Row> second = {{1, 1}, {0, 70}, {0, 71}, {2, 128}};
  for (const auto &rows : {first, second}) {
    for (Row row : rows)
      lengths[row.seq] = std::max(lengths[row.seq], row.pos + 1);
    std::vector<float> probs = session.step(rows);
    for (auto [t, row] : llvm::enumerate(rows)) {
      int32_t end = GetParam().isCausal ? row.pos + 1 : lengths[row.seq];
      int32_t window = GetParam().window;
      int32_t begin = window ? std::max(0, row.pos + 1 - window) : 0;
      ++seen[row.seq];
      for (size_t h = 0; h < kHeads; ++h) {
        std::vector<double> expected = getProbabilities(row, h, begin, end);
        for (size_t j = 0; j < kSlots; ++j) {
          float found = probs[t * kPlane + h * kSlots + j];
          bool isSeen = int32_t(j) >= begin && int32_t(j) < end;
          ASSERT_NEAR(found, expected[j],
                      isSeen ? 1e-6 + 3e-5 * expected[j] : 0)
              << "row " << t << ", head " << h << ", slot " << j;
          mass[row.seq * kPlane + h * kSlots + j] += expected[j];
        }
      }
    }
    for (size_t i = 0; i < mass.size(); ++i)
      ASSERT_NEAR(session.mass[i], mass[i], 2e-6 + 5e-5 * mass[i])
          << "sequence " << i / kPlane << ", head " << i % kPlane / kSlots
          << ", slot " << i % kSlots;
    // What a row looks at sums up to one, so the mass counts the rows.
    for (size_t i = 0; i < mass.size(); i += kSlots) {
      double sum = 0;
      for (size_t j = 0; j < kSlots; ++j)
        sum += session.mass[i + j];
      ASSERT_NEAR(sum, seen[i / kPlane], 1e-3);
    }
  }
}

/// Rows that see nothing of what comes after them.
class AttentionChunks : public testing::TestWithParam<MaskCase> {};

/// A prompt in chunks that end anywhere sums the same rows in the same order.
TEST_P(AttentionChunks, ChangeNoBit) {
  Session whole(GetParam().mask), chunked(GetParam().mask);
  if (!whole.code.canRun())
    GTEST_SKIP();
  std::vector<Row> rows = makeRows({150, 9, 160});
  std::vector<float> expected = whole.step(rows), found;
  size_t sizes[] = {5, 60, 3, 100, 7}, next = 0;
  for (size_t begin = 0; begin < rows.size();) {
    // At least as many rows as the sums have.
    size_t size = std::min(sizes[next++ % 5], rows.size() - begin);
    if (rows.size() - begin - size < kSequences)
      size = rows.size() - begin;
    llvm::append_range(found,
                       chunked.step(llvm::ArrayRef(rows).slice(begin, size)));
    begin += size;
  }
  auto sameBits = [](const std::vector<float> &a, const std::vector<float> &b) {
    return a.size() == b.size() &&
           !std::memcmp(a.data(), b.data(), 4 * a.size());
  };
  EXPECT_TRUE(sameBits(found, expected));
  EXPECT_TRUE(sameBits(chunked.mass, whole.mass));
}

/// What a row sees has a place, or the run ends.
TEST(AttentionPlaces, AreRequired) {
  const char *mask = "lane(step = pos)";
  Session session(mask), fewer(mask, /*slots=*/100);
  if (!session.code.canRun())
    GTEST_SKIP();
  session.step({{0, 0}, {2, 159}, {0, 1}}); // the last slot
  std::vector<Row> slot = {{0, 0}, {2, 160}, {0, 1}},
                   sequence = {{0, 0}, {3, 0}, {0, 1}},
                   window = {{0, 0}, {2, 0}, {0, 1}};
  EXPECT_EXIT(session.step(slot), testing::KilledBySignal(SIGILL), "");
  EXPECT_EXIT(session.step(sequence), testing::KilledBySignal(SIGILL), "");
  EXPECT_EXIT(fewer.step(window), testing::KilledBySignal(SIGILL), "");
}

const MaskCase kCausal[] = {
    {"Causal", "lane(step = pos)", true, 0},
    {"Window", "lane(step = pos), window<40>", true, 40},
    {"OnlyItself", "lane(step = pos), window<1>", true, 1},
};
const MaskCase kFull[] = {
    {"Full", "full", false, 0},
    {"FullWindow", "window<7>", false, 7},
};

std::string nameOf(const testing::TestParamInfo<MaskCase> &info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Causal, AttentionResults, testing::ValuesIn(kCausal),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Full, AttentionResults, testing::ValuesIn(kFull),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Causal, AttentionChunks, testing::ValuesIn(kCausal),
                         nameOf);

} // namespace
