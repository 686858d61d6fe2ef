//===- Streams.cpp - How fast memory is read ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

using namespace tokopt;
using namespace cases;

/// Threads of a block, and loads of 16 bytes that each has under way.
static constexpr uint64_t kThreads = 256, kLoads = 8;

/// Every thread reads chunks of 16 bytes as far apart as there are threads, and
/// writes what is left of them after an exclusive or.
static std::string readModule() {
  std::string text = R"mlir(
func.func @read_memory(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %chunks: i64)
    attributes {tok.launch = {threads = 256, shared = 0}} {
  %zero = arith.constant dense<0> : vector<4xi32>
  %c16 = arith.constant 16 : i64
  %c4 = arith.constant 4 : i64
  %t = nvvm.read.ptx.sreg.tid.x : i32
  %b = nvvm.read.ptx.sreg.ctaid.x : i32
  %bs = nvvm.read.ptx.sreg.nctaid.x : i32
  %t64 = arith.extui %t : i32 to i64
  %b64 = arith.extui %b : i32 to i64
  %bs64 = arith.extui %bs : i32 to i64
  %threads = arith.constant 256 : i64
  %base = arith.muli %b64, %threads : i64
  %first = arith.addi %base, %t64 : i64
  %all = arith.muli %bs64, %threads : i64
  %loads = arith.constant 8 : i64
  %step = arith.muli %all, %loads : i64
  %left = scf.for %i = %first to %chunks step %step
      iter_args(%acc = %zero) -> (vector<4xi32>) : i64 {
)mlir";
  // All loads come before what they are needed for.
  for (uint64_t i = 0; i < kLoads; ++i) {
    std::string n = std::to_string(i);
    text += "    %k" + n + " = arith.constant " + n + " : i64\n    %o" + n +
            " = arith.muli %all, %k" + n + " : i64\n    %j" + n +
            " = arith.addi %i, %o" + n + " : i64\n    %a" + n +
            " = arith.muli %j" + n + ", %c16 : i64\n    %p" + n +
            " = llvm.getelementptr %x[%a" + n +
            "] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8\n    %v" + n +
            " = llvm.load %p" + n +
            " {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>\n";
  }
  std::string last = "%acc";
  for (uint64_t i = 0; i < kLoads; ++i) {
    std::string n = std::to_string(i);
    text += "    %s" + n + " = arith.xori " + last + ", %v" + n +
            " : vector<4xi32>\n";
    last = "%s" + n;
  }
  return text + "    scf.yield " + last + R"mlir( : vector<4xi32>
  }
  %e0 = vector.extract %left[0] : i32 from vector<4xi32>
  %e1 = vector.extract %left[1] : i32 from vector<4xi32>
  %e2 = vector.extract %left[2] : i32 from vector<4xi32>
  %e3 = vector.extract %left[3] : i32 from vector<4xi32>
  %e01 = arith.xori %e0, %e1 : i32
  %e23 = arith.xori %e2, %e3 : i32
  %sum = arith.xori %e01, %e23 : i32
  %at = arith.muli %first, %c4 : i64
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
  llvm.store %sum, %to {alignment = 4 : i64} : i32, !llvm.ptr<1>
  return
}
)mlir";
}

static void addRead(std::vector<Sketch> &sketches, const std::string &name,
                    uint64_t blocks, uint64_t rounds, bool isTimed) {
  Sketch sketch;
  sketch.module = readModule();
  sketch.isExact = true;
  Case &given = sketch.given;
  given.name = name;
  given.isSmall = !isTimed;
  given.isTimed = isTimed;
  sketch.blocks = blocks;
  uint64_t threads = blocks * kThreads, chunks = threads * kLoads * rounds;
  Buffer x, y;
  x.name = "x";
  x.bytes = 16 * chunks;
  // A prime number of chunks.
  x.period = std::min<uint64_t>(x.bytes, 16 * 262139);
  x.parts.push_back({0, x.period, Element::I8, 0});
  y.name = "y";
  y.bytes = 4 * threads;
  given.buffers = {x, y};
  given.arguments = {{"x", 0}, {"y", 0}, {"", chunks}};
  uint64_t compared = std::min<uint64_t>(threads, 4 * kThreads);
  uint64_t first = threads - compared;
  given.checks = {{"y", 4 * first, Element::I8, 4 * compared}};
  given.timing.bytes = x.bytes;
  given.timing.title = isTimed ? "reads of 16 bytes, R" : "";
  sketch.reference = [=](const Contents &contents) {
    std::vector<ExpectedNumber> expected;
    Contents::View x = contents["x"];
    for (uint64_t thread = first; thread < threads; ++thread) {
      uint8_t left[4] = {};
      for (uint64_t i = thread; i < chunks; i += threads)
        for (int byte = 0; byte < 16; ++byte)
          left[byte % 4] ^= static_cast<uint8_t>(
              static_cast<int8_t>(x.get(16 * i + byte, Element::I8)));
      for (uint8_t byte : left)
        expected.push_back({double(static_cast<int8_t>(byte)), 0});
    }
    return expected;
  };
  sketches.push_back(std::move(sketch));
}

void tokopt::addStreams(std::vector<Sketch> &sketches) {
  addRead(sketches, "read-small", 2, 3, /*isTimed=*/false);
  // 2 GiB.
  addRead(sketches, "read", 4096, 16, /*isTimed=*/true);
}
