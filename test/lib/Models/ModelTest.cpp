//===- ModelTest.cpp - Files become modules or located errors -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a good model's module looks like is tested by test/tools/tokopt-import.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Models/TinyModel.h"

#include "dialects/Tok/TokOps.h"
#include "lib/Models/Architecture.h"
#include "lib/Models/Model.h"

#include "mlir/IR/MLIRContext.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace tokopt;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Format = gguf::FormatId;

namespace {

class Model : public testing::Test {
protected:
  Model() : context(mlir::MLIRContext::Threading::DISABLED) {}

  Expected<mlir::OwningOpRef<mlir::ModuleOp>> build(const TinyModel &model) {
    bytes = model.spell();
    Expected<gguf::File> file =
        gguf::File::parse(MemoryBuffer::getMemBuffer(bytes, "m.gguf"));
    if (!file)
      return file.takeError();
    return buildModel(*file, context);
  }

  /// The message of a model that must be refused, or nothing.
  std::string messageOf(const TinyModel &model) {
    auto module = build(model);
    return module ? "" : toString(module.takeError());
  }

  /// What stands in each family's list of layers, by name.
  std::map<std::string, std::vector<int64_t>> familiesOf(const TinyModel &m) {
    std::map<std::string, std::vector<int64_t>> families;
    auto module = build(m);
    if (!module) {
      ADD_FAILURE() << toString(module.takeError());
      return families;
    }
    for (auto weight : (**module).getOps<tok::WeightOp>())
      families[weight.getSymName().str()] = weight.getLayers()
                                                ? weight.getLayers()->vec()
                                                : std::vector<int64_t>();
    return families;
  }

