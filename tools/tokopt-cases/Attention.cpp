//===- Attention.cpp - Cases of attention ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

#include "tokopt/Kernel.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>

using namespace tokopt;
using namespace cases;

namespace {

/// Contents of heads repeat after a prime number of them, so that neighbours of
/// a head, in a page or beside it, hold others.
constexpr uint64_t kPeriodHeads = 61;

struct Attention {
  std::string name;
  Element type;
  int64_t heads, group, size;
  /// The positions of the rows of each sequence: from `first` to `last`.
  struct Rows {
    int64_t first, last;
  };
  std::vector<Rows> sequences;
  int64_t context;
  int64_t window = 0;
  /// Whether scores and weights are computed on tensor cores.
  bool inHalves = false;
  /// Whether all rows stand at the last position, so each sees every slot.
  bool seesAll = false;
  /// Rows and query heads that are compared; all where there are none.
  std::vector<int64_t> rows = {}, queries = {};
  Timing timing = {};

  int64_t queryHeads() const { return heads * group; }
  int64_t elementBytes() const { return sizeOf(type); }
  const char *typeName() const {
    switch (type) {
    case Element::F16:
      return "f16";
    case Element::BF16:
      return "bf16";
    case Element::I8:
      return "i8";
    default:
      return "f32";
    }
  }
  // Keys, values and their scales of a head, as pages have them on CUDA
  // (lib/Kernels/Common/Pages.h).
  static constexpr int64_t kSlots = 64;
  int64_t matrixBytes() const {
    return llvm::alignTo(size * kSlots * elementBytes(), 64);
  }
  int64_t headBytes() const {
    return 2 * matrixBytes() + (type == Element::I8 ? 8 * kSlots : 0);
  }
  float scale() const { return 1 / std::sqrt(static_cast<float>(size)); }
};

/// Two layers, of which the second is read.
constexpr int64_t kLayers = 2, kLayer = 1;

/// Where things of a case are.
class Layout {
public:
  explicit Layout(const Attention &a) : a(a) {
    pagesOfSequence = llvm::divideCeil(a.context, Attention::kSlots);
    pages.resize(a.sequences.size() * pagesOfSequence);
    std::iota(pages.begin(), pages.end(), 0);
    std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
    for (auto [sequence, rows] : llvm::enumerate(a.sequences))
      for (int64_t at = rows.first; at <= rows.last; ++at) {
        positions.push_back(a.seesAll ? rows.last : at);
        sequences.push_back(sequence);
      }
  }

  int64_t headOffset(int64_t row, int64_t slot, int64_t head) const {
    int64_t page =
        pages[sequences[row] * pagesOfSequence + slot / Attention::kSlots];
    return ((page * kLayers + kLayer) * a.heads + head) * a.headBytes();
  }
  uint64_t poolBytes() const {
    return pages.size() * kLayers * a.heads * a.headBytes();
  }

  const Attention a;
  int64_t pagesOfSequence;
  std::vector<int32_t> pages, positions, sequences;
};

std::string moduleOf(const Attention &a) {
  auto text = [](int64_t v) { return std::to_string(v); };
  std::string half = text(a.size) + " x " + a.typeName();
  std::string cache = "!tok.cache<layers = [0-1], heads = " + text(a.heads) +
                      ", k = " + half + ", v = " + half +
                      ", page = 64, keys = post_rope, window = 0, sinks = 0, "
                      "residual = 0, tables = shared, columns = [pos], "
                      "digests = []>";
  std::string q = "memref<?x" + text(a.queryHeads() * a.size) + "xf32>";
  std::string knobs =
      a.inHalves ? std::string(", compute = \"") + a.typeName() + "\""
                 : ", split_rows = " +
                       text(std::clamp<int64_t>(a.sequences.size(), 1, 64));
  char scale[32];
  snprintf(scale, sizeof scale, "%.8f", a.scale());
  return "func.func @f(%q: " + q + ", %kv: " + cache + ", %o: " + q +
         ", %b: index, %e: index, %l: index) {\n"
         "tok.kernel \"attention\" rows(%b to %e) layer(%l) ins(%q, %kv : " +
         q + ", " + cache + ") outs(%o : " + q +
         ") {heads = " + text(a.queryHeads()) + ", scale = " + scale +
         " : f32, window = " + text(a.window) +
         ", cache = 0, context = " + text(a.context) + ", row_bytes = 0" +
         knobs + "}\nreturn\n}\n";
}

/// A number as tensor cores get it.
double roundTo(double value, Element type) {
  llvm::APFloat number(value);
  bool loses;
  number.convert(type == Element::BF16 ? llvm::APFloat::BFloat()
                                       : llvm::APFloat::IEEEhalf(),
                 llvm::APFloat::rmNearestTiesToEven, &loses);
  number.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &loses);
  return number.convertToDouble();
}

