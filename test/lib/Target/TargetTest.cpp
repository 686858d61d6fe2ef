//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeTest.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <cmath>
#include <set>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::HasSubstr;
using testing::Not;

namespace {

std::set<std::string> getCpuFeatures(StringRef cpu) {
  SmallVector<StringRef> features;
  X86::getFeaturesForCPU(cpu, features);
  StringMap<bool> implied;
  for (StringRef feature : features)
    X86::updateImpliedFeatures(feature, /*Enabled=*/true, implied);
  std::set<std::string> all(features.begin(), features.end());
  for (const auto &entry : implied)
    all.insert(entry.getKey().str());
  return all;
}

TEST(IsaLevels, ListEveryFeatureThatCodeMayUse) {
  std::set<std::string> baseline = getCpuFeatures("x86-64");
  baseline.insert("sse2"); // LLVM's table takes it for granted
  for (const char *unreachable : {"cx16", "sahf", "crc32", "xsave"})
    baseline.insert(unreachable);
  for (const IsaLevel &level : getIsaLevels()) {
    std::set<std::string> expected = getCpuFeatures(level.cpu);
    SmallVector<StringRef> extra;
    level.llvmFeatures.split(extra, ',', -1, /*KeepEmpty=*/false);
    for (StringRef feature : extra)
      expected.insert(feature.drop_front().str());
    for (const std::string &feature : baseline)
      expected.erase(feature);
    std::set<std::string> listed(level.features.begin(), level.features.end());
    EXPECT_EQ(listed, expected) << level.name.str();
  }
}

TEST(IsaLevels, AreFoundByName) {
  ASSERT_NE(findIsaLevel("avx2"), nullptr);
  EXPECT_EQ(findIsaLevel("avx2")->vectorBits, 256u);
  EXPECT_EQ(findIsaLevel("avx3"), nullptr);
}

constexpr StringLiteral kTwoFunctions = R"mlir(
  func.func @step(%frame: memref<24xi64>, %worker: i64) {
    %0 = func.call @helper(%worker) : (i64) -> i64
    %c = arith.constant 3 : index
    memref.store %0, %frame[%c] : memref<24xi64>
    return
  }
  func.func private @helper(%x: i64) -> i64 attributes {passthrough = ["noinline"]} {
    %c = arith.constant 42 : i64
    %0 = arith.addi %x, %c : i64
    return %0 : i64
  }
)mlir";

TEST(Codegen, ExportsPublicFunctionsOnly) {
  auto object = compileText(kTwoFunctions, "avx2");
  ASSERT_TRUE(!!object) << toString(object.takeError());
  auto file = cantFail(object::ObjectFile::createELFObjectFile(
      MemoryBufferRef(StringRef(object->data(), object->size()), "object")));
  std::set<std::string> global, local;
  for (object::SymbolRef symbol : file->symbols()) {
    uint32_t flags = cantFail(symbol.getFlags());
    (flags & object::SymbolRef::SF_Global ? global : local)
        .insert(cantFail(symbol.getName()).str());
  }
  EXPECT_EQ(global, std::set<std::string>{"step.avx2"});
  EXPECT_TRUE(local.count("helper.avx2"));
  for (object::SectionRef section : file->sections())
    EXPECT_NE(cantFail(section.getName()), ".eh_frame");
}

TEST(Codegen, GivesTheSameBytesAgainAndInParallel) {
  auto first = compileText(kTwoFunctions, "avx2");
  ASSERT_TRUE(!!first) << toString(first.takeError());
  ModuleFile one(kTwoFunctions), two(kTwoFunctions);
  auto both = compileInParallel({{one.get(), findIsaLevel("avx512vnni")},
                                 {two.get(), findIsaLevel("avx2")}});
  ASSERT_TRUE(!!both) << toString(both.takeError());
  ASSERT_EQ(both->size(), 2u);
  EXPECT_EQ((*both)[1], *first);
  EXPECT_NE((*both)[0], *first);
}

