//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tok.append and tok.attention over pages against a softmax in double precision
// over what the cache holds by the ops' definition.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/Formats.h"
#include "test/lib/Kernels/KernelTest.h"

#include <cmath>
#include <numeric>

using namespace tokopt;
using namespace tokopt::test;

namespace {

/// One cache and who reads it.
struct Shape {
  int64_t heads, group, keySize, valueSize, page, window;
  const char *type;
  float scale;
  /// Whether rows see what comes after them, and whether lse is asked for.
  bool isFull = false, hasLse = true;

  int64_t queries() const { return heads * group; }
};

/// Three layers, of which the tests use the middle one.
constexpr int64_t kLayers = 3, kLayer = 1;

std::string moduleOf(const Shape &s) {
  auto text = [](int64_t v) { return std::to_string(v); };
  std::string cache = "!tok.cache<layers = [0-2], heads = " + text(s.heads) +
                      ", k = " + text(s.keySize) + " x " + s.type +
                      ", v = " + text(s.valueSize) + " x " + s.type +
                      ", page = " + text(s.page) +
                      ", keys = post_rope, window = 0, sinks = 0, residual = "
                      "0, tables = shared, columns = [pos], "
                      "digests = []>";
  auto heads = [&](int64_t count, int64_t size) {
    return "tensor<?x" + text(count) + "x" + text(size) + "xf32>";
  };
  std::string q = heads(s.queries(), s.keySize), k = heads(s.heads, s.keySize),
              v = heads(s.heads, s.valueSize),
              out = heads(s.queries(), s.valueSize);
  std::string mask =
      std::string(s.isFull ? "<full" : "<lane(step = pos)") +
      (s.window ? ", window<" + text(s.window) + ">" : std::string()) + ">";
  std::string lse = "tensor<?x" + text(s.queries()) + "xf32>";
  // What the runtime keeps for callbacks passes the matrices that a model would
  // compute. lse takes the place of the keys, once they are in the cache.
  return "!kv = " + cache + "\n!rows = !tok.rows<pos, seq>\n" +
         "module attributes {tok.model = #tok.model<arch = \"llama\", name = "
         "\"m\", layers = 3, width = " +
         text(s.queries() * s.keySize) +
         ", context = 1100, vocab = " + text(s.queries() * s.valueSize) +
         ">} {\n"
         "func.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}, %rows: "
         "!rows {tok.slot = \"rows\"}, %q: " +
         q + " {tok.slot = \"frontier\"}, %k: " + k +
         " {tok.slot = \"instrument\"}, %v: " + v +
         " {tok.slot = \"instrument_data\"}, %n: index {tok.slot = "
         "\"full_rows\"}, %lo: index {tok.slot = \"layer_begin\"}, %hi: index "
         "{tok.slot = \"layer_end\"}, %kv: !kv "
         "{tok.slot = \"kv\"}) -> (" +
         out + " {tok.slot = \"logits\"}, !kv {tok.slot = \"kv\"}" +
         (s.hasLse ? ", " + lse + " {tok.slot = \"instrument\"}" : "") +
         ") {\n" +
         "  %l = arith.constant 1 : index\n"
         "  %kv1 = tok.append %kv[%l], %rows, %k, %v : !kv, !rows, " +
         k + ", " + v + "\n" + "  %a" + (s.hasLse ? ", %lse" : "") +
         " = tok.attention %q, %kv1[%l], %rows mask = " + mask +
         " scale = " + std::to_string(s.scale) + " : " + q +
         ", !kv, !rows -> " + out + (s.hasLse ? " lse " + lse : "") +
         "\n  return %a, %kv1" + (s.hasLse ? ", %lse" : "") + " : " + out +
         ", !kv" + (s.hasLse ? ", " + lse : "") + "\n}\n}\n";
}

/// Sequences whose pages lie anywhere, and what was appended to them.
class Cache {
public:
  Cache(const Shape &shape, const Program &program, int64_t sequences,
        int64_t positions)
      : shape(shape), program(program),
        pages((positions + shape.page - 1) / shape.page),
        pool(program.getPageBytes() * sequences * pages),
        table(sequences * pages) {
    // No two neighbours in order.
    std::iota(table.begin(), table.end(), 0);
    std::shuffle(table.begin(), table.end(), std::mt19937(7));
    descriptor[0] = reinterpret_cast<uint64_t>(pool.as<char>());
    descriptor[1] = reinterpret_cast<uint64_t>(table.data());
    descriptor[2] = pages;
  }

