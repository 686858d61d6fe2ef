//===- Model.cpp - A decoder as a module ----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all decoders share: the embedding before the layers, the norm and the
// output matrix behind them, the cache, and the shape of the entry.
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Model.h"

#include "dialects/Tok/TokOps.h"
#include "lib/Import/Gguf.h"
#include "lib/Models/Architecture.h"
#include "lib/Models/Hyperparameters.h"
#include "lib/Models/LayerBuilder.h"
#include "lib/Models/Tokenizer.h"
#include "lib/Models/Weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/Sequence.h"

using namespace llvm;
using namespace mlir;
using namespace tokopt;

// Rows of a page of the cache; attention reduces in blocks of as many.
static constexpr int64_t pageRows = 64;
// Longer prompts are cut, so that decodes of other requests do not wait.
static constexpr int64_t stepRows = 512;

namespace {

class ModelBuilder {
public:
  ModelBuilder(const gguf::File &file, const Architecture &architecture,
               const Hyperparameters &sizes, ModuleOp module);

  Error build();

private:
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element) {
    SmallVector<int64_t> dims = {ShapedType::kDynamic};
    append_range(dims, shape);
    return RankedTensorType::get(dims, element);
  }
  SmallVector<StringAttr> strings(ArrayRef<StringRef> texts) {
    return map_to_vector(texts,
                         [&](StringRef t) { return b.getStringAttr(t); });
  }

  SmallVector<int64_t> getLayers() {
    return to_vector(seq<int64_t>(0, sizes.layers));
  }
  tok::CacheType makeCacheType();
  FlatSymbolRefAttr buildKind(StringRef name, ArrayRef<int64_t> layers);
  void buildStep(ArrayRef<Attribute> kinds, ArrayRef<int64_t> kindOf);

  const gguf::File &file;
  const Architecture &architecture;
  const Hyperparameters &sizes;
  ModuleOp module;
  ImplicitLocOpBuilder b;
  Type f32;
  RankedTensorType stream; // T x W
  tok::RowsType rowsType;
  tok::CacheType cacheType;
  std::optional<Weights> weights;
  FlatSymbolRefAttr embedding;
};

} // namespace

ModelBuilder::ModelBuilder(const gguf::File &file,
                           const Architecture &architecture,
                           const Hyperparameters &sizes, ModuleOp module)
    : file(file), architecture(architecture), sizes(sizes), module(module),
      b(module.getLoc(), module.getBodyRegion()), f32(b.getF32Type()),
      stream(tensor(sizes.width, f32)),
      rowsType(tok::RowsType::get(b.getContext(), strings({"pos", "seq"}))),
      cacheType(makeCacheType()) {}

tok::CacheType ModelBuilder::makeCacheType() {
  return tok::CacheType::get(
      b.getContext(), getLayers(), sizes.kvHeads, sizes.headSize, f32,
      sizes.valueSize, f32, pageRows, b.getStringAttr("post_rope"),
      /*window=*/0, /*sinks=*/0, /*residual=*/0, b.getStringAttr("shared"),
      strings({"pos"}), /*digests=*/{});
}

FlatSymbolRefAttr ModelBuilder::buildKind(StringRef name,
                                          ArrayRef<int64_t> layers) {
  auto type = b.getFunctionType({stream, rowsType, cacheType, b.getIndexType()},
                                {stream, cacheType});
  auto kind = func::FuncOp::create(b, name, type);
  kind.setPrivate();
  kind->setAttr(tok::kKindAttrName, b.getUnitAttr());

  OpBuilder::InsertionGuard guard(b);
  Block *body = kind.addEntryBlock();
  b.setInsertionPointToEnd(body);
  LayerBuilder layer(b, *weights, architecture, sizes, layers,
                     {/*rows=*/body->getArgument(1),
                      /*cache=*/body->getArgument(2),
                      /*layer=*/body->getArgument(3)});
  Value x = architecture.buildLayer(layer, body->getArgument(0));
  func::ReturnOp::create(b, ValueRange{x, layer.getCache()});
  return FlatSymbolRefAttr::get(kind);
}

/// The values an entry takes or gives, each with its slot of the frame.
namespace {
struct Slots {
  void add(StringRef slot, Type type) {
    slots.push_back(slot);
    types.push_back(type);
  }
  SmallVector<StringRef> slots;
  SmallVector<Type> types;
};
} // namespace