TEST(Codegen, ReportsTheErrorOfAParallelJob) {
  ModuleFile good(kTwoFunctions);
  ModuleFile bad("func.func private @missing()\n"
                 "func.func @step() { func.call @missing() : () -> ()\n"
                 "  return }");
  auto both = compileInParallel({{good.get(), findIsaLevel("avx512vnni")},
                                 {bad.get(), findIsaLevel("avx2")}});
  EXPECT_THAT(getMessage(std::move(both)), HasSubstr("missing"));
}

TEST(Codegen, NamesUndefinedSymbols) {
  std::string message = getMessage(compileText(R"mlir(
    func.func @step(%frame: memref<24xi64>, %worker: i64) {
      %n = arith.index_cast %worker : i64 to index
      %buffer = memref.alloc(%n) : memref<?xi64>
      %c = arith.constant 0 : index
      %0 = memref.load %frame[%c] : memref<24xi64>
      memref.store %0, %buffer[%c] : memref<?xi64>
      %1 = memref.load %buffer[%n] : memref<?xi64>
      memref.store %1, %frame[%c] : memref<24xi64>
      return
    })mlir",
                                               "avx2"));
  EXPECT_THAT(message, HasSubstr("generating code for avx2"));
  EXPECT_THAT(message, HasSubstr("malloc"));
}

TEST(Codegen, RefusesVariables) {
  std::string message = getMessage(compileText(R"mlir(
    memref.global "private" @counter : memref<i64> = dense<0>
    func.func @step(%frame: memref<24xi64>, %worker: i64) {
      %0 = memref.get_global @counter : memref<i64>
      memref.store %worker, %0[] : memref<i64>
      return
    })mlir",
                                               "avx2"));
  EXPECT_THAT(message, HasSubstr("counter is not constant"));
}

TEST(Codegen, ReportsWhereLoweringFails) {
  std::string message = getMessage(compileText(
      "func.func @step(%x: memref<?xi64>, %worker: i64) { return }", "avx2"));
  EXPECT_THAT(message, HasSubstr("-:1:1: "));
  EXPECT_THAT(message, HasSubstr("func.func"));
}

constexpr StringLiteral kDot = R"mlir(
  func.func @step(%p: memref<48xi32>, %worker: i64) {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %acc = vector.load %p[%c0] : memref<48xi32>, vector<16xi32>
    %a = vector.load %p[%c16] : memref<48xi32>, vector<16xi32>
    %b = vector.load %p[%c32] : memref<48xi32>, vector<16xi32>
    %a8 = vector.bitcast %a : vector<16xi32> to vector<64xi8>
    %b8 = vector.bitcast %b : vector<16xi32> to vector<64xi8>
    %0 = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%acc, %a8, %b8)
      : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
    vector.store %0, %p[%c0] : memref<48xi32>, vector<16xi32>
    return
  }
)mlir";

TEST(Codegen, RefusesIntrinsicsOfOtherLevels) {
  CpuCompileOptions options;
  options.emit = EmitKind::Assembly;
  auto assembly = compileText(kDot, "avx512vnni", options);
  ASSERT_TRUE(!!assembly) << toString(assembly.takeError());
  EXPECT_THAT(std::string(assembly->begin(), assembly->end()),
              HasSubstr("vpdpbusd"));
  std::string message = getMessage(compileText(kDot, "avx2"));
  EXPECT_THAT(message, HasSubstr("llvm.x86.avx512.vpdpbusd.512"));
  EXPECT_THAT(message, HasSubstr("avx512vnni"));
}

TEST(Codegen, UsesTheWidthOfTheLevel) {
  constexpr StringLiteral kAdd = R"mlir(
    func.func @step(%p: memref<16xf32>, %worker: i64) {
      %c = arith.constant 0 : index
      %0 = vector.load %p[%c] : memref<16xf32>, vector<16xf32>
      %1 = arith.addf %0, %0 : vector<16xf32>
      vector.store %1, %p[%c] : memref<16xf32>, vector<16xf32>
      return
    })mlir";
  CpuCompileOptions options;
  options.emit = EmitKind::Assembly;
  auto wide = cantFail(compileText(kAdd, "avx512vnni", options));
  EXPECT_THAT(std::string(wide.begin(), wide.end()), HasSubstr("%zmm"));
  auto narrow = cantFail(compileText(kAdd, "avx2", options));
  EXPECT_THAT(std::string(narrow.begin(), narrow.end()), HasSubstr("%ymm"));
  EXPECT_THAT(std::string(narrow.begin(), narrow.end()),
              Not(HasSubstr("%zmm")));
}