/// The number that the cache holds.
double cached(const Layout &layout, const Contents::View &pool, int64_t row,
              int64_t slot, int64_t head, int64_t channel, bool isKey) {
  const Attention &a = layout.a;
  int64_t base = layout.headOffset(row, slot, head),
          inPage = slot % Attention::kSlots;
  int64_t at = base + (isKey ? 0 : a.matrixBytes()) +
               (inPage * a.size + channel) * a.elementBytes();
  double value = pool.get(at, a.type);
  if (a.type != Element::I8)
    return value;
  int64_t scale = base + 2 * a.matrixBytes() +
                  (isKey ? 0 : 4 * Attention::kSlots) + 4 * inPage;
  return value * pool.get(scale, Element::Scale);
}

/// Softmax in double precision of a row and a query head. What a number may be
/// off is the contract of docs/kernels.md, for f32 without what is rounded.
void addHead(const Layout &layout, const Contents &contents, int64_t row,
             int64_t query, std::vector<ExpectedNumber> &out) {
  const Attention &a = layout.a;
  Contents::View pool = contents["pool"], queries = contents["q"];
  int64_t last = layout.positions[row], head = query / a.group;
  int64_t first = a.window ? std::max<int64_t>(0, last - a.window + 1) : 0;
  std::vector<double> q(a.size), scores;
  uint64_t rowBytes = rowBytesOf(a.queryHeads() * a.size, Element::F32);
  for (int64_t d = 0; d < a.size; ++d) {
    double value =
        queries.get(row * rowBytes + 4 * (query * a.size + d), Element::F32);
    q[d] = a.inHalves ? roundTo(value, a.type) : value;
  }
  double largest = -INFINITY, terms = 0, total = 0;
  for (int64_t slot = first; slot <= last; ++slot) {
    double sum = 0, magnitudes = 0;
    for (int64_t d = 0; d < a.size; ++d) {
      double product =
          q[d] * cached(layout, pool, row, slot, head, d, /*isKey=*/true);
      sum += product;
      magnitudes += std::fabs(product);
    }
    scores.push_back(sum * a.scale());
    largest = std::max(largest, scores.back());
    terms = std::max(terms, magnitudes * a.scale());
  }
  std::vector<double> sums(a.size), weighted(a.size), absolute(a.size);
  for (int64_t slot = first; slot <= last; ++slot) {
    double weight = std::exp(scores[slot - first] - largest);
    total += weight;
    for (int64_t d = 0; d < a.size; ++d) {
      double value = cached(layout, pool, row, slot, head, d, false);
      sums[d] += weight * value;
      weighted[d] += weight * std::fabs(value);
      absolute[d] += std::fabs(value);
    }
  }
  bool isHalf = a.inHalves && a.type == Element::F16;
  double relative = 4e-6 + 1e-6 * terms +
                    (!a.inHalves ? 0
                     : isHalf    ? 0x1p-11
                                 : 0x1p-8);
  double smallest = isHalf ? 0x1p-25 : 0;
  for (int64_t d = 0; d < a.size; ++d)
    out.push_back(
        {total > 0 ? sums[d] / total : 0,
         total > 0
             ? (relative * weighted[d] + smallest * absolute[d]) / total + 1e-30
             : 0});
}