  mlir::MLIRContext context;
  std::string bytes;
};

TEST_F(Model, TakesEveryArchitecture) {
  for (const Architecture *architecture : getArchitectures())
    EXPECT_EQ(messageOf(TinyModel(architecture->name.str())), "");
}

TEST_F(Model, AgreesWithTheDialectOnEveryFormat) {
  for (const gguf::Format &format : gguf::getFormats()) {
    TinyModel model("llama", 1);
    model.tensor("token_embd.weight", {256, 10}, format.id);
    model.integer("llama.embedding_length", 256);
    for (StringRef name : {"attn_norm", "ffn_norm"})
      model.tensor(("blk.0." + name + ".weight").str(), {256});
    model.tensor("output_norm.weight", {256});
    for (auto [name, outputs] : {std::pair("attn_q", 256),
                                 {"attn_k", 128},
                                 {"attn_v", 128},
                                 {"ffn_gate", 96},
                                 {"ffn_up", 96},
                                 {"attn_output", 256}})
      model.tensor("blk.0." + std::string(name) + ".weight",
                   {256, uint64_t(outputs)}, format.id);
    model.tensor("blk.0.ffn_down.weight", {96, 256}, Format::F16);
    auto module = build(model);
    ASSERT_TRUE(bool(module)) << toString(module.takeError());
    auto weight = (**module).lookupSymbol<tok::WeightOp>("token_embd");
    mlir::Type element = weight.getTensorType().getElementType();
    EXPECT_EQ(tok::getBlock(element), format.blockElements);
    EXPECT_EQ(tok::getBlockBytes(element), format.blockBytes);
  }
}

TEST_F(Model, SplitsFamiliesByFormatAndLayersByTheMix) {
  TinyModel model("llama", 4);
  for (int layer : {0, 3})
    model.tensor("blk." + std::to_string(layer) + ".attn_v.weight", {64, 32},
                 Format::Q8_0);
  auto families = familiesOf(model);
  EXPECT_EQ(families["attn_v.q8_0"], (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(families["attn_v.q4_0"], (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(families["attn_q"], (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(families.count("attn_v"), 0u);

  auto module = cantFail(build(model));
  tok::StackOp stack;
  module->walk([&](tok::StackOp op) { stack = op; });
  EXPECT_EQ(stack.getKinds().size(), 2u);
  EXPECT_EQ(stack.getKindOf(), ArrayRef<int64_t>({0, 1, 1, 0}));
}

TEST_F(Model, TakesAnOutputMatrixWhenThereIsOne) {
  TinyModel model("llama");
  EXPECT_EQ(familiesOf(model).count("output"), 0u);
  model.tensor("output.weight", {64, 10}, Format::F16);
  EXPECT_EQ(familiesOf(model).count("output"), 1u);
}

TEST_F(Model, TakesHeadsThatDoNotFillTheWidth) {
  TinyModel model("llama", 1);
  model.integer("llama.attention.key_length", 24);
  model.integer("llama.attention.value_length", 40);
  model.tensor("blk.0.attn_q.weight", {64, 4 * 24}, Format::Q4_0);
  model.tensor("blk.0.attn_k.weight", {64, 2 * 24}, Format::Q4_0);
  model.tensor("blk.0.attn_v.weight", {64, 2 * 40}, Format::Q4_0);
  model.tensor("blk.0.attn_output.weight", {4 * 40, 64}, Format::Q4_0);
  EXPECT_EQ(messageOf(model), "");
}

TEST_F(Model, RefusesAnUnknownArchitecture) {
  TinyModel model("llama");
  model.text("general.architecture", "mamba");
  std::string known;
  for (const Architecture *architecture : getArchitectures())
    known += " " + architecture->name.str();
  EXPECT_THAT(messageOf(model),
              StartsWith("m.gguf: key 'general.architecture': found 'mamba', "
                         "expected one of" +
                         known + "; "));
  model.dropKey("general.architecture");
  EXPECT_THAT(messageOf(model), HasSubstr("found none, expected one"));
}

TEST_F(Model, RefusesKeysThatContradictOrAreNotKnown) {
  struct {
    StringRef key;
    uint32_t value;
    StringRef message;
  } cases[] = {
      {"block_count", 0, "found 0, expected a value from 1 to 4096"},
      {"block_count", 0xffffffff, "found 4294967295, expected a value"},
      {"embedding_length", 0, "found 0"},
      {"embedding_length", (1 << 20) + 1,
       "found 1048577, expected a value from 1 to 1048576"},
      {"context_length", (1 << 24) + 1,
       "found 16777217, expected a value from 1 to 16777216"},
      {"context_length", 0x80000000, "found 2147483648"},
      {"vocab_size", (1 << 24) + 1,
       "found 16777217, expected a value from 1 to 16777216"},
      {"attention.head_count", 5000, "found 5000"},
      {"attention.head_count_kv", 3, "expected a divisor of the 4 heads"},
      {"rope.dimension_count", 15, "expected an even number of at most the 16"},
      {"rope.dimension_count", 18, "expected an even number of at most the 16"},
      {"vocab_size", 11, "found 11, expected the 10 rows of tensor"},
      {"attention.layer_norm_rms_epsilon", 1, "expected a floating-point"},
      {"attention.sliding_window", 64,
       "expected only keys whose meaning for "
       "'llama' is known"},
  };
  for (auto [key, value, message] : cases) {
    TinyModel model("llama");
    model.integer(("llama." + key).str(), value);
    EXPECT_THAT(messageOf(model),
                AllOf(StartsWith("m.gguf: key 'llama." + key.str() + "': "),
                      HasSubstr(message.str())));
  }
  for (float value : {0.0f, -1.0f}) {
    TinyModel model("llama");
    model.real("llama.attention.layer_norm_rms_epsilon", value);
    EXPECT_THAT(messageOf(model), HasSubstr("expected a positive number"));
  }
  TinyModel model("llama");
  model.tokens(9);
  EXPECT_THAT(messageOf(model),
              HasSubstr("key 'tokenizer.ggml.tokens': found 9 tokens, expected "
                        "the 10 rows"));
  model.tokens(10);
  EXPECT_EQ(messageOf(model), "");
}

TEST_F(Model, NamesEveryTensorThatIsMissing) {
  for (const Architecture *architecture : getArchitectures()) {
    TinyModel whole(architecture->name.str());
    for (const TinyModel::Tensor &tensor : whole.tensors) {
      TinyModel model = whole;
      model.dropTensor(tensor.name);
      EXPECT_THAT(messageOf(model),
                  StartsWith("m.gguf: tensor '" + tensor.name +
                             "': found none, expected one; "));
    }
  }
}

TEST_F(Model, NamesEveryTensorOfAnotherShape) {
  TinyModel whole("qwen2");
  for (const TinyModel::Tensor &tensor : whole.tensors) {
    TinyModel model = whole;
    std::vector<uint64_t> dims = tensor.dims;
    dims.front() += 32;
    model.tensor(tensor.name, dims, tensor.format);
    EXPECT_THAT(messageOf(model),
                AllOf(StartsWith("m.gguf: tensor '" + tensor.name + "': "),
                      HasSubstr("found shape"), HasSubstr("expected shape")));
    dims = tensor.dims;
    dims.push_back(1);
    model.tensor(tensor.name, dims, tensor.format);
    EXPECT_THAT(messageOf(model), HasSubstr("tensor '" + tensor.name + "': "));
  }
}

TEST_F(Model, RefusesTensorsThatNobodyUses) {
  for (StringRef name :
       {"rope_freqs.weight", "blk.0.attn_q.bias", "blk.2.attn_norm.weight",
        "blk.00.attn_norm.weight", "blk.-1.x", "blk.0.", "blk."}) {
    TinyModel model("llama");
    model.tensor(name.str(), {64});
    EXPECT_THAT(messageOf(model),
                AllOf(StartsWith("m.gguf: tensor '" + name.str() + "': "),
                      HasSubstr("expected only tensors that the")));
  }
}

// A layer's number has one spelling: another one must not lend its format to
// the tensor of that layer.
TEST_F(Model, RefusesASecondSpellingOfALayer) {
  for (StringRef layer : {"00", "+0", "-0"}) {
    TinyModel model("llama", 1);
    std::string name = ("blk." + layer + ".attn_q.weight").str();
    model.tensors.insert(model.tensors.begin(), {name, {64, 64}, Format::Q8_0});
    EXPECT_THAT(messageOf(model), StartsWith("m.gguf: tensor '" + name +
                                             "': found it, expected only"));
  }
}

TEST_F(Model, RefusesVectorsThatAreNotF32) {
  TinyModel model("llama");
  model.tensor("output_norm.weight", {64}, Format::F16);
  EXPECT_THAT(messageOf(model), HasSubstr("found a vector in format f16"));
}

TEST_F(Model, KeepsAHostileNameOutOfTheModule) {
  TinyModel model("llama");
  model.text("general.name", "bad \xff\xfe bytes");
  auto module = cantFail(build(model));
  auto attribute = module->getOperation()->getAttrOfType<tok::ModelAttr>(
      tok::kModelAttrName);
  EXPECT_EQ(attribute.getName(), "bad \xef\xbf\xbd\xef\xbf\xbd bytes");
  model.dropKey("general.name");
  module = cantFail(build(model));
  attribute = module->getOperation()->getAttrOfType<tok::ModelAttr>(
      tok::kModelAttrName);
  EXPECT_EQ(attribute.getName(), "m");
}

TEST_F(Model, SurvivesEveryByteChanged) {
  std::string whole = TinyModel("llama", 1).spell();
  size_t head = whole.rfind("output_norm.weight") + 40;
  for (size_t at = 0; at < head; ++at) {
    std::string changed = whole;
    changed[at] ^= 1 << at % 8;
    Expected<gguf::File> file =
        gguf::File::parse(MemoryBuffer::getMemBuffer(changed, "m.gguf"));
    Error error =
        file ? buildModel(*file, context).takeError() : file.takeError();
    if (error)
      EXPECT_THAT(toString(std::move(error)),
                  AllOf(StartsWith("m.gguf: "), Not(HasSubstr("\n")),
                        Not(HasSubstr("does not verify"))));
  }
}

} // namespace