  /// Has the first pages of a sequence lie where no memory is.
  void loseFirstPages(int64_t sequence, int64_t count) {
    std::fill_n(table.begin() + sequence * pages, count, 1 << 30);
  }

  /// One step over the rows `from, from + 1, ...` of what `source` gives for a
  /// sequence and a position. A row of the result is the output, then lse.
  struct Row {
    int32_t sequence, position;
  };
  Rows step(
      const std::vector<Row> &rows,
      const std::function<void(const Row &, float *, float *, float *)> &source,
      int64_t workers) {
    int64_t count = rows.size();
    Rows q(count, shape.queries() * shape.keySize),
        k(count, shape.heads * shape.keySize),
        v(count, shape.heads * shape.valueSize),
        out(count, shape.queries() * shape.valueSize);
    out.poison();
    std::vector<int32_t> ids(count), positions(count), sequences(count);
    for (int64_t r = 0; r < count; ++r) {
      positions[r] = rows[r].position;
      sequences[r] = rows[r].sequence;
      source(rows[r], q[r], k[r], v[r]);
    }
    Frame frame;
    frame.set(Slot::Ids, ids.data())
        .set(Slot::Pos, positions.data())
        .set(Slot::Seq, sequences.data());
    frame.set(Slot::Frontier, q[0])
        .set(Slot::Instrument, k[0])
        .set(Slot::InstrumentData, v[0]);
    frame.set(Slot::Logits, out[0])
        .set(Slot::LayerBegin, kLayer)
        .set(Slot::LayerEnd, kLayers);
    frame.set(Slot::FullRows, count).set(Slot::Caches, descriptor);
    program.run(frame, count, workers);
    if (!shape.hasLse)
      return out;
    Rows results(count, out.columns + shape.queries());
    for (int64_t r = 0; r < count; ++r) {
      std::copy_n(out[r], out.columns, results[r]);
      std::copy_n(k[r], shape.queries(), results[r] + out.columns);
      // What fills the row of a buffer up is zero, and is copied with it.
      for (int64_t c = shape.queries() % 16; c && c < 16; ++c)
        EXPECT_EQ(k[r][shape.queries() / 16 * 16 + c], 0) << "beside lse";
    }
    return results;
  }

private:
  const Shape &shape;
  const Program &program;
  int64_t pages;
  Memory pool;
  std::vector<int32_t> table;
  uint64_t descriptor[3];
};

/// A head's row as the cache keeps it.
std::vector<double> stored(const Shape &shape, const float *x, int64_t size) {
  std::vector<double> kept(x, x + size);
  std::string type = shape.type;
  float largest = 0;
  for (int64_t d = 0; d < size; ++d)
    largest = std::max(largest, std::fabs(x[d]));
  for (int64_t d = 0; d < size; ++d) {
    if (type == "f16")
      kept[d] = halfToDouble(doubleToHalf(x[d]));
    if (type == "i8")
      kept[d] = largest ? double(largest / 127.0f) *
                              std::nearbyintf(x[d] * (127.0f / largest))
                        : 0;
  }
  return kept;
}

struct AttentionTest : KernelTest {
  /// What one sequence holds.
  struct Sequence {
    Rows q, k, v;
  };
  Sequence makeSequence(const Shape &shape, int64_t positions) {
    Sequence s{{positions, shape.queries() * shape.keySize},
               {positions, shape.heads * shape.keySize},
               {positions, shape.heads * shape.valueSize}};
    fill(s.q, -2, 2);
    fill(s.k, -2, 2);
    fill(s.v, -2, 2);
    // Rows of zeros and of one outlier have scales of their own; a row far
    // above the others takes all attention.
    for (int64_t c = 0; c < s.k.columns; ++c) {
      s.k[positions / 3][c] = 0;
      s.k[positions / 2][c] = c ? 0.001f : 50;
      s.k[positions / 5][c] *= 20;
    }
    for (int64_t c = 0; c < s.v.columns; ++c)
      s.v[positions / 4][c] = c % 7 ? 0 : 100;
    return s;
  }