Buffer integers(const char *name, std::vector<int32_t> values) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = 4 * values.size();
  buffer.integers = std::move(values);
  return buffer;
}

Buffer words(const char *name, std::vector<Word> values) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = 8 * values.size();
  buffer.words = std::move(values);
  return buffer;
}

Buffer pool(const Attention &a, uint64_t bytes) {
  Buffer buffer;
  buffer.name = "pool";
  buffer.bytes = bytes;
  buffer.period = kPeriodHeads * a.headBytes();
  if (a.type != Element::I8) {
    buffer.parts.push_back({0, buffer.period, a.type, 1});
    return buffer;
  }
  for (uint64_t head = 0; head < kPeriodHeads; ++head) {
    uint64_t at = head * a.headBytes(), codes = 2 * a.matrixBytes();
    buffer.parts.push_back({at, codes, Element::I8, 0});
    buffer.parts.push_back(
        {at + codes, 8 * Attention::kSlots, Element::Scale, -6});
  }
  return buffer;
}

Sketch sketchOf(const Attention &a) {
  // It lives as long as the function that computes what is expected.
  auto layout = std::make_shared<const Layout>(a);
  Sketch sketch;
  sketch.module = moduleOf(a);
  sketch.rows = layout->positions.size();
  sketch.caches = {"pool"};
  sketch.isExact = !a.inHalves;
  Case &given = sketch.given;
  given.name = a.name;
  given.isSmall = a.rows.empty();
  given.isTimed = !a.timing.title.empty();
  given.timing = a.timing;

  uint64_t rowBytes = rowBytesOf(a.queryHeads() * a.size, Element::F32);
  int64_t segments = llvm::divideCeil(a.context, 512);
  Buffer q, out, counters, workspace;
  q.name = "q";
  q.bytes = sketch.rows * rowBytes;
  q.period = std::min<uint64_t>(q.bytes, 1021 * rowBytes);
  q.parts.push_back({0, q.period, Element::F32, 1});
  out.name = "out";
  out.bytes = sketch.rows * rowBytes;
  counters.name = "counters";
  counters.fill = 0;
  counters.bytes = 4 * sketch.rows * a.queryHeads();
  workspace.name = "workspace";
  // A state is the sums of a head, with its maximum and the sum of its weights.
  workspace.bytes =
      std::max<uint64_t>(64, a.inHalves ? 0
                                        : sketch.rows * a.queryHeads() *
                                              segments * (4 * a.size + 16));
  std::vector<Word> frame(24);
  auto set = [&](Slot slot, Word word) {
    frame[static_cast<int64_t>(slot)] = word;
  };
  set(Slot::Barrier, {"counters", 0});
  set(Slot::Pos, {"pos", 0});
  set(Slot::Seq, {"seq", 0});
  set(Slot::Workspace, {"workspace", 0});
  set(Slot::Caches, {"caches", 0});
  given.buffers = {
      q,
      out,
      counters,
      workspace,
      integers("pos", layout->positions),
      integers("seq", layout->sequences),
      integers("table", layout->pages),
      pool(a, layout->poolBytes()),
      words("caches", {{"pool", 0},
                       {"table", 0},
                       {"", static_cast<uint64_t>(layout->pagesOfSequence)}}),
      words("frame", frame)};
  // frame, first row, last row, layer, queries, cache, results.
  given.arguments = {{"frame", 0}, {"", 0},  {"", uint64_t(sketch.rows)},
                     {"", kLayer}, {"q", 0}, {"", 0},
                     {"out", 0}};

  std::vector<int64_t> rows = a.rows, queries = a.queries;
  if (rows.empty()) {
    rows.resize(sketch.rows);
    std::iota(rows.begin(), rows.end(), 0);
  }
  if (queries.empty()) {
    queries.resize(a.queryHeads());
    std::iota(queries.begin(), queries.end(), 0);
  }
  for (int64_t row : rows)
    for (int64_t query : queries)
      given.checks.push_back({"out", row * rowBytes + 4 * query * a.size,
                              Element::F32, uint64_t(a.size)});
  sketch.reference = [=](const Contents &contents) {
    std::vector<ExpectedNumber> expected;
    for (int64_t row : rows)
      for (int64_t query : queries)
        addHead(*layout, contents, row, query, expected);
    return expected;
  };
  return sketch;
}

} // namespace

