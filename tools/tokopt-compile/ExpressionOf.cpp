//===- ExpressionOf.cpp - Weights that a module computes ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The region of a tok.weight, op by op, as the bundler evaluates it. The
// families that it names are part of it: what computes them is added where
// they are read.
//
//===----------------------------------------------------------------------===//

#include "ExpressionOf.h"

#include "Compile.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace llvm;
using namespace tokopt;

Expected<Format> tokopt::getFormat(tok::WeightOp weight,
                                   mlir::RankedTensorType type) {
  mlir::Type element = type.getElementType();
  std::string name;
  raw_string_ostream(name) << element; // f32 or !tok.q4_1
  StringRef last = StringRef(name).rsplit('.').second;
  if (std::optional<Format> format = parseFormat(last.empty() ? name : last))
    return *format;
  return createStringError("tok.weight @" + weight.getSymName() +
                           ": found elements of " + name +
                           ", which the bundler does not know; expected a "
                           "format of docs/bundle.md");
}

Expected<SourceRange> SourceFiles::getRange(tok::WeightOp weight,
                                            size_t member) {
  std::shared_ptr<const SourceFile> &file = files[weight.getFile()];
  if (!file) {
    auto opened = openSource(weight.getFile(), modelPath);
    if (!opened)
      return opened.takeError();
    file = *opened;
  }
  return SourceRange{file, static_cast<uint64_t>(weight.getOffsets()[member]),
                     static_cast<uint64_t>(weight.getSourceBytes()),
                     weight.getSymName().str()};
}

namespace {

/// Adds the values of one member's expression.
class ExpressionBuilder {
public:
  ExpressionBuilder(WeightExpression &expression, SourceFiles &files)
      : expression(expression), files(files) {}

  using Number = WeightExpression::Value;

  /// The member itself. Families are at most some tens deep (tok.weight's
  /// verifier), and each member is added once, however many read it.
  Expected<Number> add(tok::WeightOp weight, size_t member) {
    auto [known, isNew] = members.try_emplace({weight, member}, 0);
    if (!isNew)
      return known->second;
    Expected<Number> number = weight.hasExpression()
                                  ? addRegion(weight, member)
                                  : addSource(weight, member);
    if (number)
      members[{weight, member}] = *number;
    return number;
  }

private:
  Expected<Number> addSource(tok::WeightOp weight, size_t member) {
    auto range = files.getRange(weight, member);
    if (!range)
      return range.takeError();
    mlir::RankedTensorType type = weight.getSourceTensorType();
    auto format = getFormat(weight, type);
    if (!format)
      return format.takeError();
    return expression.addSource(*format,
                                type.getRank() == 1 ? 1 : type.getDimSize(0),
                                type.getShape().back(), std::move(*range));
  }

  Expected<Number> addRegion(tok::WeightOp weight, size_t member) {
    mlir::Block &block = weight.getExpression().front();
    DenseMap<mlir::Value, Number> numbers;
    auto source = addSource(weight, member);
    if (!source)
      return source;
    numbers[block.getArgument(0)] = *source;
    for (auto [index, symbol] : llvm::enumerate(weight.getFamilySymbols())) {
      auto family = mlir::SymbolTable::lookupNearestSymbolFrom<tok::WeightOp>(
          weight, symbol);
      int64_t layer = weight.getLayers() ? (*weight.getLayers())[member] : 0;
      auto number = add(family, family.getMember(layer));
      if (!number)
        return number;
      numbers[block.getArgument(1 + index)] = *number;
    }
    for (mlir::Operation &op : block.without_terminator()) {
      auto number = addOp(op, [&](mlir::Value v) { return numbers.lookup(v); });
      if (!number)
        return number;
      numbers[op.getResult(0)] = *number;
    }
    return numbers.lookup(block.getTerminator()->getOperand(0));
  }

  Expected<Number> addOp(mlir::Operation &op,
                         function_ref<Number(mlir::Value)> number) {
    return TypeSwitch<mlir::Operation *, Expected<Number>>(&op)
        .Case([&](tok::DequantizeOp op) {
          return expression.addDequantize(number(op.getInput()));
        })
        .Case([&](tok::QuantizeOp op) -> Expected<Number> {
          auto format = getFormat(op->getParentOfType<tok::WeightOp>(),
                                  op.getOutput().getType());
          if (!format)
            return format.takeError();
          return expression.addQuantize(number(op.getInput()), *format);
        })
        .Case([&](tok::ScaleColumnsOp op) {
          return expression.addScaleColumns(number(op.getInput()),
                                            number(op.getScale()));
        })
        .Default([&](mlir::Operation *op) {
          return createStringError("tok.weight @" + expression.getName() +
                                   ": the bundler cannot evaluate " +
                                   op->getName().getStringRef());
        });
  }

  WeightExpression &expression;
  SourceFiles &files;
  DenseMap<std::pair<mlir::Operation *, size_t>, Number> members;
};

} // namespace

Expected<WeightExpression> tokopt::makeExpression(tok::WeightOp weight,
                                                  size_t member,
                                                  SourceFiles &files) {
  WeightExpression expression(weight.getSymName().str());
  auto result = ExpressionBuilder(expression, files).add(weight, member);
  if (!result)
    return result.takeError();
  expression.setResult(*result);
  return expression;
}
