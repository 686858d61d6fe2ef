//===- Rowwise.cpp - Cases of what is generated from a row ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

#include "tokopt/Kernel.h"

#include <cmath>

using namespace tokopt;
using namespace cases;

static std::string typeName(Element element) {
  return element == Element::F16    ? "f16"
         : element == Element::BF16 ? "bf16"
                                    : "f32";
}

static std::string memref(int64_t columns, const std::string &type) {
  return "memref<?x" + std::to_string(columns) + "x" + type + ">";
}

static constexpr double kEpsilon = 1e-5;

/// %o = %s / sqrt(mean(%s^2) + epsilon) * %w, in a region, over `count`
/// columns.
static std::string normOf(const std::string &count) {
  return R"mlir(  %q = arith.mulf %s, %s : f32
  %t = tok.reduce_row %q
  %n = arith.constant )mlir" +
         count + R"mlir(.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %m = arith.divf %t, %n : f32
  %v = arith.addf %m, %eps : f32
  %d = math.sqrt %v : f32
  %u = arith.divf %s, %d : f32
  %o = arith.mulf %u, %w : f32
)mlir";
}

/// x += r, y = x / sqrt(mean(x^2) + epsilon) * w, row by row.
static std::string residualNorm(int64_t columns, Element element) {
  std::string count = std::to_string(columns),
              x = memref(columns, typeName(element));
  return "tok.weight @w : tensor<" + count +
         "xf32> = source \"weights\" at [0]\nfunc.func @f(%x: " + x +
         ", %r: " + x + ", %y: " + x +
         ", %b: index, %e: index) {\n"
         "tok.kernel \"rowwise\" rows(%b to %e) weights [@w] ins(%x, %r : " +
         x + ", " + x + ") outs(%x, %y : " + x + ", " + x +
         ") {columns = " + count + R"mlir(} prologue {
^bb0(%a: f32, %c: f32, %w: f32):
  %s = arith.addf %a, %c : f32
)mlir" + normOf(count) +
         R"mlir(  tok.yield %s, %o : f32, f32
}
return
})mlir";
}

/// A buffer of rows. Columns behind the last are zero in memory, and here they
/// are none: columns fill the rows.
static Buffer rows(const char *name, int64_t count, int64_t columns,
                   Element element, bool isWritten, int exponent = 0) {
  Buffer buffer;
  buffer.name = name;
  uint64_t each = rowBytesOf(columns, element);
  buffer.bytes = count * each;
  if (!isWritten)
    return buffer;
  buffer.period = std::min<uint64_t>(count, 1021) * each;
  buffer.parts.push_back({0, buffer.period, element, exponent});
  return buffer;
}

static void addNorm(std::vector<Sketch> &sketches, const std::string &name,
                    int64_t count, int64_t columns, Element element,
                    std::vector<int64_t> compared, const Timing &timing) {
  Sketch sketch;
  sketch.module = residualNorm(columns, element);
  sketch.rows = count;
  sketch.isExact = true;
  Case &given = sketch.given;
  given.name = name;
  given.isTimed = !timing.title.empty();
  given.timing = timing;
  given.isSmall = !given.isTimed;
  given.buffers = {rows("x", count, columns, element, true),
                   rows("r", count, columns, element, true),
                   rows("y", count, columns, element, false),
                   rows("w", 1, columns, Element::F32, true, 1)};
  // No frame and no layer.
  given.arguments = {{"", 0},  {"", 0},  {"", uint64_t(count)},
                     {"", 0},  {"w", 0}, {"x", 0},
                     {"r", 0}, {"x", 0}, {"y", 0}};
  uint64_t each = rowBytesOf(columns, element);
  for (int64_t row : compared)
    for (const char *buffer : {"x", "y"})
      given.checks.push_back({buffer, row * each, element, uint64_t(columns)});
  sketch.reference = [=](const Contents &contents) {
    std::vector<ExpectedNumber> expected;
    // Rounding to the type of the results, and sums of a row in f32.
    double unit = element == Element::F16    ? 0x1p-10
                  : element == Element::BF16 ? 0x1p-7
                                             : 1e-6;
    for (int64_t row : compared) {
      double squares = 0;
      std::vector<double> sums(columns);
      for (int64_t c = 0; c < columns; ++c) {
        uint64_t at = row * each + c * sizeOf(element);
        sums[c] =
            contents["x"].get(at, element) + contents["r"].get(at, element);
        squares += sums[c] * sums[c];
      }
      double root = std::sqrt(squares / columns + kEpsilon);
      for (double sum : sums)
        expected.push_back({sum, unit * std::fabs(sum) + unit / 1e3});
      for (int64_t c = 0; c < columns; ++c) {
        double norm = sums[c] / root * contents["w"].get(4 * c, Element::F32);
        expected.push_back({norm, unit * std::fabs(norm) + unit / 1e3});
      }
    }
    return expected;
  };
  sketches.push_back(std::move(sketch));
}

