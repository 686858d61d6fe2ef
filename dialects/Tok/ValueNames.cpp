//===- ValueNames.cpp - What the values of a model are called -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/ValueNames.h"

#include "dialects/Tok/TokOps.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tokopt::tok;

static constexpr size_t kMostCharacters = 128;

static bool isPlain(char c) {
  return llvm::isAlnum(c) || c == '.' || c == '-' || c == '_';
}

bool tokopt::tok::isValueName(StringRef name) {
  return !name.empty() && name.size() <= kMostCharacters && name[0] != '.' &&
         llvm::all_of(name, isPlain);
}

std::string tokopt::tok::makeProbeLabel(StringRef text) {
  constexpr size_t kMost = 1024;
  std::string label = text.take_front(kMost).str();
  for (char &c : label)
    if (!llvm::isPrint(c))
      c = '_';
  return label;
}

bool tokopt::tok::isNamedValue(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (!type || !op || type.getRank() < 1 || type.getRank() > 3 ||
      !type.isDynamicDim(0) || type.getNumDynamicDims() > 1 ||
      !(type.getElementType().isF32() || type.getElementType().isInteger(32)))
    return false;
  // A stack hands on what its last layer computed; sums over rows have
  // sequences in the place of rows.
  auto attention = dyn_cast<AttentionOp>(op);
  if (isa<StackOp>(op) || (attention && value == attention.getKeyMass()))
    return false;
  return isa<TokDialect>(op->getDialect()) ||
         op->hasTrait<OpTrait::Elementwise>();
}

/// `text` with every character that names do not have as `_`.
static std::string makePlain(StringRef text) {
  // Leaves room for the number of a name that is taken.
  std::string plain = text.ltrim('.').take_front(kMostCharacters - 16).str();
  for (char &c : plain)
    if (!isPlain(c))
      c = '_';
  return plain.empty() ? "_" : plain;
}

/// The name of `result`, which another may have.
static std::string describe(OpResult result,
                            const llvm::DenseMap<Value, std::string> &names) {
  Operation *op = result.getOwner();
  if (auto user = dyn_cast<WeightUserInterface>(op))
    if (auto symbols = user.getWeightSymbols(); !symbols.empty())
      return symbols.front().getValue().str();
  std::string own = op->getName().stripDialect().str();
  if (auto attention = dyn_cast<AttentionOp>(op)) {
    if (result == attention.getOutput())
      return own;
    return own + (result == attention.getLse() ? ".lse" : ".window_probs");
  }
  // Of several, the subject is what was computed last: x + W y is about W y.
  Operation *latest = nullptr;
  std::string subject;
  for (Value operand : op->getOperands()) {
    auto found = names.find(operand);
    Operation *producer = operand.getDefiningOp();
    if (found == names.end() || (latest && producer->isBeforeInBlock(latest)))
      continue;
    latest = producer;
    subject = found->second + ".";
  }
  return subject + own;
}

llvm::DenseMap<Value, std::string>
tokopt::tok::nameValues(func::FuncOp function) {
  llvm::DenseMap<Value, std::string> names;
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return names;
  Block &block = function.getBody().front();
  llvm::StringSet<> taken;
  auto give = [&](Value value, const std::string &text) {
    std::string plain = makePlain(text), name = plain;
    for (int64_t number = 2; !taken.insert(name).second; ++number)
      name = plain + "." + std::to_string(number);
    names[value] = name;
  };
  // Slots come first: they are the caller's.
  if (auto terminator = dyn_cast<func::ReturnOp>(block.getTerminator()))
    for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
      auto slot =
          function.getResultAttrOfType<StringAttr>(index, kSlotAttrName);
      if (slot && isNamedValue(value) && !names.contains(value))
        give(value, slot.getValue().str());
    }
  for (Operation &op : block)
    for (OpResult result : op.getResults())
      if (isNamedValue(result) && !names.contains(result))
        give(result, describe(result, names));
  return names;
}
