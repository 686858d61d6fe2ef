//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What C++ asks of types and ops, and what only C++ can ask wrongly.
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace tokopt::tok;

namespace tokopt::test {

/// An op of somebody else's dialect that says weights may be computed by it.
struct ForeignOp : Op<ForeignOp, OpTrait::ZeroRegions, OpTrait::VariadicResults,
                      OpTrait::ZeroSuccessors, OpTrait::VariadicOperands,
                      WeightExpressionInterface::Trait> {
  using Op::Op;
  static StringRef getOperationName() { return "foreign.op"; }
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
};

struct ForeignDialect : Dialect {
  explicit ForeignDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<ForeignDialect>()) {
    addOperations<ForeignOp>();
  }
  static StringRef getDialectNamespace() { return "foreign"; }
};

} // namespace tokopt::test

namespace {

struct DialectTest : testing::Test {
  DialectTest() { context.loadDialect<TokDialect, func::FuncDialect>(); }

  Type parse(StringRef type) { return parseType(type, &context); }

  MLIRContext context;
};

TEST_F(DialectTest, FormatsKnowTheirBlocks) {
  // Blocks and bytes as the GGUF format defines them.
  struct {
    const char *type;
    int64_t block, bytes;
  } formats[] = {
      {"!tok.q4_0", 32, 18}, {"!tok.q4_1", 32, 20},   {"!tok.q5_0", 32, 22},
      {"!tok.q8_0", 32, 34}, {"!tok.q4_k", 256, 144}, {"!tok.q6_k", 256, 210},
      {"bf16", 1, 2},        {"f16", 1, 2},           {"f32", 1, 4}};
  for (auto &format : formats) {
    Type type = parse(format.type);
    EXPECT_EQ(getBlock(type), format.block) << format.type;
    EXPECT_EQ(getBlockBytes(type), format.bytes) << format.type;
    EXPECT_TRUE(isWeightElement(type)) << format.type;
    EXPECT_EQ(hasRounding(type), format.block < 256) << format.type;
  }
  for (const char *other : {"i8", "f64", "index", "!tok.rows<pos, seq>"})
    EXPECT_FALSE(isWeightElement(parse(other))) << other;
}

TEST_F(DialectTest, CachesFindTheirLayers) {
  auto cache = cast<CacheType>(parse(
      "!tok.cache<layers = [0-1, 4], heads = 1, k = 32 x f32, v = 16 x f32, "
      "page = 64, "
      "keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, "
      "columns = [pos], digests = []>"));
  EXPECT_EQ(cache.indexOfLayer(0), 0);
  EXPECT_EQ(cache.indexOfLayer(4), 2);
  EXPECT_EQ(cache.indexOfLayer(2), -1);
  EXPECT_EQ(cache.indexOfLayer(5), -1);
  Builder builder(&context);
  CacheType half =
      cache.withElementTypes(builder.getF16Type(), builder.getI8Type());
  EXPECT_TRUE(half.getKType().isF16());
  EXPECT_TRUE(half.getVType().isInteger(8));
  EXPECT_EQ(half.withElementTypes(builder.getF32Type(), builder.getF32Type()),
            cache);
}

TEST_F(DialectTest, WeightsFindTheirMembers) {
  auto module = parseSourceString<ModuleOp>(R"mlir(
    tok.weight @family layers = [1, 3] : tensor<64x96x!tok.q4_1> = source "m.gguf" at [0, 5]
    tok.weight @single : tensor<96xf32> = source "m.gguf" at [0])mlir",
                                            &context);
  ASSERT_TRUE(module);
  auto family = module->lookupSymbol<WeightOp>("family"),
       single = module->lookupSymbol<WeightOp>("single");
  EXPECT_EQ(family.getMember(1), 0);
  EXPECT_EQ(family.getMember(3), 1);
  EXPECT_EQ(family.getMember(2), -1);
  EXPECT_EQ(family.getMemberBytes(), 64 * 96 / 32 * 20);
  EXPECT_EQ(single.getMember(7), 0);
  EXPECT_EQ(single.getMemberBytes(), 96 * 4);
}

TEST_F(DialectTest, WeightsBecomeExpressions) {
  auto module = parseSourceString<ModuleOp>(R"mlir(
    tok.weight @w : tensor<64x96x!tok.q4_1> = source "m.gguf" at [0])mlir",
                                            &context);
  ASSERT_TRUE(module);
  auto weight = module->lookupSymbol<WeightOp>("w");
  EXPECT_FALSE(weight.hasExpression());
  OpBuilder builder(&context);
  Block &block = weight.getOrAddExpression(builder);
  EXPECT_TRUE(succeeded(module->verify()));
  EXPECT_EQ(&weight.getOrAddExpression(builder), &block);

  Operation *yield = block.getTerminator();
  builder.setInsertionPoint(yield);
  auto plain = cast<RankedTensorType>(getPlainType(weight.getTensorType()));
  yield->setOperand(0, DequantizeOp::create(builder, weight.getLoc(), plain,
                                            block.getArgument(0)));
  weight.setType(plain);
  EXPECT_TRUE(succeeded(module->verify()));
  // Readers see what is yielded, the file holds what it held.
  EXPECT_EQ(weight.getMemberBytes(), 64 * 96 * 4);
  EXPECT_EQ(weight.getSourceBytes(), 64 * 96 / 32 * 20);
}

