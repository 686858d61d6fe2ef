//===- ChoiceTest.cpp - What costs decide ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Choice.h"
#include "lib/Kernels/Common/Config.h"

#include "tokopt/Pipelines.h"
#include "tokopt/Target.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

using namespace tokopt;

namespace {

/// A module with one kernel.
class OneKernel {
public:
  explicit OneKernel(const std::string &text) : context(makeRegistry()) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    module->walk([&](tok::KernelOp op) { kernel = op; });
  }

  KernelChoice choose(const TargetDescription &machine) {
    const KernelTarget *cpu = getKernelTargets().front();
    return *(*findKernelTemplate(kernel, *cpu))->choose(kernel, machine);
  }
  KernelChoice choose(llvm::StringRef machine) {
    return choose(describe(machine));
  }
  const TargetDescription &describe(llvm::StringRef machine) {
    return *findMachine(*module, machine)->description;
  }

  void set(llvm::StringRef knob, int64_t value) {
    mlir::Builder builder(&context);
    kernel.setConfigAttr(kernels::extendConfig(
        kernel, builder.getNamedAttr(knob, builder.getI64IntegerAttr(value))));
  }
  mlir::FailureOr<KernelChoice>
  chooseOf(llvm::ArrayRef<kernels::Candidate> candidates,
           std::string &message) {
    mlir::ScopedDiagnosticHandler handler(
        &context, [&](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            message = diagnostic.str();
        });
    return kernels::chooseCheapest(kernel, candidates, "cycles", "of a test");
  }

private:
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  tok::KernelOp kernel;
};

int64_t numberOf(const KernelChoice &choice, llvm::StringRef name) {
  return choice.config.getAs<mlir::IntegerAttr>(name).getInt();
}

struct Linear {
  const char *format, *compute;
  int64_t outputs, inputs;
};

std::ostream &operator<<(std::ostream &os, const Linear &linear) {
  return os << linear.format << " " << linear.outputs << "x" << linear.inputs
            << " in " << linear.compute;
}

std::string textOf(const Linear &linear) {
  std::string n = std::to_string(linear.outputs),
              k = std::to_string(linear.inputs);
  bool rounded = linear.compute == std::string("i8");
  std::string in =
      rounded
          ? "memref<?x" +
                std::to_string(*getKernelTargets().front()->getRoundedRowBytes(
                    linear.inputs)) +
                "xi8>"
          : "memref<?x" + k + "xf32>";
  std::string out = "memref<?x" + n + "xf32>";
  return "tok.weight @w : tensor<" + n + "x" + k + "x" + linear.format +
         "> = source \"m.gguf\" at [0]\nfunc.func @step(%x: " + in +
         ", %y: " + out +
         ", %n: index) {\n  tok.kernel \"linear\" rows(%n to %n) weights [@w] "
         "ins(%x : " +
         in + ") outs(%y : " + out + ") {compute = \"" + linear.compute +
         "\", inputs = " + k + ", matrices = 1, outputs = " + n +
         "}\n  return\n}\n";
}

/// The linears of SmolLM2 and Qwen, and others. Tiles were found by measuring:
/// 4 rows with 16 registers, 12 with 32.
struct TileTest : testing::TestWithParam<Linear> {};

TEST_P(TileTest, IsWhatRegistersHold) {
  OneKernel kernel(textOf(GetParam()));
  KernelChoice narrow = kernel.choose("avx2"),
               wide = kernel.choose("avx512vnni");
  EXPECT_EQ(numberOf(narrow, "tile"), 4);
  EXPECT_EQ(numberOf(wide, "tile"), 12);
  for (const KernelChoice &choice : {narrow, wide}) {
    EXPECT_EQ(choice.unit, "cycles a row");
    EXPECT_GT(choice.cost, 0);
    EXPECT_LE(choice.cost, choice.runnerUpCost);
    EXPECT_NE(choice.chosen, choice.runnerUp);
  }
  EXPECT_LT(wide.cost, narrow.cost);
}

INSTANTIATE_TEST_SUITE_P(Linears, TileTest,
                         testing::Values(Linear{"!tok.q4_1", "i8", 576, 576},
                                         Linear{"!tok.q4_1", "i8", 1536, 576},
                                         Linear{"!tok.q4_1", "i8", 576, 1536},
                                         Linear{"!tok.q8_0", "i8", 49152, 576},
                                         Linear{"!tok.q5_0", "i8", 960, 960},
                                         Linear{"!tok.q4_0", "i8", 4096, 4096},
                                         Linear{"!tok.q4_k", "i8", 8960, 1536},
                                         Linear{"!tok.q6_k", "i8", 1536, 8960},
                                         Linear{"!tok.q6_k", "i8", 151936,
                                                1536},
                                         Linear{"!tok.q4_1", "f32", 576, 576},
                                         Linear{"f16", "f32", 576, 576},
                                         Linear{"f32", "f32", 576, 576}));

TEST(Choice, SaysThatKnobsDoNotGoTogether) {
  OneKernel kernel(textOf({"!tok.q4_1", "i8", 576, 576}));
  kernel.set("tile", 4);
  std::string message;
  mlir::FailureOr<KernelChoice> choice = kernel.chooseOf(
      {{"one row", {{"tile", 1}}, 1.0}, {"two rows", {{"tile", 2}}, 2.0}},
      message);
  EXPECT_TRUE(mlir::failed(choice));
  EXPECT_EQ(message,
            "'tok.kernel' op of the family 'linear' expects knobs that one of "
            "its configurations has (one row; two rows), but got {compute = "
            "\"i8\", inputs = 576 : i64, matrices = 1 : i64, outputs = 576 : "
            "i64, tile = 4 : i64}");
}

