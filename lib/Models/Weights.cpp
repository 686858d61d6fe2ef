//===- Weights.cpp - The tensors of a file as tok.weight families ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Weights.h"

#include "dialects/Tok/TokOps.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace mlir;
using namespace tokopt;

//===----------------------------------------------------------------------===//
// Names and types
//===----------------------------------------------------------------------===//

static std::string joinName(int64_t layer, StringRef role) {
  return ("blk." + Twine(layer) + "." + role).str();
}

/// Splits `blk.<layer>.<role>`; fails for every other name, also for another
/// spelling of the layer (`blk.00.x`): a layer has one tensor of a role.
static std::optional<std::pair<int64_t, StringRef>> splitName(StringRef name) {
  StringRef rest = name;
  int64_t layer;
  if (!rest.consume_front("blk.") || rest.consumeInteger(10, layer) ||
      !rest.consume_front(".") || joinName(layer, rest) != name)
    return std::nullopt;
  return std::pair(layer, rest);
}

/// `attn_q.weight` becomes `attn_q`, `attn_q.bias` becomes `attn_q_bias`.
static std::string getSymbol(StringRef role) {
  role.consume_back(".weight");
  std::string symbol = role.str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return symbol;
}

static std::string spellShape(ArrayRef<int64_t> shape) {
  return join(
      map_range(shape, [](int64_t size) { return std::to_string(size); }), "x");
}

static Type getElementType(MLIRContext *context, gguf::FormatId format) {
  switch (format) {
  case gguf::FormatId::F32:
    return Float32Type::get(context);
  case gguf::FormatId::F16:
    return Float16Type::get(context);
  case gguf::FormatId::Q4_0:
    return tok::Q4_0Type::get(context);
  case gguf::FormatId::Q4_1:
    return tok::Q4_1Type::get(context);
  case gguf::FormatId::Q5_0:
    return tok::Q5_0Type::get(context);
  case gguf::FormatId::Q8_0:
    return tok::Q8_0Type::get(context);
  case gguf::FormatId::Q4_K:
    return tok::Q4_KType::get(context);
  case gguf::FormatId::Q6_K:
    return tok::Q6_KType::get(context);
  case gguf::FormatId::BF16:
    return BFloat16Type::get(context);
  }
  llvm_unreachable("covered switch");
}

RankedTensorType Weights::getType(const gguf::Tensor &tensor) {
  // The file lists the contiguous dimension first, the IR last.
  SmallVector<int64_t> shape(reverse(tensor.dims));
  return RankedTensorType::get(
      shape, getElementType(builder.getContext(), tensor.format->id));
}

//===----------------------------------------------------------------------===//
// Kinds and families
//===----------------------------------------------------------------------===//

Weights::Weights(const gguf::File &file, ArrayRef<int64_t> kindOf,
                 OpBuilder builder)
    : file(file), builder(builder) {
  findKinds(kindOf);
}

/// Groups layers by their kinds, roles and formats, and roles by format.
void Weights::findKinds(ArrayRef<int64_t> kindOf) {
  int64_t layers = kindOf.size();
  using Signature = std::map<StringRef, gguf::FormatId>;
  std::vector<Signature> signatures(layers);
  for (const gguf::Tensor &tensor : file.getTensors()) {
    auto split = splitName(tensor.name);
    if (!split || split->first < 0 || split->first >= layers)
      continue; // nobody will ask for it, so `finish` refuses it
    signatures[split->first].try_emplace(split->second, tensor.format->id);
  }

  std::map<std::pair<int64_t, Signature>, size_t> numbers;
  for (int64_t layer = 0; layer < layers; ++layer) {
    auto [it, isNew] = numbers.try_emplace(
        std::pair(kindOf[layer], signatures[layer]), kinds.size());
    if (isNew)
      kinds.emplace_back();
    kinds[it->second].push_back(layer);
    for (auto [role, format] : signatures[layer])
      families[{role, format}].layers.push_back(layer);
  }

  for (auto it = families.begin(); it != families.end();) {
    // Keys with one role stand together.
    StringRef role = it->first.first;
    auto end = std::find_if(it, families.end(), [&](const auto &entry) {
      return entry.first.first != role;
    });
    bool mixed = std::distance(it, end) > 1;
    for (; it != end; ++it) {
      it->second.name = getSymbol(role);
      if (mixed)
        it->second.name += "." + gguf::getFormat(it->first.second).name.str();
    }
  }
}

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

