//===- WarpgroupInstructions.cpp - Products of a warpgroup, one at a time -===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma m64nNk16: shared memory is filled with whole numbers of which each
// descriptor makes other matrices, so a block of the same kernel takes each of
// the ways in which matrices can lie there. It multiplies a depth of 32, the
// second half added to the first, and gives the registers as they are.
//
// PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions": where a matrix
// begins, what strides mean, and what the fields of a descriptor are.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/KernelText.h"
#include "tools/tokopt-cases/Sketch.h"

#include "tokopt/CudaAssembly.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace tokopt;
using namespace cases;

namespace {

constexpr int64_t kThreads = 128, kRows = 64, kSlices = 2, kSliceDepth = 16,
                  kDepth = kSlices * kSliceDepth, kElementBytes = 2,
                  kChunkBytes = 16;
/// Registers of a left matrix.
constexpr int64_t kLeftWords = 4;

/// How a matrix lies in shared memory: in panels whose rows have as many bytes
/// as are swizzled (a chunk where none are), one behind the other.
struct Matrix {
  /// Rows of the left, columns of the right one.
  int64_t size;
  /// Whether these, and not the depth, lie side by side.
  bool isTransposed;
  int64_t swizzle;
  /// How many times as far apart as they must be groups of eight rows lie.
  int64_t spread;

  int64_t rowBytes() const { return swizzle ? swizzle : kChunkBytes; }
  int64_t panelColumns() const { return rowBytes() / kElementBytes; }
  int64_t panelRows() const { return isTransposed ? kDepth : size; }
  int64_t groupBytes() const { return spread * 8 * rowBytes(); }
  int64_t panelBytes() const { return panelRows() / 8 * groupBytes(); }
  int64_t bytes() const {
    return llvm::divideCeil(isTransposed ? size : kDepth, panelColumns()) *
           panelBytes();
  }
  /// Where 16 of the depth begin.
  int64_t sliceOffset(int64_t slice) const {
    int64_t depth = slice * kSliceDepth;
    if (isTransposed)
      return depth / 8 * groupBytes();
    return depth / panelColumns() * panelBytes() +
           depth % panelColumns() * kElementBytes;
  }
  /// Where an element lies.
  int64_t offset(int64_t index, int64_t depth) const {
    int64_t row = isTransposed ? depth : index,
            column = isTransposed ? index : depth;
    int64_t at = column / panelColumns() * panelBytes() +
                 row / 8 * groupBytes() + row % 8 * rowBytes() +
                 column % panelColumns() * kElementBytes;
    return swizzlePlace(at, swizzle);
  }
  /// The descriptor of a slice, if the matrix begins `at` bytes behind where
  /// shared memory does, which is to be added.
  uint64_t descriptor(int64_t at, int64_t slice) const {
    int64_t leading = panelBytes(), stride = groupBytes();
    // Without a swizzle the fields of a transposed matrix change places.
    if (isTransposed && !swizzle)
      std::swap(leading, stride);
    uint64_t mode = swizzle == 128  ? 1
                    : swizzle == 64 ? 2
                    : swizzle == 32 ? 3
                                    : 0;
    auto field = [](int64_t bytes) { return uint64_t(bytes / kChunkBytes); };
    return field(at + sliceOffset(slice)) | field(leading) << 16 |
           field(stride) << 32 | mode << 62;
  }
  std::string text() const {
    return std::string(isTransposed ? "transposed, " : "") +
           (swizzle ? "swizzled by " + std::to_string(swizzle) + " bytes"
                    : "not swizzled") +
           (spread > 1 ? ", groups of rows apart" : "");
  }
};

struct Product {
  int64_t columns;
  bool isBrain, leftInRegisters, transposesLeft, transposesRight;
  /// Bytes that are swizzled of the right matrix, one block each; the left one
  /// has the same.
  std::vector<int64_t> swizzles;
  /// Further blocks in which the left one has the next of them, and groups of
  /// rows lie apart.
  bool isMixed = false;