/// y = x / sqrt(mean(x^2) + epsilon) * w of each head of a row.
static std::string headNorm(int64_t heads, int64_t size) {
  std::string count = std::to_string(size), x = memref(heads * size, "f32");
  return "tok.weight @w : tensor<" + count +
         "xf32> = source \"weights\" at [0]\nfunc.func @f(%x: " + x +
         ", %y: " + x + ", %b: index, %e: index) {\n" +
         "tok.kernel \"rowwise\" rows(%b to %e) weights [@w] ins(%x : " + x +
         ") outs(%y : " + x + ") {columns = " + std::to_string(heads * size) +
         ", group = " + count + R"mlir(} prologue {
^bb0(%s: f32, %w: f32):
)mlir" + normOf(count) +
         R"mlir(  tok.yield %o : f32
}
return
})mlir";
}

/// y = silu(g) * u, and the same as rounded rows (docs/kernels.md).
static std::string gate(int64_t columns, Element element, bool isRounded,
                        uint64_t roundedBytes) {
  std::string x = memref(columns, typeName(element)),
              q = memref(roundedBytes, "i8");
  return "func.func @f(%g: " + x + ", %u: " + x + ", %y: " + x +
         (isRounded ? ", %q: " + q : "") + ", %b: index, %e: index) {\n" +
         "tok.kernel \"rowwise\" rows(%b to %e) ins(%g, %u : " + x + ", " + x +
         ") outs(%y" + (isRounded ? ", %q : " + x + ", " + q : " : " + x) +
         ") {columns = " + std::to_string(columns) + R"mlir(} prologue {
^bb0(%a: f32, %c: f32):
  %one = arith.constant 1.0 : f32
  %n = arith.negf %a : f32
  %p = math.exp %n fastmath<nnan,ninf> : f32
  %d = arith.addf %p, %one : f32
  %s = arith.divf %a, %d : f32
  %o = arith.mulf %s, %c : f32
  tok.yield )mlir" +
         (isRounded ? "%o, %o : f32, f32" : "%o : f32") + "\n}\nreturn\n}\n";
}

/// A kernel of rows, of which only the simulator says what comes out: every
/// architecture gives the same bits.
static void addExact(std::vector<Sketch> &sketches, const std::string &name,
                     std::string module, int64_t count,
                     std::vector<Buffer> buffers, std::vector<Check> checks) {
  Sketch sketch;
  sketch.module = std::move(module);
  sketch.rows = count;
  sketch.isExact = true;
  Case &given = sketch.given;
  given.name = name;
  given.isSmall = true;
  // No frame and no layer.
  given.arguments = {{"", 0}, {"", 0}, {"", uint64_t(count)}, {"", 0}};
  for (const Buffer &buffer : buffers)
    given.arguments.push_back({buffer.name, 0});
  given.buffers = std::move(buffers);
  given.checks = std::move(checks);
  sketches.push_back(std::move(sketch));
}

static void addHeads(std::vector<Sketch> &sketches) {
  constexpr int64_t kRows = 3, kHeads = 5, kSize = 48,
                    kColumns = kHeads * kSize;
  addExact(sketches, "norm-heads", headNorm(kHeads, kSize), kRows,
           {rows("w", 1, kSize, Element::F32, true, 1),
            rows("x", kRows, kColumns, Element::F32, true),
            rows("y", kRows, kColumns, Element::F32, false)},
           {{"y", 0, Element::F32, kRows * kColumns}});
}

static void addGate(std::vector<Sketch> &sketches, const std::string &name,
                    int64_t columns, Element element, bool isRounded) {
  constexpr int64_t kRows = 4;
  // Bytes, and of each 32 of them two f32 and two i32.
  uint64_t bytes = columns + columns / 2, rounded = (bytes + 63) / 64 * 64;
  std::vector<Buffer> buffers = {rows("g", kRows, columns, element, true, 3),
                                 rows("u", kRows, columns, element, true, 1),
                                 rows("y", kRows, columns, element, false)};
  std::vector<Check> checks;
  for (int64_t row = 0; row < kRows; ++row)
    checks.push_back(
        {"y", row * rowBytesOf(columns, element), element, uint64_t(columns)});
  if (isRounded) {
    Buffer q;
    q.name = "q";
    q.bytes = kRows * rounded;
    buffers.push_back(q);
    for (int64_t row = 0; row < kRows; ++row)
      checks.push_back({"q", row * rounded, Element::I8, bytes});
  }
  addExact(sketches, name, gate(columns, element, isRounded, rounded), kRows,
           std::move(buffers), std::move(checks));
}