  static auto sourceOf(const std::vector<Sequence> &sequences) {
    return [&sequences](const Cache::Row &row, float *q, float *k, float *v) {
      const Sequence &s = sequences[row.sequence];
      std::copy_n(s.q[row.position], s.q.columns, q);
      std::copy_n(s.k[row.position], s.k.columns, k);
      std::copy_n(s.v[row.position], s.v.columns, v);
    };
  }

  /// Expects what a row sees up to the position `last`.
  void expectRow(const Shape &shape, const Sequence &sequence, int64_t position,
                 int64_t last, const float *got) {
    int64_t first =
        shape.window ? std::max<int64_t>(0, position - shape.window + 1) : 0;
    for (int64_t h = 0; h < shape.queries(); ++h) {
      int64_t g = h / shape.group;
      std::vector<double> scores, sum(shape.valueSize),
          magnitude(shape.valueSize);
      std::vector<std::vector<double>> values;
      double largest = -INFINITY, terms = 0, total = 0;
      for (int64_t j = first; j <= last; ++j) {
        std::vector<double> key =
            stored(shape, sequence.k[j] + g * shape.keySize, shape.keySize);
        values.push_back(stored(shape, sequence.v[j] + g * shape.valueSize,
                                shape.valueSize));
        double score = 0, magnitudes = 0;
        for (int64_t d = 0; d < shape.keySize; ++d) {
          double product = key[d] * sequence.q[position][h * shape.keySize + d];
          score += product;
          magnitudes += std::fabs(product);
        }
        scores.push_back(score * shape.scale);
        largest = std::max(largest, scores.back());
        terms = std::max(terms, magnitudes * shape.scale);
      }
      for (size_t j = 0; j < scores.size(); ++j) {
        double p = std::exp(scores[j] - largest);
        total += p;
        for (int64_t d = 0; d < shape.valueSize; ++d) {
          sum[d] += p * values[j][d];
          magnitude[d] += p * std::fabs(values[j][d]);
        }
      }
      // A score that is off by e scales its probability by 1 + e.
      double relative = 4e-6 + 1e-6 * terms;
      for (int64_t d = 0; d < shape.valueSize; ++d)
        ASSERT_NEAR(got[h * shape.valueSize + d], sum[d] / total,
                    relative * magnitude[d] / total + 1e-30)
            << "position " << position << ", head " << h << ", element " << d;
      if (shape.hasLse) {
        double lse = largest + std::log(total);
        ASSERT_NEAR(got[shape.queries() * shape.valueSize + h], lse,
                    relative + 3e-7 * std::fabs(lse))
            << "lse of position " << position << ", head " << h;
      }
    }
  }
};

/// Blocks end at 64 slots, segments at 512; pages may be longer than a block.
constexpr int64_t kPositions[] = {0,   1,   62,  63,  64,  65,  127,
                                  128, 510, 511, 512, 513, 575, 1099};
constexpr int64_t kLength = 1100;

const Shape kShapes[] = {
    // heads, queries a head, key size, value size, page, window, type, scale
    // (as it prints)
    {1, 3, 64, 64, 64, 0, "f16", 0.125f},
    {2, 1, 24, 24, 128, 0, "f32", 0.2f, /*isFull=*/false, /*hasLse=*/false},
    {1, 6, 128, 128, 64, 0, "i8", 0.088388f},
    {3, 3, 64, 64, 64, 100, "i8", 0.125f},
    {2, 6, 24, 24, 64, 64, "f16", 1.0f},
    {1, 1, 32, 16, 64, 513, "f32", 0.176777f},
    {2, 3, 24, 40, 64, 0, "i8", 0.2f},
    {1, 2, 16, 16, 64, 1, "f16", 0.25f},
    {1, 8, 40, 48, 64, 30, "f16", 0.158114f},
};

std::string nameOf(const Shape &s) {
  return std::string(s.isFull ? "full, " : "") + std::to_string(s.heads) + "x" +
         std::to_string(s.group) + " heads of " + std::to_string(s.keySize) +
         " x " + s.type + ", window " + std::to_string(s.window);
}

TEST_P(AttentionTest, IsASoftmaxAndDependsOnNobody) {
  for (const Shape &shape : kShapes) {
    SCOPED_TRACE(nameOf(shape));
    Program program(moduleOf(shape), GetParam());
    std::vector<Sequence> sequences;
    for (int64_t i = 0; i < 3; ++i)
      sequences.push_back(makeSequence(shape, kLength));
    auto source = sourceOf(sequences);

    // All of one prompt in one step.
    Cache whole(shape, program, 3, kLength);
    std::vector<Cache::Row> rows;
    for (int32_t p = 0; p < kLength; ++p)
      rows.push_back({1, p});
    Rows expected = whole.step(rows, source, /*workers=*/1);
    for (int64_t position : kPositions)
      expectRow(shape, sequences[1], position, position, expected[position]);

    // Chunks, beside other sequences that are elsewhere, by several workers.
    Cache mixed(shape, program, 3, kLength);
    int64_t workers = 0;
    for (int32_t begin = 0; begin < kLength; begin += 250) {
      std::vector<Cache::Row> step;
      std::vector<int32_t> places;
      int32_t end = std::min<int32_t>(begin + 250, kLength);
      for (int32_t p = begin; p < end; ++p) {
        if (p % 97 == 0)
          step.push_back({2, p / 97});
        places.push_back(step.size());
        step.push_back({1, p});
      }
      Rows out = mixed.step(step, source, workers++ % 3 + 1);
      for (int32_t p = begin; p < end; ++p)
        ASSERT_TRUE(
            sameBits(out[places[p - begin]], expected[p], expected.columns))
            << "chunks, position " << p;
    }

    // Every position in a step of its own, and those at the ends of blocks and
    // segments by several workers.
    Cache alone(shape, program, 3, kLength);
    for (int32_t position = 0; position < kLength; ++position)
      for (int64_t count : {1, 3}) {
        if (count > 1 && !llvm::is_contained({63, 64, 512, 1099}, position))
          continue;
        Rows out = alone.step({{1, position}}, source, count);
        ASSERT_TRUE(sameBits(out[0], expected[position], expected.columns))
            << "alone, position " << position << ", " << count << " workers";
      }
  }
}

/// How many rows share a block and how much of it is computed at a time is a
/// matter of speed.
TEST_P(AttentionTest, HasTheSameBitsForAllKnobs) {
  const Shape shapes[] = {
      {1, 3, 64, 64, 64, 0, "f16", 0.125f},
      {2, 1, 32, 24, 64, 0, "i8", 0.2f, /*isFull=*/false, /*hasLse=*/false},
      {1, 2, 16, 32, 128, 21, "f32", 0.25f},
      {1, 2, 16, 32, 64, 70, "f16", 0.25f, /*isFull=*/true},
  };
  constexpr int32_t length = 150;
  for (const Shape &shape : shapes) {
    SCOPED_TRACE(nameOf(shape));
    std::vector<Sequence> sequences;
    sequences.push_back(makeSequence(shape, length));
    std::vector<Cache::Row> rows;
    for (int32_t p = 0; p < length; ++p)
      rows.push_back({0, p});
    auto compute = [&](int64_t tile, int64_t tileRows, int64_t tileVectors) {
      Program program(moduleOf(shape), GetParam(), {},
                      {"attention",
                       {{"tile", tile},
                        {"tile_rows", tileRows},
                        {"tile_vectors", tileVectors}}});
      return Cache(shape, program, 1, length)
          .step(rows, sourceOf(sequences), 1);
    };
    Rows expected = compute(1, 1, 1);
    for (auto [tile, tileRows, tileVectors] :
         std::vector<std::array<int64_t, 3>>{
             {16, 1, 4}, {16, 2, 2}, {8, 4, 1}, {16, 8, 1}}) {
      Rows out = compute(tile, tileRows, tileVectors);
      for (int32_t p = 0; p < length; ++p)
        ASSERT_TRUE(sameBits(out[p], expected[p], expected.columns))
            << "tiles of " << tile << " rows, " << tileRows << " rows and "
            << tileVectors << " vectors at a time, position " << p;
    }
  }
}

/// Rows of a tile are together, but what one of them does not see is not in its
/// sums: a NaN or an infinity would be in all that are computed from them.
TEST_P(AttentionTest, TakesNothingFromSlotsThatItDoesNotSee) {
  for (const Shape &shape : {Shape{1, 3, 32, 32, 64, 0, "f32", 0.176777f},
                             Shape{1, 1, 32, 24, 64, 20, "f16", 0.176777f}}) {
    SCOPED_TRACE(nameOf(shape));
    Program program(moduleOf(shape), GetParam());
    constexpr int32_t length = 128;
    std::vector<Sequence> sequences;
    sequences.push_back(makeSequence(shape, length));
    std::vector<Cache::Row> rows;
    for (int32_t p = 0; p < length; ++p)
      rows.push_back({0, p});
    Rows expected =
        Cache(shape, program, 1, length).step(rows, sourceOf(sequences), 1);
    for (int32_t bad : {5, 70, 127}) {
      Sequence &s = sequences[0];
      std::vector<float> k(s.k[bad], s.k[bad] + s.k.columns),
          v(s.v[bad], s.v[bad] + s.v.columns);
      std::fill_n(s.k[bad], s.k.columns, NAN);
      std::fill_n(s.v[bad], s.v.columns, bad % 2 ? INFINITY : NAN);
      Rows out =
          Cache(shape, program, 1, length).step(rows, sourceOf(sequences), 1);
      for (int32_t p = 0; p < length; ++p) {
        bool sees = p >= bad && (!shape.window || p < bad + shape.window);
        if (!sees)
          ASSERT_TRUE(sameBits(out[p], expected[p], expected.columns))
              << "position " << p << ", which does not see " << bad;
      }
      std::copy(k.begin(), k.end(), s.k[bad]);
      std::copy(v.begin(), v.end(), s.v[bad]);
    }
  }
}

/// Rows of a step are in no order: neighbours of other sequences, of other
/// blocks, and backwards.
TEST_P(AttentionTest, CutsTilesWhereRowsDoNotSeeTheSame) {
  for (const Shape &shape : {Shape{1, 3, 64, 64, 64, 0, "f16", 0.125f},
                             Shape{2, 1, 32, 32, 64, 40, "f32", 0.176777f}}) {
    SCOPED_TRACE(nameOf(shape));
    Program program(moduleOf(shape), GetParam());
    constexpr int32_t length = 200;
    std::vector<Sequence> sequences;
    for (int64_t i = 0; i < 3; ++i)
      sequences.push_back(makeSequence(shape, length));
    auto source = sourceOf(sequences);
    std::vector<Cache::Row> rows;
    for (int32_t sequence = 0; sequence < 3; ++sequence)
      for (int32_t p = 0; p < length; ++p)
        rows.push_back({sequence, p});
    Rows expected = Cache(shape, program, 3, length).step(rows, source, 1);
    std::vector<int32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0);
    auto compare = [&](const char *what) {
      std::vector<Cache::Row> step;
      for (int32_t i : order)
        step.push_back(rows[i]);
      Rows out = Cache(shape, program, 3, length).step(step, source, 2);
      for (auto [place, i] : llvm::enumerate(order))
        ASSERT_TRUE(sameBits(out[place], expected[i], expected.columns))
            << what << ", position " << i % length << " of sequence "
            << i / length;
    };
    std::reverse(order.begin(), order.end());
    compare("backwards");
    // Runs of 1 to 19 rows of a sequence in turn.
    order.clear();
    std::array<int32_t, 3> done = {};
    for (int32_t turn = 0; order.size() < rows.size(); ++turn)
      for (int32_t i = 0; i < turn % 19 + 1; ++i)
        if (done[turn % 3] < length)
          order.push_back(turn % 3 * length + done[turn % 3]++);
    compare("in runs");
    std::shuffle(order.begin(), order.end(), std::mt19937(3));
    compare("in any order");
  }
}