  Element element() const { return isBrain ? Element::BF16 : Element::F16; }
  std::string name() const {
    std::string left = leftInRegisters  ? "registers"
                       : transposesLeft ? "columns"
                                        : "rows";
    return "wgmma-n" + std::to_string(columns) +
           (isBrain ? "-bf16-" : "-f16-") + left +
           (transposesRight ? "-columns" : "-rows");
  }
  struct Ways {
    Matrix left, right;
    /// Where the right one begins, and all ends.
    int64_t rightAt() const {
      return llvm::alignTo(left.size ? left.bytes() : 0, 1024);
    }
    int64_t end() const { return rightAt() + right.bytes(); }
  };
  std::vector<Ways> ways() const {
    std::vector<Ways> all;
    auto add = [&](int64_t left, int64_t right, int64_t spread) {
      all.push_back(
          {{leftInRegisters ? 0 : kRows, transposesLeft, left, spread},
           {columns, transposesRight, right, spread}});
    };
    for (int64_t swizzle : swizzles)
      add(swizzle, swizzle, 1);
    for (size_t i = 0; isMixed && i < swizzles.size(); ++i)
      add(swizzles[(i + 1) % swizzles.size()], swizzles[i], 2);
    return all;
  }
  /// Of shared memory, in whole rounds of all threads.
  int64_t imageBytes() const {
    int64_t bytes = 0;
    for (const Ways &one : ways())
      bytes = std::max(bytes, one.end());
    return llvm::alignTo(bytes, kThreads * kChunkBytes);
  }
};

/// Inline assembly with operands of f32, i32 and i64, in this order.
std::vector<std::string> emit(KernelText &k, const CudaAssembly &form,
                              const std::vector<std::string> &sums,
                              const std::vector<std::string> &words,
                              const std::vector<std::string> &descriptors) {
  std::vector<std::string> operands, types;
  for (const auto &[list, type] :
       {std::pair(&sums, "f32"), std::pair(&words, "i32"),
        std::pair(&descriptors, "i64")})
    for (const std::string &operand : *list) {
      operands.push_back(operand);
      types.push_back(type);
    }
  const char *result = form.words ? "i32" : "f32";
  std::string packed =
      k.value("llvm.inline_asm has_side_effects asm_dialect = att \"" +
              form.text() + "\", \"" + form.constraints() + "\" " +
              llvm::join(operands, ", ") + " : (" + llvm::join(types, ", ") +
              ") -> " + structOf(form.results(), result));
  return k.unpack(packed, form.results(), result);
}

std::string moduleOf(const Product &product) {
  KernelText k({"x: !llvm.ptr<1>", "a: !llvm.ptr<1>", "d: !llvm.ptr<1>",
                "y: !llvm.ptr<1>"},
               "threads = " + std::to_string(kThreads) +
                   ", shared = " + std::to_string(product.imageBytes()));
  k.copy({"%x", 1}, {k.shared, 3}, product.imageBytes(), kThreads);
  k.effect("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = "
           "#nvvm.shared_space<cta>}");
  k.effect("nvvm.barrier0");
  std::string lane = k.add(k.times(k.block, kThreads), k.thread);

  // Descriptors have 18 bits of an address, in units of 16 bytes.
  std::string address =
      k.value("llvm.ptrtoint " + k.shared + " : !llvm.ptr<3> to i64");
  std::string low = k.value("arith.andi " + address + ", " +
                            k.constant((1 << 18) - 1, "i64") + " : i64");
  std::string start =
      k.value("arith.shrui " + low + ", " + k.constant(4, "i64") + " : i64");
  std::string first = k.times(k.block, 2 * kSlices * 8);
  auto descriptor = [&](int64_t number) {
    return k.add(
        k.load({"%d", 1}, k.add(first, k.constant(8 * number)), "i64", 8),
        start, "i64");
  };
  std::vector<std::string> words, descriptors;
  std::string firstWord = k.times(lane, kSlices * kLeftWords * 4);
  for (int64_t i = 0; product.leftInRegisters && i < kSlices * kLeftWords; ++i)
    words.push_back(
        k.load({"%a", 1}, k.add(firstWord, k.constant(4 * i)), "i32", 4));
  for (int64_t i = 0; i < 2 * kSlices; ++i)
    descriptors.push_back(descriptor(i));

  CudaAssembly fence{CudaAssembly::Kind::Fence};
  fence.words = words.size();
  if (words.empty())
    k.effect("nvvm.wgmma.fence.aligned");
  else
    words = emit(k, fence, {}, words, {});
  std::vector<std::string> sums;
  for (int64_t slice = 0; slice < kSlices; ++slice) {
    CudaAssembly form{CudaAssembly::Kind::Multiply};
    form.columns = product.columns;
    form.isBrain = product.isBrain;
    form.leftInRegisters = product.leftInRegisters;
    form.transposesLeft = product.transposesLeft;
    form.transposesRight = product.transposesRight;
    form.accumulates = slice > 0;
    auto part = [&](const std::vector<std::string> &all, int64_t each) {
      return std::vector<std::string>(all.begin() + slice * each,
                                      all.begin() + (slice + 1) * each);
    };
    std::vector<std::string> left, both = part(descriptors, 2);
    if (product.leftInRegisters) {
      left = part(words, kLeftWords);
      both.erase(both.begin());
    }
    sums = emit(k, form, sums, left, both);
  }
  k.effect("nvvm.wgmma.commit.group.sync.aligned");
  CudaAssembly wait{CudaAssembly::Kind::Wait};
  wait.sums = sums.size();
  sums = emit(k, wait, sums, {}, {});
  std::string to = k.times(lane, int64_t(sums.size()) * 4);
  for (auto [i, sum] : llvm::enumerate(sums))
    k.store(sum, "f32", {"%y", 1}, k.add(to, k.constant(4 * int64_t(i))), 4);
  return k.finish();
}

/// The registers of a block that multiplies in one of the ways.
void addExpected(const Product &product, const Product::Ways &way,
                 int64_t block, const Contents &contents,
                 std::vector<ExpectedNumber> &expected) {
  Contents::View image = contents["x"], registers = contents["a"];
  auto left = [&](int64_t row, int64_t depth) {
    if (!product.leftInRegisters)
      return image.get(way.left.offset(row, depth), product.element());
    // A lane has pairs of two rows, eight apart, and of two places of the
    // depth, eight apart.
    int64_t inSlice = depth % kSliceDepth;
    int64_t thread = row / 16 * 32 + row % 8 * 4 + inSlice % 8 / 2;
    int64_t word =
        depth / kSliceDepth * kLeftWords + inSlice / 8 * 2 + row % 16 / 8;
    int64_t at =
        ((block * kThreads + thread) * kSlices * kLeftWords + word) * 4;
    return registers.get(at + depth % 2 * kElementBytes, product.element());
  };
  for (int64_t thread = 0; thread < kThreads; ++thread)
    for (int64_t i = 0; i < product.columns / 2; ++i) {
      int64_t row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8,
              column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      double sum = 0;
      for (int64_t depth = 0; depth < kDepth; ++depth)
        sum += left(row, depth) *
               image.get(way.rightAt() + way.right.offset(column, depth),
                         product.element());
      expected.push_back({sum, 0});
    }
}

/// Whole numbers from -4 to 3: sums of 32 products are exact in any order.
Buffer numbers(const char *name, uint64_t bytes, Element element) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = bytes;
  buffer.parts = {{0, bytes, element, 2, 2}};
  return buffer;
}

