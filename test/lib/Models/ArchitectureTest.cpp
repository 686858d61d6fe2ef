//===- ArchitectureTest.cpp - What an architecture may say of itself ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An architecture that uses every hook, built by nothing but its own function.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Models/TinyModel.h"

#include "dialects/Tok/TokOps.h"
#include "lib/Models/Architecture.h"
#include "lib/Models/LayerBuilder.h"
#include "lib/Models/Model.h"

#include "mlir/IR/MLIRContext.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace llvm;
using namespace tokopt;
using mlir::Value;
using testing::HasSubstr;

namespace {

/// Llama's layer with layer norms, of single heads too. Every third layer has
/// no feed-forward block.
Value buildLayer(LayerBuilder &b, Value x) {
  const Hyperparameters &s = b.sizes;
  Value n = b.norm(x, "attn_norm");
  Value q = b.heads(n, "attn_q", s.heads, s.headSize);
  Value k = b.heads(n, "attn_k", s.kvHeads, s.headSize);
  Value v = b.heads(n, "attn_v", s.kvHeads, s.valueSize);
  q = b.norm(q, "attn_q_norm");
  k = b.norm(k, "attn_k_norm");
  Value a = b.attention(b.rope(q, tok::RopePairs::Halves),
                        b.rope(k, tok::RopePairs::Halves), v);
  x = b.add(x, b.linear(a, "attn_output", s.width));
  if (b.kind == 1)
    return x;
  n = b.norm(x, "ffn_norm");
  Value gate = b.linear(n, "ffn_gate", s.hidden);
  Value up = b.linear(n, "ffn_up", s.hidden);
  Value h = b.gated(gate, up, tok::Activation::GeluTanh);
  return b.add(x, b.linear(h, "ffn_down", s.width));
}

const Architecture everything = {
    .name = "everything",
    .buildLayer = buildLayer,
    .embeddingScale =
        [](const Hyperparameters &s) { return std::sqrt(double(s.width)); },
    .norm = tok::NormKind::Layer,
    .normBias = Bias::Added,
    .kindOf = [](const Hyperparameters &, int64_t layer) -> int64_t {
      return layer % 3 == 2;
    }};

TinyModel makeModel() {
  constexpr int layers = 4;
  TinyModel model("everything", layers);
  model.dropKey("everything.attention.layer_norm_rms_epsilon");
  model.real("everything.attention.layer_norm_epsilon", 1e-6f);
  model.tensor("output_norm.bias", {64});
  for (int i = 0; i < layers; ++i) {
    std::string blk = "blk." + std::to_string(i) + ".";
    for (const char *name : {"attn_q_norm", "attn_k_norm"}) {
      model.tensor(blk + name + ".weight", {16});
      model.tensor(blk + name + ".bias", {16});
    }
    model.tensor(blk + "attn_norm.bias", {64});
    if (i % 3 != 2)
      model.tensor(blk + "ffn_norm.bias", {64});
    else
      for (const char *name : {"ffn_norm", "ffn_gate", "ffn_up", "ffn_down"})
        model.dropTensor(blk + name + ".weight");
  }
  return model;
}

struct ArchitectureTest : testing::Test {
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> build(const TinyModel &model,
                                                    const Architecture &a) {
    bytes = model.spell();
    auto file = cantFail(
        gguf::File::parse(MemoryBuffer::getMemBuffer(bytes, "m.gguf")));
    return buildModel(file, a, context);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::string bytes;
};

TEST_F(ArchitectureTest, UsesEveryHook) {
  auto module = build(makeModel(), everything);
  ASSERT_TRUE(bool(module)) << toString(module.takeError());

  (**module).walk([](tok::EmbedOp op) {
    EXPECT_FLOAT_EQ(op.getScale().convertToFloat(), 8.0f);
  });
  int64_t rows = 0, heads = 0, outputs = 0;
  (**module).walk([&](tok::NormOp op) {
    EXPECT_EQ(op.getKind(), tok::NormKind::Layer);
    EXPECT_TRUE(op.getBias().has_value());
    auto type = mlir::cast<mlir::RankedTensorType>(op.getInput().getType());
    (type.getRank() == 3 ? heads : op.getLayer() ? rows : outputs) += 1;
  });
  // Two kinds: with and without a feed-forward block.
  EXPECT_EQ(rows, 3);
  EXPECT_EQ(heads, 4);
  EXPECT_EQ(outputs, 1);
  auto weight = (**module).lookupSymbol<tok::WeightOp>("attn_q_norm");
  ASSERT_TRUE(weight);
  EXPECT_EQ(weight.getTensorType().getShape(), ArrayRef<int64_t>({16}));
  (**module).walk([](tok::StackOp stack) {
    EXPECT_EQ(stack.getKindOf(), ArrayRef<int64_t>({0, 0, 1, 0}));
  });
}

/// Layers of one set of tensors may still differ in structure.
TEST_F(ArchitectureTest, SplitsKindsThatTheirTensorsDoNot) {
  Architecture split = *lookupArchitecture("llama");
  split.kindOf = [](const Hyperparameters &, int64_t layer) {
    return layer == 0 ? int64_t(7) : int64_t(3);
  };
  auto module = build(TinyModel("llama", 3), split);
  ASSERT_TRUE(bool(module)) << toString(module.takeError());
  (**module).walk([](tok::StackOp stack) {
    EXPECT_EQ(stack.getKindOf(), ArrayRef<int64_t>({0, 1, 1}));
  });
}

TEST_F(ArchitectureTest, AsksForTheEpsilonOfItsNorm) {
  TinyModel model = makeModel();
  model.dropKey("everything.attention.layer_norm_epsilon");
  EXPECT_THAT(toString(build(model, everything).takeError()),
              HasSubstr("key 'everything.attention.layer_norm_epsilon': found "
                        "none"));
}

} // namespace