void tokopt::addAttention(std::vector<Sketch> &sketches) {
  // Tails of pages and segments, sequences of one token, and several in one
  // launch.
  for (Element type : {Element::F16, Element::BF16, Element::I8, Element::F32})
    for (int64_t size : {64, 128}) {
      Attention a{"", type, 2, 2, size, {}, 1100};
      a.name =
          std::string("decode-") + a.typeName() + "-" + std::to_string(size);
      for (int64_t position : {0, 63, 64, 700})
        a.sequences.push_back({position, position});
      sketches.push_back(sketchOf(a));
    }
  for (Element type : {Element::F16, Element::BF16})
    for (int64_t size : {64, 128}) {
      Attention a{"", type, 1, 2, size, {{0, 66}, {126, 150}, {0, 0}}, 1100};
      a.inHalves = true;
      a.name =
          std::string("prefill-") + a.typeName() + "-" + std::to_string(size);
      sketches.push_back(sketchOf(a));
    }
  Attention shut{"decode-window", Element::F16, 2, 2, 64, {}, 1100};
  shut.window = 100;
  for (int64_t position : {0, 99, 100, 700})
    shut.sequences.push_back({position, position});
  sketches.push_back(sketchOf(shut));
  Attention window{"prefill-window", Element::F16, 1, 1, 64, {{0, 140}}, 1100};
  window.inHalves = true;
  window.window = 70;
  sketches.push_back(sketchOf(window));

  // Those of issue 5's table. What must be read: all keys and values of the
  // sequences; other bytes are fewer than one in a hundred of them.
  auto cacheBytes = [](const Attention &a) {
    return uint64_t(a.sequences.size()) * a.context / Attention::kSlots *
           a.heads * a.headBytes();
  };
  for (auto [type, count] :
       {std::pair(Element::F16, 32), std::pair(Element::I8, 32),
        std::pair(Element::F16, 1)}) {
    int64_t context = 8192;
    Attention a{"", type, 8, 4, 128, {}, context};
    a.sequences.assign(count, {context - 1, context - 1});
    a.name =
        std::string("decode-8k-") + a.typeName() + "-x" + std::to_string(count);
    a.rows = {0, count - 1};
    a.queries = {0, 13, 31};
    if (count == 1)
      a.rows = {0};
    a.timing.bytes = cacheBytes(a);
    a.timing.title = std::string("decode attention ") + a.typeName() +
                     ", 32/8 heads, d 128, page 64, " + std::to_string(count) +
                     " x 8k";
    sketches.push_back(sketchOf(a));
  }
  for (bool seesAll : {true, false}) {
    int64_t context = 16384;
    Attention a{seesAll ? "prefill-16k-full" : "prefill-16k-causal",
                Element::BF16,
                8,
                4,
                128,
                {{0, context - 1}},
                context};
    a.inHalves = true;
    a.seesAll = seesAll;
    a.rows = {0, 63, 64, 8191, 16383};
    a.queries = {0, 31};
    // Two products of a query with every slot that it sees.
    double pairs = double(context) * context * (seesAll ? 1 : 0.5);
    a.timing.operations = 2 * 2 * pairs * a.size * a.queryHeads();
    a.timing.title = std::string("prefill attention bf16, 32/8 heads, d 128, "
                                 "16k, ") +
                     (seesAll ? "full" : "causal");
    sketches.push_back(sketchOf(a));
  }
}