/// Rows that are written to the keys or values of a cache, in its format; keys
/// are rotated.
static void addAppend(std::vector<Sketch> &sketches, const char *type,
                      uint64_t elementBytes, bool isKey) {
  constexpr int64_t kHeads = 3, kSize = 64, kRows = 4, kSlots = 64, kPages = 2;
  std::string columns = std::to_string(kHeads * kSize);
  std::string half = std::to_string(kSize) + " x " + type;
  std::string cache =
      "!tok.cache<layers = [0-1], heads = " + std::to_string(kHeads) +
      ", k = " + half + ", v = " + half +
      ", page = 64, keys = post_rope, window = 0, sinks = 0, "
      "residual = 0, tables = shared, columns = [pos], "
      "digests = []>";
  std::string x = memref(kHeads * kSize, "f32"),
              angles = memref(2 * kSize, "f32");
  std::string body = isKey ? "^bb0(%v: f32, %c: f32, %s: f32):\n"
                             "%p = tok.partner %v halves head = 64 dims = 64\n"
                             "%t = arith.mulf %v, %c : f32\n"
                             "%o = math.fma %p, %s, %t : f32\n"
                             "tok.yield %o : f32\n"
                           : "^bb0(%v: f32):\ntok.yield %v : f32\n";
  Sketch sketch;
  sketch.module = "func.func @f(%x: " + x + ", %a: " + angles +
                  ", %kv: " + cache +
                  ", %b: index, %e: index, %l: index) {\n"
                  "tok.kernel \"rowwise\" rows(%b to %e) layer(%l) ins(%x" +
                  (isKey ? ", %a : " + x + ", " + angles : " : " + x) +
                  ") outs(%kv : " + cache + ") {columns = " + columns +
                  ", cache = 0, side = \"" + (isKey ? "k" : "v") + "\"" +
                  (isKey ? ", angles = 1, head = 64" : "") + "} prologue {\n" +
                  body + "}\nreturn\n}\n";
  sketch.rows = kRows;
  sketch.isExact = true;
  Case &given = sketch.given;
  given.name = std::string("append-") + type + (isKey ? "" : "-values");
  given.isSmall = true;
  uint64_t headBytes =
      2 * kSize * kSlots * elementBytes + (elementBytes == 1 ? 8 * kSlots : 0);
  Buffer pool, table, pos, seq, caches, frame;
  pool.name = "pool";
  pool.fill = 0;
  pool.bytes = kPages * 2 * kHeads * headBytes;
  table.name = "table";
  table.integers = {1, 0};
  pos.name = "pos";
  pos.integers = {0, 63, 5, 62};
  seq.name = "seq";
  seq.integers = {0, 0, 1, 1};
  for (Buffer *buffer : {&table, &pos, &seq})
    buffer->bytes = 4 * buffer->integers.size();
  caches.name = "caches";
  caches.words = {{"pool", 0}, {"table", 0}, {"", 1}};
  frame.name = "frame";
  frame.words.resize(24);
  auto slot = [&](Slot slot) -> Word & {
    return frame.words[static_cast<int64_t>(slot)];
  };
  slot(Slot::Pos) = {"pos", 0};
  slot(Slot::Seq) = {"seq", 0};
  slot(Slot::Caches) = {"caches", 0};
  for (Buffer *buffer : {&caches, &frame})
    buffer->bytes = 8 * buffer->words.size();
  given.buffers = {rows("x", kRows, kHeads * kSize, Element::F32, true, 2),
                   rows("angles", kRows, 2 * kSize, Element::F32, true),
                   pool,
                   table,
                   pos,
                   seq,
                   caches,
                   frame};
  given.arguments = {{"frame", 0}, {"", 0}, {"", kRows}, {"", 1}, {"x", 0}};
  if (isKey)
    given.arguments.push_back({"angles", 0});
  given.arguments.push_back({"", 0}); // the cache, which the frame has
  given.checks = {{"pool", 0, Element::I8, pool.bytes}};
  sketches.push_back(std::move(sketch));
}

void tokopt::addRowwise(std::vector<Sketch> &sketches) {
  for (Element element : {Element::F32, Element::F16, Element::BF16})
    for (int64_t columns : {64, 576, 4096})
      addNorm(sketches,
              "norm-" + typeName(element) + "-" + std::to_string(columns), 5,
              columns, element, {0, 1, 2, 3, 4}, {});
  addHeads(sketches);
  addGate(sketches, "gate-f16-1000", 1000, Element::F16, /*isRounded=*/false);
  addGate(sketches, "gate-f32-608-rounded", 608, Element::F32,
          /*isRounded=*/true);
  for (auto [type, bytes] : {std::pair("f32", 4), std::pair("f16", 2),
                             std::pair("bf16", 2), std::pair("i8", 1)})
    for (bool isKey : {true, false})
      addAppend(sketches, type, bytes, isKey);
  Timing timing;
  constexpr int64_t kRows = 8192, kColumns = 4096;
  // x and r are read, x and y written.
  timing.bytes = 4 * kRows * kColumns * sizeOf(Element::F16);
  timing.title = "residual + norm f16, 8k x 4096";
  addNorm(sketches, "norm-8k", kRows, kColumns, Element::F16,
          {0, 1, 4095, 8191}, timing);
}