// Our own ops cannot break what their interface promises; others can.
TEST_F(DialectTest, ForeignOpsKeepWhatTheInterfacePromises) {
  context.loadDialect<tokopt::test::ForeignDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  auto refuses = [&](StringRef signature) {
    message.clear();
    std::string text = (R"mlir(
      tok.weight @w : tensor<4x32xf32> = source "m.gguf" at [0] : tensor<4x32xf32> {
      ^bb0(%w: tensor<4x32xf32>):
        %0:)mlir" + signature +
                        R"mlir(
        tok.yield %w : tensor<4x32xf32>
      })mlir")
                           .str();
    return !parseSourceString<ModuleOp>(text, &context);
  };
  EXPECT_TRUE(refuses("2 = \"foreign.op\"(%w) : (tensor<4x32xf32>) -> "
                      "(tensor<4x32xf32>, tensor<4x32xf32>)"));
  EXPECT_THAT(message, testing::HasSubstr(
                           "expects one result, as all ops that weights are "
                           "computed by, but has 2"));
  EXPECT_TRUE(refuses("1 = \"foreign.op\"(%w) : (tensor<4x32xf32>) -> index"));
  EXPECT_THAT(message, testing::HasSubstr(
                           "expects operands and a result of ranked tensors"));
  EXPECT_TRUE(refuses("1 = \"foreign.op\"(%w) : (tensor<4x32xf32>) -> "
                      "tensor<5x32xf32>"));
  EXPECT_THAT(
      message,
      testing::HasSubstr("expects as many rows of its result as of its matrix "
                         "'tensor<4x32xf32>', but got 'tensor<5x32xf32>'"));
  EXPECT_FALSE(refuses("1 = \"foreign.op\"(%w) : (tensor<4x32xf32>) -> "
                       "tensor<4x16xf32>"))
      << message;
}

TEST_F(DialectTest, WeightsThatOnlyExpressionsReadAreNotStored) {
  auto module = parseSourceString<ModuleOp>(R"mlir(
    tok.weight @unread : tensor<32xf32> = source "m.gguf" at [0]
    tok.weight @named : tensor<32xf32> = source "m.gguf" at [0]
    tok.weight @both : tensor<32xf32> = source "m.gguf" at [0]
    tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @named, @both {
    ^bb0(%w: tensor<32xf32>, %a: tensor<32xf32>, %b: tensor<32xf32>):
      tok.yield %a : tensor<32xf32>
    }
    func.func @f(%x: tensor<?x32xf32>) {
      %y = tok.norm %x, @both rms eps = 1.0e-5 : tensor<?x32xf32>
      return
    })mlir",
                                            &context);
  ASSERT_TRUE(module);
  SmallVector<StringRef> names;
  for (WeightOp weight : getStoredWeights(*module))
    names.push_back(weight.getSymName());
  EXPECT_THAT(names, testing::ElementsAre("unread", "both", "w"));
}

TEST_F(DialectTest, BuffersPadTheirRows) {
  auto module = parseSourceString<ModuleOp>(R"mlir(
    func.func @f() {
      %0 = tok.buffer : memref<?x96xf32>
      %1 = tok.buffer : memref<?x17xf32>
      %2 = tok.buffer : memref<?x65xi8>
      return
    })mlir",
                                            &context);
  ASSERT_TRUE(module);
  SmallVector<int64_t> bytes;
  module->walk([&](BufferOp buffer) { bytes.push_back(buffer.getRowBytes()); });
  EXPECT_THAT(bytes, testing::ElementsAre(384, 128, 128));
}

// The parser refuses `window<0>` by itself.
TEST_F(DialectTest, MasksRefuseNegativeWindows) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto emit = [&] { return emitError(UnknownLoc::get(&context)); };
  llvm::function_ref<InFlightDiagnostic()> emitMaskError = emit;
  EXPECT_FALSE(MaskAttr::getChecked(emitMaskError, &context, /*causal=*/true,
                                    int64_t(-1)));
  EXPECT_THAT(message,
              testing::HasSubstr("expects a window of at least 0, but got -1"));
  EXPECT_TRUE(MaskAttr::get(&context, /*causal=*/true, int64_t(0)));
}

} // namespace