void add(std::vector<Sketch> &sketches, const Product &product) {
  Sketch sketch =
      sketchInstruction(product.name(), moduleOf(product), "sm_90a");
  Case &given = sketch.given;
  Buffer d, y;
  d.name = "d";
  uint64_t each = kRows * product.columns;
  for (const Product::Ways &one : product.ways()) {
    for (int64_t slice = 0; slice < kSlices; ++slice) {
      d.words.push_back(
          {"", product.leftInRegisters ? 0 : one.left.descriptor(0, slice)});
      d.words.push_back({"", one.right.descriptor(one.rightAt(), slice)});
    }
    given.checks.push_back(
        {"y", given.checks.size() * each * 4, Element::F32, each});
    sketch.parts.push_back((product.leftInRegisters
                                ? "left in registers"
                                : "left " + one.left.text()) +
                           "; right " + one.right.text());
  }
  d.bytes = 8 * d.words.size();
  y.name = "y";
  y.bytes = given.checks.size() * each * 4;
  given.buffers = {
      numbers("x", product.imageBytes(), product.element()),
      numbers("a", given.checks.size() * kThreads * kSlices * kLeftWords * 4,
              product.element()),
      d, y};
  given.arguments = {{"x", 0}, {"a", 0}, {"d", 0}, {"y", 0}};
  sketch.blocks = given.checks.size();
  sketch.reference = [=](const Contents &contents) {
    std::vector<ExpectedNumber> expected;
    for (const auto &[block, way] : llvm::enumerate(product.ways()))
      addExpected(product, way, static_cast<int64_t>(block), contents,
                  expected);
    return expected;
  };
  sketches.push_back(std::move(sketch));
}

} // namespace

void tokopt::addWarpgroupInstructions(std::vector<Sketch> &sketches) {
  // As f16 every way of both matrices, as bf16 the ends of the list. Columns of
  // a transposed matrix are whole panels.
  const std::vector<int64_t> all = {0, 32, 64, 128}, some = {0, 128};
  constexpr bool kHalf = false, kBrain = true;
  constexpr bool kRegisters = true, kShared = false;
  constexpr bool kByRows = false, kByColumns = true;
  add(sketches, {8, kHalf, kRegisters, kByRows, kByRows, all});
  add(sketches, {64, kHalf, kRegisters, kByRows, kByColumns, all});
  add(sketches, {24, kHalf, kShared, kByRows, kByRows, all, true});
  add(sketches, {64, kHalf, kShared, kByRows, kByColumns, all});
  add(sketches, {16, kHalf, kShared, kByColumns, kByRows, all, true});
  add(sketches, {64, kHalf, kShared, kByColumns, kByColumns, all});
  add(sketches, {40, kBrain, kRegisters, kByRows, kByRows, some});
  add(sketches, {128, kBrain, kRegisters, kByRows, kByColumns, some});
  add(sketches, {256, kBrain, kShared, kByRows, kByRows, {128}});
  add(sketches, {64, kBrain, kShared, kByRows, kByColumns, some});
  add(sketches, {48, kBrain, kShared, kByColumns, kByRows, some});
  add(sketches, {64, kBrain, kShared, kByColumns, kByColumns, some});
}