//===----------------------------------------------------------------------===//
// Code that runs
//===----------------------------------------------------------------------===//

/// A module's `step` for a level that this machine has.
class RunTest : public testing::TestWithParam<const IsaLevel *> {
protected:
  void SetUp() override {
    if (!hostRuns(*GetParam()))
      GTEST_SKIP() << "this machine has no " << GetParam()->name.str();
  }

  void run(StringRef text, void *frame, uint64_t worker = 0,
           bool barePointers = true) {
    CpuCompileOptions options;
    options.barePointers = barePointers;
    auto object = compileText(text, GetParam()->name, options);
    ASSERT_TRUE(!!object) << toString(object.takeError());
    auto linked =
        linkSharedObject(StringRef(object->data(), object->size()), "");
    ASSERT_TRUE(!!linked) << toString(linked.takeError());
    StringRef image(linked->data(), linked->size());
    auto address = findEntry(image, ("step." + GetParam()->name).str());
    ASSERT_TRUE(!!address) << toString(address.takeError());
    LoadedImage loaded(image);
    loaded.get<void(void *, uint64_t)> (*address)(frame, worker);
  }
};

INSTANTIATE_TEST_SUITE_P(Levels, RunTest,
                         testing::Values(findIsaLevel("avx512amx"),
                                         findIsaLevel("avx512vnni"),
                                         findIsaLevel("avx2")),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(RunTest, StoresIntoTheFrame) {
  int64_t frame[24] = {};
  run(kTwoFunctions, frame, 7);
  EXPECT_EQ(frame[3], 49);
}

TEST_P(RunTest, RoundsDivisions) {
  constexpr StringLiteral kText = R"mlir(
    func.func @step(%frame: memref<24xi64>, %worker: i64) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : i64
      %up = arith.ceildivsi %worker, %c4 : i64
      %down = arith.floordivsi %worker, %c4 : i64
      %positive = arith.ceildivui %c4, %c4 : i64
      memref.store %up, %frame[%c0] : memref<24xi64>
      memref.store %down, %frame[%c1] : memref<24xi64>
      memref.store %positive, %frame[%c2] : memref<24xi64>
      return
    })mlir";
  int64_t frame[24] = {};
  run(kText, frame, -7);
  EXPECT_EQ(frame[0], -1);
  EXPECT_EQ(frame[1], -2);
  EXPECT_EQ(frame[2], 1);
}

struct MathCase {
  const char *op;
  double (*reference)(double);
  float low, high;
};

TEST_P(RunTest, ComputesMathWithoutALibrary) {
  const MathCase cases[] = {
      {"exp", [](double x) { return std::exp(x); }, -80, 80},
      {"exp2", [](double x) { return std::exp2(x); }, -80, 80},
      {"tanh", [](double x) { return std::tanh(x); }, -9, 9},
      {"log", [](double x) { return std::log(x); }, 1e-6f, 1e6f},
      {"erf", [](double x) { return std::erf(x); }, -4, 4},
      {"sin", [](double x) { return std::sin(x); }, -6, 6},
      {"cos", [](double x) { return std::cos(x); }, -6, 6},
      {"sqrt", [](double x) { return std::sqrt(x); }, 0, 1e6f},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1e-6f, 1e6f},
      {"floor", [](double x) { return std::floor(x); }, -9, 9},
  };
  for (const MathCase &test : cases) {
    std::string text = R"mlir(
      func.func @step(%p: memref<256xf32>, %worker: i64) {
        %c0 = arith.constant 0 : index
        %c16 = arith.constant 16 : index
        %c256 = arith.constant 256 : index
        scf.for %i = %c0 to %c256 step %c16 {
          %0 = vector.load %p[%i] : memref<256xf32>, vector<16xf32>
          %1 = math.OP %0 : vector<16xf32>
          vector.store %1, %p[%i] : memref<256xf32>, vector<16xf32>
        }
        return
      })mlir";
    text.replace(text.find("OP"), 2, test.op);
    float input[256], output[256];
    for (int i = 0; i < 256; ++i)
      input[i] = output[i] = test.low + (test.high - test.low) * i / 255;
    run(text, output);
    for (int i = 0; i < 256; ++i) {
      double expected = test.reference(input[i]);
      ASSERT_NEAR(output[i], expected, 4e-6 * std::max(1.0, std::abs(expected)))
          << test.op << "(" << input[i] << ")";
    }
  }
}