/// Scores far apart: what a maximum so far must be for, within a block, across
/// blocks and across segments.
TEST_P(AttentionTest, SurvivesScoresFarApart) {
  Shape shape{1, 1, 16, 16, 64, 0, "f32", 1.0f};
  Program program(moduleOf(shape), GetParam());
  std::vector<Sequence> sequences;
  sequences.push_back(makeSequence(shape, kLength));
  Sequence &s = sequences[0];
  for (int64_t p = 0; p < kLength; ++p)
    for (int64_t c = 0; c < 16; ++c) {
      s.q[p][c] = c == 0;
      // Rising over segments, falling within blocks; some below anything that
      // an exponential can hold.
      s.k[p][c] = c ? 0
                    : static_cast<float>(p / 512 * 300 - p % 64 * 2 -
                                         (p % 5 == 0 ? 5000 : 0));
    }
  Cache cache(shape, program, 1, kLength);
  std::vector<Cache::Row> rows;
  for (int32_t p = 0; p < kLength; ++p)
    rows.push_back({0, p});
  Rows out = cache.step(rows, sourceOf(sequences), 2);
  for (int64_t position : kPositions)
    expectRow(shape, s, position, position, out[position]);
}

/// Rows that see what comes after them: the end is that of their own sequence,
/// and the few rows of a step whose segments are dealt out have the bits of
/// those that one worker does whole.
TEST_P(AttentionTest, SeesToTheEndOfItsSequence) {
  const Shape shapes[] = {
      {1, 3, 64, 64, 64, 0, "f16", 0.125f, /*isFull=*/true},
      {2, 2, 24, 40, 128, 0, "i8", 0.2f, /*isFull=*/true, /*hasLse=*/false},
      {1, 2, 32, 16, 64, 70, "f32", 0.176777f, /*isFull=*/true},
      {2, 1, 16, 16, 64, 1, "f32", 0.25f, /*isFull=*/true},
  };
  for (const Shape &shape : shapes) {
    SCOPED_TRACE(nameOf(shape));
    Program program(moduleOf(shape), GetParam());
    std::vector<Sequence> sequences;
    for (int64_t i = 0; i < 2; ++i)
      sequences.push_back(makeSequence(shape, kLength));
    auto source = sourceOf(sequences);
    for (int32_t length : {1, 64, 65, 512, 1099}) {
      Cache cache(shape, program, 2, kLength);
      std::vector<Cache::Row> rows;
      for (int32_t p = 0; p < length; ++p)
        rows.push_back({1, p});
      // Another sequence is longer and shorter.
      rows.push_back({0, 0});
      rows.push_back({0, 1});
      Rows whole = cache.step(rows, source, 2);
      for (int32_t position : {0, length / 2, length - 1})
        expectRow(shape, sequences[1], position, length - 1, whole[position]);
      expectRow(shape, sequences[0], 0, 1, whole[length]);
      for (int64_t workers : {1, 3}) {
        std::vector<int32_t> few = {length - 1};
        if (length > 3)
          few = {length - 1, length - 2, length - 3};
        std::vector<Cache::Row> again;
        for (int32_t position : few)
          again.push_back({1, position});
        Rows out = cache.step(again, source, workers);
        for (auto [i, position] : llvm::enumerate(few))
          ASSERT_TRUE(sameBits(out[i], whole[position], whole.columns))
              << "length " << length << ", position " << position << ", "
              << workers << " workers";
      }
    }
  }
}

