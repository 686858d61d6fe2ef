//===- Instructions.cpp - One instruction each ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a GPU gives for these is recorded, and the simulator must give the same
// bits. All numbers are such that any order of sums is exact.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

using namespace tokopt;
using namespace cases;

Sketch tokopt::sketchInstruction(std::string name, std::string module,
                                 std::string architecture) {
  Sketch sketch;
  sketch.module = std::move(module);
  sketch.architecture = std::move(architecture);
  sketch.isExact = true;
  sketch.given.name = std::move(name);
  sketch.given.isSmall = true;
  sketch.given.isRecorded = true;
  return sketch;
}

static std::string text(int64_t value) { return std::to_string(value); }

/// `name` = the address of word `word` of this lane, of which each has `words`.
static std::string addressOf(const std::string &name, const std::string &base,
                             const std::string &pointer, int64_t words,
                             int64_t word) {
  return "%" + name + "w = arith.constant " + text(words) + " : i32\n%" + name +
         "m = arith.muli %lane, %" + name + "w : i32\n%" + name +
         "k = arith.constant " + text(word) + " : i32\n%" + name +
         "i = arith.addi %" + name + "m, %" + name + "k : i32\n%" + name +
         " = llvm.getelementptr " + base + "[%" + name + "i] : (" + pointer +
         ", i32) -> " + pointer + ", i32\n";
}

static void add(std::vector<Sketch> &sketches, const std::string &name,
                const std::string &body, int64_t shared,
                std::vector<Part> parts, uint64_t inBytes, int64_t outWords) {
  std::string module =
      "llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = "
      "16 : i64} : !llvm.array<0 x i8>\n"
      "func.func @instruction(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes "
      "{tok.launch = {threads = 32, shared = " +
      text(shared) + "}} {\n%lane = nvvm.read.ptx.sreg.tid.x : i32\n" + body +
      "return\n}\n";
  Sketch sketch = sketchInstruction(name, module);
  Case &given = sketch.given;
  Buffer x, y;
  x.name = "x";
  x.bytes = inBytes;
  x.parts = std::move(parts);
  y.name = "y";
  y.bytes = 32 * 4 * outWords;
  given.buffers = {x, y};
  given.arguments = {{"x", 0}, {"y", 0}};
  given.checks = {{"y", 0, Element::I8, y.bytes}};
  sketches.push_back(std::move(sketch));
}

/// `ldmatrix`: every lane fills 16 bytes of shared memory, gives the address of
/// a row, and writes the registers that it gets.
static void addLoadMatrix(std::vector<Sketch> &sketches, int64_t count,
                          bool isTransposed) {
  std::string result = "!llvm.struct<(i32";
  for (int64_t i = 1; i < count; ++i)
    result += ", i32";
  result += ")>";
  if (count == 1)
    result = "i32";
  std::string body =
      "%shared = llvm.mlir.addressof @shared : !llvm.ptr<3>\n"
      "%c16 = arith.constant 16 : i32\n"
      "%bytes = arith.muli %lane, %c16 : i32\n"
      "%from = llvm.getelementptr %x[%bytes] : (!llvm.ptr<1>, i32) -> "
      "!llvm.ptr<1>, i8\n"
      "%chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> "
      "vector<4xi32>\n"
      "%to = llvm.getelementptr %shared[%bytes] : (!llvm.ptr<3>, i32) -> "
      "!llvm.ptr<3>, i8\n"
      "llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, "
      "!llvm.ptr<3>\n"
      "nvvm.barrier0\n"
      "%m = nvvm.ldmatrix %to {num = " +
      text(count) + " : i32, layout = #nvvm.mma_layout<" +
      (isTransposed ? "col" : "row") +
      ">, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = "
      "#nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> " +
      result + "\n";
  for (int64_t i = 0; i < count; ++i) {
    std::string value = "%m";
    if (count > 1) {
      value = "%r" + text(i);
      body +=
          value + " = llvm.extractvalue %m[" + text(i) + "] : " + result + "\n";
    }
    body += addressOf("y" + text(i), "%y", "!llvm.ptr<1>", count, i) +
            "llvm.store " + value + ", %y" + text(i) +
            " {alignment = 4 : i64} : i32, !llvm.ptr<1>\n";
  }
  add(sketches, "ldmatrix-x" + text(count) + (isTransposed ? "-trans" : ""),
      body, 512, {{0, 512, Element::I8, 0}}, 512, count);
}

/// `mma.sync` m16n8k16: a lane's registers come from memory as they are, and go
/// back so.
static void addMultiply(std::vector<Sketch> &sketches, Element element) {
  bool isHalf = element == Element::F16;
  std::string type = isHalf ? "f16" : "bf16";
  std::string body;
  for (int64_t i = 0; i < 6; ++i) {
    std::string n = text(i);
    body += addressOf("x" + n, "%x", "!llvm.ptr<1>", 6, i) + "%i" + n +
            " = llvm.load %x" + n +
            " {alignment = 4 : i64} : !llvm.ptr<1> -> i32\n";
    if (isHalf)
      body += "%v" + n + " = llvm.bitcast %i" + n + " : i32 to vector<2xf16>\n";
  }
  std::string v = isHalf ? "%v" : "%i";
  body += "%zero = arith.constant 0.0 : f32\n"
          "%d = nvvm.mma.sync A[" +
          v + "0, " + v + "1, " + v + "2, " + v + "3] B[" + v + "4, " + v +
          "5] C[%zero, %zero, %zero, %zero] {";
  if (!isHalf)
    body += "multiplicandAPtxType = #nvvm.mma_type<bf16>, "
            "multiplicandBPtxType = #nvvm.mma_type<bf16>, ";
  body += "layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, "
          "shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (" +
          std::string(isHalf ? "vector<2xf16>, vector<2xf16>" : "i32, i32") +
          ", f32) -> !llvm.struct<(f32, f32, f32, f32)>\n";
  for (int64_t i = 0; i < 4; ++i) {
    std::string n = text(i);
    body += "%d" + n + " = llvm.extractvalue %d[" + n +
            "] : !llvm.struct<(f32, f32, f32, f32)>\n" +
            addressOf("y" + n, "%y", "!llvm.ptr<1>", 4, i) + "llvm.store %d" +
            n + ", %y" + n + " {alignment = 4 : i64} : f32, !llvm.ptr<1>\n";
  }
  constexpr uint64_t kBytes = 32 * 6 * 4;
  add(sketches, "mma-m16n8k16-" + type, body, 0, {{0, kBytes, element, 0}},
      kBytes, 4);
}

void tokopt::addInstructions(std::vector<Sketch> &sketches) {
  for (int64_t count : {1, 2, 4})
    for (bool isTransposed : {false, true})
      addLoadMatrix(sketches, count, isTransposed);
  addMultiply(sketches, Element::F16);
  addMultiply(sketches, Element::BF16);
}