TEST_P(RunTest, CopiesWithoutALibrary) {
  // Lengths are not known when the code is compiled.
  constexpr StringLiteral kText = R"mlir(
    llvm.func @step(%p: !llvm.ptr, %n: i64) {
      %c1000 = llvm.mlir.constant(1000 : i64) : i64
      %c3 = llvm.mlir.constant(3 : i64) : i64
      %seven = llvm.mlir.constant(7 : i8) : i8
      %to = llvm.getelementptr %p[%c1000] : (!llvm.ptr, i64) -> !llvm.ptr, i8
      "llvm.intr.memcpy"(%to, %p, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      %up = llvm.getelementptr %to[%c3] : (!llvm.ptr, i64) -> !llvm.ptr, i8
      "llvm.intr.memmove"(%up, %to, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      %down = llvm.getelementptr %p[%c3] : (!llvm.ptr, i64) -> !llvm.ptr, i8
      "llvm.intr.memmove"(%p, %down, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      "llvm.intr.memset"(%to, %seven, %c3) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
      "llvm.intr.memset"(%down, %seven, %n) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
      llvm.return
    })mlir";
  for (int64_t count : {0, 1, 2, 3, 64, 700}) {
    unsigned char bytes[2000], expected[2000];
    for (int i = 0; i < 2000; ++i)
      bytes[i] = expected[i] = i * 31 % 251;
    std::memcpy(expected + 1000, expected, count);
    std::memmove(expected + 1003, expected + 1000, count);
    std::memmove(expected, expected + 3, count);
    std::memset(expected + 1000, 7, 3);
    std::memset(expected + 3, 7, count);
    run(kText, bytes, count);
    EXPECT_EQ(std::memcmp(bytes, expected, sizeof(bytes)), 0) << count;
  }
}

TEST_P(RunTest, TakesMemrefsFromPointersInTheFrame) {
  constexpr StringLiteral kText = R"mlir(
    func.func private @fill(%m: memref<?x8xf32>, %n: index) attributes {passthrough = ["noinline"]} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %c0 to %n step %c1 {
        %row = memref.subview %m[%i, 0] [1, 8] [1, 1]
          : memref<?x8xf32> to memref<8xf32, strided<[1], offset: ?>>
        %x = arith.index_cast %i : index to i64
        %y = arith.sitofp %x : i64 to f32
        affine.for %j = 0 to 8 {
          affine.store %y, %row[%j] : memref<8xf32, strided<[1], offset: ?>>
        }
      }
      return
    }
    func.func @step(%frame: !llvm.ptr, %worker: i64) {
      %slot = llvm.load %frame : !llvm.ptr -> !llvm.ptr
      %0 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %zero = llvm.mlir.constant(0 : i64) : i64
      %one = llvm.mlir.constant(1 : i64) : i64
      %eight = llvm.mlir.constant(8 : i64) : i64
      %1 = llvm.insertvalue %slot, %0[0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %2 = llvm.insertvalue %slot, %1[1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %3 = llvm.insertvalue %zero, %2[2] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %4 = llvm.insertvalue %worker, %3[3, 0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %5 = llvm.insertvalue %eight, %4[3, 1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %6 = llvm.insertvalue %eight, %5[4, 0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %7 = llvm.insertvalue %one, %6[4, 1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
      %m = builtin.unrealized_conversion_cast %7
        : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)> to memref<?x8xf32>
      %n = arith.index_cast %worker : i64 to index
      func.call @fill(%m, %n) : (memref<?x8xf32>, index) -> ()
      return
    })mlir";
  float rows[4][8] = {};
  void *frame[24] = {rows};
  run(kText, frame, 3, /*barePointers=*/false);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 8; ++j)
      EXPECT_EQ(rows[i][j], i < 3 ? i : 0);
}

} // namespace