/// Blocks before the window are not even looked up.
TEST_P(AttentionTest, DoesNotReadBeforeTheWindow) {
  for (const Shape &shape :
       {Shape{1, 3, 64, 64, 64, 65, "f16", 0.125f},
        Shape{2, 1, 16, 16, 64, 1, "i8", 0.25f},
        Shape{1, 2, 32, 32, 64, 600, "f32", 0.2f, /*isFull=*/true}}) {
    SCOPED_TRACE(nameOf(shape));
    Program program(moduleOf(shape), GetParam());
    std::vector<Sequence> sequences;
    sequences.push_back(makeSequence(shape, kLength));
    auto source = sourceOf(sequences);
    // The first slot of a page, a slot inside one, and the last.
    for (int32_t position : {704, 800, 1023}) {
      Cache cache(shape, program, 1, kLength);
      std::vector<Cache::Row> rows;
      for (int32_t p = 0; p <= position; ++p)
        rows.push_back({0, p});
      Rows expected = cache.step(rows, source, 1);
      cache.loseFirstPages(0, (position + 1 - shape.window) / shape.page);
      for (int64_t workers : {1, 3}) {
        Rows out = cache.step({{0, position}}, source, workers);
        ASSERT_TRUE(sameBits(out[0], expected[position], expected.columns))
            << "position " << position << ", " << workers << " workers";
      }
    }
  }
}

TOKOPT_INSTANTIATE_KERNELS(AttentionTest, getVariantsWithoutTiles());

} // namespace
