//===- WeightExpression.h - Weights that are computed -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `tok.weight` with a region, for a bundle: how one tensor is computed from
// ranges of model files. Every op works row by row, so an expression of any
// size is evaluated with the memory of a few rows while the bundle is written.
//
// Nothing here depends on MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_WEIGHTEXPRESSION_H
#define TOKOPT_WEIGHTEXPRESSION_H

#include "tokopt/Bundle.h"

#include <functional>

namespace tokopt {

/// Values in the order in which they are computed; one of them is the weight. A
/// vector is a matrix of one row, and an operand of one row is the same for all
/// rows of a result.
class WeightExpression {
public:
  /// The number of a value.
  using Value = size_t;

  /// `name` is the weight's, for messages.
  explicit WeightExpression(std::string name) : name(std::move(name)) {}

  /// Add a value that is computed from earlier ones. Fail if the range does
  /// not fit the shape or lies outside its file, or if the operands do not fit
  /// the op. What each computes is the definition of the `tok` op of its name.
  llvm::Expected<Value> addSource(Format format, int64_t rows, int64_t columns,
                                  SourceRange range);
  llvm::Expected<Value> addDequantize(Value input);
  llvm::Expected<Value> addQuantize(Value input, Format format);
  llvm::Expected<Value> addScaleColumns(Value matrix, Value scale);

  /// Says which value the weight is; else it is the one that was added last.
  void setResult(Value value) { result = value; }

  const std::string &getName() const { return name; }
  /// Of the weight. At least one value must have been added.
  Format getFormat() const { return steps[result].format; }
  int64_t getRows() const { return steps[result].rows; }
  int64_t getColumns() const { return steps[result].columns; }
  /// Bytes of a row in the layout of model files.
  int64_t getRowBytes() const { return steps[result].getRowBytes(); }

  /// The rows of one evaluation. They are asked for in ascending order.
  class Evaluation {
  public:
    explicit Evaluation(const WeightExpression &expression);

    /// The bytes of a row in the layout of model files, until the next call.
    /// Fails if a value has no number in its format.
    llvm::Expected<llvm::ArrayRef<uint8_t>> computeRow(int64_t row);

  private:
    const WeightExpression &expression;
    std::vector<std::vector<uint8_t>> rows;
  };

private:
  /// Writes one row from those of the operands, or says why it cannot.
  using Compute = std::function<llvm::Error(
      int64_t row, llvm::ArrayRef<const uint8_t *> operands, uint8_t *out)>;

  struct Step {
    Format format;
    int64_t rows, columns;
    llvm::SmallVector<Value, 2> operands;
    Compute compute;

    int64_t getRowBytes() const;
  };

  llvm::Expected<Value> add(Step step);

  std::string name;
  std::vector<Step> steps;
  Value result = 0;
};

/// The weight as a matrix, packed R16K4.
std::unique_ptr<WeightProducer> makeMatrixProducer(WeightExpression expression);
/// The weight as a vector of f32, zero-filled to a multiple of 16. Fails if it
/// is none of f32 or f16.
llvm::Expected<std::unique_ptr<WeightProducer>>
makeVectorProducer(WeightExpression expression);
/// The weight's bytes in the layout of model files.
std::unique_ptr<WeightProducer> makeRawProducer(WeightExpression expression);

} // namespace tokopt

#endif // TOKOPT_WEIGHTEXPRESSION_H