void ModelBuilder::buildStep(ArrayRef<Attribute> kinds,
                             ArrayRef<int64_t> kindOf) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  Slots takes, gives;
  takes.add("ids", tensor({}, i32));
  takes.add("rows", rowsType);
  takes.add("full_rows", index);
  takes.add("layer_begin", index);
  takes.add("layer_end", index);
  takes.add("frontier", stream);
  takes.add("out", tensor({}, i32));
  takes.add("sampling", tensor(4, f32));
  takes.add("seeds", tensor(2, b.getI64Type()));
  takes.add("kv", cacheType);
  gives.add("logits", tensor(sizes.vocab, f32));
  gives.add("tokens", tensor({}, i32));
  gives.add("frontier", stream);
  gives.add("kv", cacheType);

  auto step = func::FuncOp::create(b, "step",
                                   b.getFunctionType(takes.types, gives.types));
  for (auto [i, slot] : enumerate(takes.slots))
    step.setArgAttr(i, tok::kSlotAttrName, b.getStringAttr(slot));
  for (auto [i, slot] : enumerate(gives.slots))
    step.setResultAttr(i, tok::kSlotAttrName, b.getStringAttr(slot));

  OpBuilder::InsertionGuard guard(b);
  Block *body = step.addEntryBlock();
  b.setInsertionPointToEnd(body);
  auto argument = [&](StringRef slot) -> Value {
    return body->getArgument(find(takes.slots, slot) - takes.slots.begin());
  };

  FlatSymbolRefAttr norm = weights->get("output_norm.weight", sizes.width);
  FlatSymbolRefAttr normBias;
  if (architecture.normBias == Bias::Added)
    normBias = weights->get("output_norm.bias", sizes.width);
  // Many models read logits off the embedding instead of a matrix of their own.
  FlatSymbolRefAttr output =
      weights->has("output.weight")
          ? weights->get("output.weight", {sizes.vocab, sizes.width})
          : embedding;

  Value x = tok::EmbedOp::create(
      b, stream, argument("ids"), embedding,
      b.getF32FloatAttr(architecture.embeddingScale
                            ? architecture.embeddingScale(sizes)
                            : 1.0));
  auto stack = tok::StackOp::create(
      b, stream, stream, TypeRange(cacheType), x, argument("rows"),
      argument("kv"), argument("frontier"), argument("full_rows"),
      argument("layer_begin"), argument("layer_end"), b.getArrayAttr(kinds),
      kindOf, getLayers());
  // The output matrix is large, so only rows that ask for logits go on.
  Value z = tok::TakeOp::create(b, stream, /*outputRows=*/nullptr,
                                stack.getOutput(), argument("out"),
                                /*rows=*/nullptr)
                .getOutput();
  z = tok::NormOp::create(b, z, norm, normBias, /*layer=*/nullptr,
                          architecture.norm, b.getF32FloatAttr(sizes.normEps));
  Value logits = tok::LinearOp::create(b, tensor(sizes.vocab, f32), z, output,
                                       /*bias=*/nullptr,
                                       /*layer=*/nullptr, /*compute=*/nullptr);
  Value tokens = tok::SampleOp::create(b, tensor({}, i32), logits,
                                       argument("sampling"), argument("seeds"));
  func::ReturnOp::create(b, ValueRange{logits, tokens, stack.getNextFrontier(),
                                       stack.getNextCaches().front()});
}

Error ModelBuilder::build() {
  MLIRContext *context = b.getContext();
  module->setAttr(tok::kModelAttrName,
                  tok::ModelAttr::get(context, architecture.name, sizes.name,
                                      sizes.layers, sizes.width, sizes.context,
                                      sizes.vocab));
  module->setAttr(tok::kMetadataAttrName,
                  tok::SourceAttr::get(context, file.getSourceName(),
                                       file.getMetadataOffset(),
                                       file.getMetadata().size()));

  // Weights stand first, whenever they are asked for.
  auto schedule = tok::ScheduleOp::create(
      b, "schedule", tok::ScheduleKind::Chunked, stepRows, /*groups=*/nullptr);
  SmallVector<int64_t> structures(sizes.layers);
  if (architecture.kindOf)
    for (auto [layer, kind] : enumerate(structures))
      kind = architecture.kindOf(sizes, layer);
  weights.emplace(file, structures, OpBuilder(schedule));

  embedding = weights->get("token_embd.weight", {sizes.vocab, sizes.width});
  SmallVector<Attribute> kinds;
  SmallVector<int64_t> kindOf(sizes.layers);
  bool single = weights->getKinds().size() == 1;
  for (auto [number, layers] : enumerate(weights->getKinds())) {
    std::string name = single ? "decoder" : "decoder_" + std::to_string(number);
    kinds.push_back(buildKind(name, layers));
    for (int64_t layer : layers)
      kindOf[layer] = number;
  }
  buildStep(kinds, kindOf);
  return weights->finish();
}

static Expected<const Architecture *> findArchitecture(const gguf::File &file) {
  constexpr StringLiteral key = "general.architecture";
  Expected<StringRef> name = file.getString(key);
  if (!name)
    return name.takeError();
  if (const Architecture *architecture = lookupArchitecture(*name))
    return architecture;
  std::string known;
  for (const Architecture *architecture : getArchitectures())
    known += (known.empty() ? "" : " ") + architecture->name.str();
  return file.makeError("key " + gguf::quote(key), gguf::quote(*name),
                        "one of " + known,
                        "docs/models.md says how to add an architecture");
}

Expected<OwningOpRef<ModuleOp>> tokopt::buildModel(const gguf::File &file,
                                                   MLIRContext &context) {
  Expected<const Architecture *> architecture = findArchitecture(file);
  if (!architecture)
    return architecture.takeError();
  return buildModel(file, **architecture, context);
}

Expected<OwningOpRef<ModuleOp>>
tokopt::buildModel(const gguf::File &file, const Architecture &architecture,
                   MLIRContext &context) {
  Expected<Hyperparameters> sizes = readHyperparameters(file, architecture);
  if (!sizes)
    return sizes.takeError();
  if (Error error = checkTokenizer(file))
    return error;

  context
      .loadDialect<tok::TokDialect, arith::ArithDialect, func::FuncDialect>();
  Location location =
      NameLoc::get(StringAttr::get(&context, architecture.name));
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  if (Error error = ModelBuilder(file, architecture, *sizes, *module).build())
    return error;

  // Passes rely on a module that verifies, so what the checks above miss is an
  // error of this file too.
  std::string complaint;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (complaint.empty())
      complaint = diagnostic.str();
    return success();
  });
  if (failed(verify(*module)))
    return file.makeError("model",
                          "a module that does not verify (" + complaint + ")",
                          "one that does",
                          "please report this file as one the importer should "
                          "refuse by itself");
  return module;
}