const gguf::Tensor *Weights::find(StringRef name, ArrayRef<int64_t> shape) {
  const gguf::Tensor *tensor = file.findTensor(name);
  if (!tensor) {
    note(file.makeError("tensor " + gguf::quote(name), "none", "one",
                        "the file is no complete model of its architecture"));
    return nullptr;
  }
  SmallVector<int64_t> dims(reverse(shape));
  if (ArrayRef(dims) != ArrayRef(tensor->dims)) {
    note(file.makeError("tensor " + gguf::quote(name),
                        "shape " + spellShape(tensor->dims),
                        "shape " + spellShape(dims),
                        "the tensors and keys of the file contradict each "
                        "other"));
    return nullptr;
  }
  if (shape.size() == 1 && tensor->format->id != gguf::FormatId::F32) {
    note(file.makeError("tensor " + gguf::quote(name),
                        "a vector in format " + tensor->format->name,
                        "format f32", "convert the model with f32 vectors"));
    return nullptr;
  }
  used.insert(tensor);
  return tensor;
}

FlatSymbolRefAttr Weights::get(StringRef name, ArrayRef<int64_t> shape) {
  std::string symbol = getSymbol(name);
  const gguf::Tensor *tensor = file.findTensor(name);
  bool isNew = !tensor || !used.contains(tensor);
  tensor = find(name, shape);
  if (tensor && isNew)
    tok::WeightOp::create(
        builder, NameLoc::get(builder.getStringAttr(symbol)), symbol,
        /*layers=*/nullptr, getType(*tensor), file.getSourceName(),
        static_cast<int64_t>(tensor->offset));
  return FlatSymbolRefAttr::get(builder.getContext(), symbol);
}

FlatSymbolRefAttr Weights::get(StringRef role, ArrayRef<int64_t> shape,
                               ArrayRef<int64_t> layersOfKind) {
  std::string name = joinName(layersOfKind.front(), role);
  const gguf::Tensor *first = find(name, shape);
  if (!first)
    return FlatSymbolRefAttr::get(builder.getContext(), getSymbol(role));

  auto found = families.find({role, first->format->id});
  if (found == families.end()) {
    note(file.makeError("tensor " + gguf::quote(name),
                        "a format that its layer was not grouped by",
                        "the tensors of a layer under names of their own",
                        "the file is damaged, fetch it again"));
    return FlatSymbolRefAttr::get(builder.getContext(), getSymbol(role));
  }
  Family &family = found->second;
  if (!family.created) {
    family.created = true;
    // All members at once, whatever their kinds: the op has one type.
    SmallVector<int64_t> offsets;
    for (int64_t layer : family.layers) {
      const gguf::Tensor *tensor = find(joinName(layer, role), shape);
      offsets.push_back(tensor ? static_cast<int64_t>(tensor->offset) : 0);
    }
    tok::WeightOp::create(
        builder, NameLoc::get(builder.getStringAttr(family.name)), family.name,
        builder.getDenseI64ArrayAttr(family.layers), getType(*first),
        file.getSourceName(), offsets);
  }
  return FlatSymbolRefAttr::get(builder.getContext(), family.name);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

void Weights::note(Error another) {
  if (error)
    consumeError(std::move(another));
  else
    error = std::move(another);
}

Error Weights::finish() {
  for (const gguf::Tensor &tensor : file.getTensors())
    if (!used.contains(&tensor))
      note(file.makeError("tensor " + gguf::quote(tensor.name), "it",
                          "only tensors that the architecture uses",
                          "this variant of the architecture is not "
                          "supported"));
  return std::move(error);
}