/// A machine that has everything in plenty but what a test takes away.
TargetDescription richMachine() {
  return {"rich", 512, 64, true, false, {2, 2, 4, 5, 1 << 20, 64, 64}};
}

TEST(Tile, GrowsWithRegisters) {
  OneKernel kernel(textOf({"!tok.q4_1", "i8", 576, 576}));
  int64_t before = 0;
  for (int64_t registers : {16, 24, 32, 64}) {
    TargetDescription machine = richMachine();
    machine.vectorRegisters = registers;
    int64_t tile = numberOf(kernel.choose(machine), "tile");
    EXPECT_GT(tile, before) << registers << " registers";
    before = tile;
  }
}

TEST(Tile, CostsWhatItsBytesTake) {
  OneKernel kernel(textOf({"!tok.q4_1", "i8", 576, 4096}));
  TargetDescription fast = richMachine(), slow = fast;
  slow.cycles.memoryRate = fast.cycles.memoryRate / 8;
  KernelChoice choice = kernel.choose(fast);
  EXPECT_GT(kernel.choose(slow).cost, choice.cost);
  // A panel that the first cache does not hold comes anew for every tile.
  TargetDescription small = fast;
  small.cycles.firstCacheBytes = 4096;
  EXPECT_GT(kernel.choose(small).cost, choice.cost);
}

std::string attention(int64_t heads, int64_t keyHeads, const char *element,
                      int64_t size = 64) {
  std::string k = std::to_string(size) + " x " + element,
              row = "memref<?x" + std::to_string(heads * size) + "xf32>";
  return "!kv = !tok.cache<layers = [0], heads = " + std::to_string(keyHeads) +
         ", k = " + k + ", v = " + k +
         ", page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, "
         "tables = shared, columns = [pos], digests = []>\nfunc.func "
         "@step(%x: " +
         row + ", %kv: !kv, %y: " + row +
         ", %n: index) {\n  tok.kernel \"attention\" rows(%n to %n) layer(%n) "
         "ins(%x, %kv : " +
         row + ", !kv) outs(%y : " + row +
         ") {heads = " + std::to_string(heads) +
         ", scale = 1.0 : f32, window = 0, cache = 0, context = 2048}\n  "
         "return\n}\n";
}

struct Attention {
  int64_t heads, keyHeads;
  const char *element, *machine;
  int64_t group, vectors;
  /// Of tiles.
  int64_t rows, tileVectors;
};

std::ostream &operator<<(std::ostream &os, const Attention &attention) {
  return os << attention.heads << " of " << attention.keyHeads << " in "
            << attention.element << " on " << attention.machine;
}

struct GroupTest : testing::TestWithParam<Attention> {};

TEST_P(GroupTest, IsCheapest) {
  const Attention &a = GetParam();
  KernelChoice choice =
      OneKernel(attention(a.heads, a.keyHeads, a.element)).choose(a.machine);
  EXPECT_EQ(numberOf(choice, "group"), a.group);
  EXPECT_EQ(numberOf(choice, "vectors"), a.vectors);
  EXPECT_EQ(numberOf(choice, "tile"), 16);
  EXPECT_EQ(numberOf(choice, "tile_rows"), a.rows);
  EXPECT_EQ(numberOf(choice, "tile_vectors"), a.tileVectors);
  EXPECT_EQ(choice.unit, "cycles a slot");
  EXPECT_LE(choice.cost, choice.runnerUpCost);
}

INSTANTIATE_TEST_SUITE_P(
    Attentions, GroupTest,
    testing::Values(
        // SmolLM2 and Qwen2.5-Coder, as measured. Tiles fill the registers with
        // rows where heads do not.
        Attention{9, 3, "f16", "avx2", 3, 1, 2, 1},
        Attention{9, 3, "f16", "avx512vnni", 3, 4, 4, 2},
        Attention{12, 2, "f16", "avx2", 6, 1, 1, 1},
        Attention{12, 2, "f16", "avx512vnni", 6, 4, 2, 2},
        Attention{9, 3, "f32", "avx2", 3, 1, 2, 1},
        Attention{9, 3, "i8", "avx2", 3, 1, 2, 1},
        // One head alone hides the latency of its sum by more slots.
        Attention{4, 4, "f16", "avx2", 1, 2, 4, 1},
        // Passes of five and three wait less than those of six and two.
        Attention{8, 1, "f16", "avx2", 5, 1, 1, 1}));

/// Widened keys that the first cache does not hold cost more than they save
/// where six heads share a conversion already.
TEST(AttentionTiles, NeedRoomInTheFirstCache) {
  OneKernel kernel(attention(12, 2, "f16", /*size=*/128));
  EXPECT_EQ(numberOf(kernel.choose("avx2"), "tile"), 1);
  TargetDescription machine = kernel.describe("avx2");
  machine.cycles.firstCacheBytes *= 2;
  EXPECT_EQ(numberOf(kernel.choose(machine), "tile"), 16);
}

/// What lowering knows of a machine and what the code generator knows of the
/// level of that name are of one machine.
TEST(Machines, AreTheIsaLevels) {
  const KernelTarget *cpu = getKernelTargets().front();
  ASSERT_EQ(cpu->getName(), kDefaultTarget);
  std::vector<std::string> machines, levels;
  for (const TargetDescription &machine : cpu->getMachines()) {
    machines.push_back(machine.name.str());
    ASSERT_NE(findIsaLevel(machine.name), nullptr);
    EXPECT_EQ(machine.vectorBits, findIsaLevel(machine.name)->vectorBits);
  }
  for (const IsaLevel &level : getIsaLevels())
    levels.push_back(level.name.str());
  EXPECT_EQ(machines, levels);
}

} // namespace
