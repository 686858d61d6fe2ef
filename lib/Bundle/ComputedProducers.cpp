//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Items of the image whose rows are computed while they are written. What the
// packers take from a file for a copied weight, an evaluation gives here; at
// most a panel of rows is held.
//
//===----------------------------------------------------------------------===//

#include "Panels.h"

#include "tokopt/WeightExpression.h"

#include "llvm/Support/FormatVariadic.h"
#include <cstring>

using namespace tokopt;
using namespace llvm;

namespace {

class ComputedMatrixProducer : public WeightProducer {
public:
  ComputedMatrixProducer(WeightExpression expression, int64_t bytes)
      : expression(std::move(expression)), bytes(bytes) {}

  int64_t getBytes() const override { return bytes; }

  Error produce(ByteSink sink) const override {
    WeightExpression::Evaluation evaluation(expression);
    int64_t rowBytes = expression.getRowBytes();
    std::vector<uint8_t> panel(kPanelRows * rowBytes);
    auto getRows = [&](int64_t first, int64_t count,
                       const uint8_t **lanes) -> Error {
      for (int64_t lane = 0; lane < count; ++lane) {
        Expected<ArrayRef<uint8_t>> row = evaluation.computeRow(first + lane);
        if (!row)
          return row.takeError();
        uint8_t *kept = panel.data() + lane * rowBytes;
        std::memcpy(kept, row->data(), rowBytes);
        lanes[lane] = kept;
      }
      return Error::success();
    };
    return packMatrix(expression.getFormat(), expression.getRows(),
                      expression.getColumns(), getRows, sink);
  }

private:
  WeightExpression expression;
  int64_t bytes;
};

class ComputedVectorProducer : public WeightProducer {
public:
  ComputedVectorProducer(WeightExpression expression, int64_t bytes)
      : expression(std::move(expression)), bytes(bytes) {}

  int64_t getBytes() const override { return bytes; }

  Error produce(ByteSink sink) const override {
    WeightExpression::Evaluation evaluation(expression);
    Expected<ArrayRef<uint8_t>> row = evaluation.computeRow(0);
    if (!row)
      return row.takeError();
    return packVector(expression.getFormat(), *row, sink);
  }

private:
  WeightExpression expression;
  int64_t bytes;
};

class ComputedRawProducer : public WeightProducer {
public:
  explicit ComputedRawProducer(WeightExpression expression)
      : expression(std::move(expression)) {}

  int64_t getBytes() const override {
    return expression.getRows() * expression.getRowBytes();
  }

  Error produce(ByteSink sink) const override {
    WeightExpression::Evaluation evaluation(expression);
    for (int64_t row = 0; row < expression.getRows(); ++row) {
      Expected<ArrayRef<uint8_t>> bytes = evaluation.computeRow(row);
      if (!bytes)
        return bytes.takeError();
      if (Error error = sink(*bytes))
        return error;
    }
    return Error::success();
  }

private:
  WeightExpression expression;
};

} // namespace

std::unique_ptr<WeightProducer>
tokopt::makeMatrixProducer(WeightExpression expression) {
  // That it can be packed was checked with its last value.
  int64_t bytes = *getPackedBytes(expression.getFormat(), expression.getRows(),
                                  expression.getColumns());
  return std::make_unique<ComputedMatrixProducer>(std::move(expression), bytes);
}

Expected<std::unique_ptr<WeightProducer>>
tokopt::makeVectorProducer(WeightExpression expression) {
  std::optional<int64_t> bytes =
      getVectorBytes(expression.getFormat(), expression.getColumns());
  if (!bytes || expression.getRows() != 1)
    return createStringError(
        inconvertibleErrorCode(),
        formatv("weight '{0}': expects a vector of f32 or f16, but got {1} x "
                "{2} in {3}",
                expression.getName(), expression.getRows(),
                expression.getColumns(),
                getFormatInfo(expression.getFormat()).name));
  return std::make_unique<ComputedVectorProducer>(std::move(expression),
                                                  *bytes);
}

std::unique_ptr<WeightProducer>
tokopt::makeRawProducer(WeightExpression expression) {
  return std::make_unique<ComputedRawProducer>(std::move(expression));
}
