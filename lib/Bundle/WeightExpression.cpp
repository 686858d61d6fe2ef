//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/WeightExpression.h"

#include "Blocks.h"
#include "SourceRanges.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstring>

using namespace tokopt;
using namespace llvm;
using support::endian::read32le;
using support::endian::write32le;

/// Values of a row are kept as in a file of f32: little-endian, anywhere.
static float getValue(const uint8_t *row, int64_t column) {
  return bit_cast<float>(read32le(row + 4 * column));
}
static void putValue(uint8_t *row, int64_t column, float value) {
  write32le(row + 4 * column, bit_cast<uint32_t>(value));
}

/// More than any block has.
static constexpr int64_t kMaxBlock = 256;

int64_t WeightExpression::Step::getRowBytes() const {
  const FormatInfo &info = getFormatInfo(format);
  return columns / info.blockColumns * info.sourceBlockBytes;
}

static Error makeWeightError(StringRef name, const Twine &message) {
  return createStringError(inconvertibleErrorCode(),
                           "weight '" + name + "': " + message);
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

Expected<WeightExpression::Value> WeightExpression::add(Step step) {
  const FormatInfo &info = getFormatInfo(step.format);
  if (step.rows <= 0 || step.columns <= 0 || step.columns % info.blockColumns)
    return makeWeightError(
        name, formatv("expects positive rows, and columns of a positive "
                      "multiple of {0} for {1}, but got {2} x {3}",
                      info.blockColumns, info.name, step.rows, step.columns));
  // A packed matrix is larger than a row and than the whole in a file.
  if (!getPackedBytes(step.format, step.rows, step.columns))
    return makeWeightError(
        name, formatv("expects less than 2^62 bytes, but {0} x {1} in "
                      "{2} have more",
                      step.rows, step.columns, info.name));
  steps.push_back(std::move(step));
  return result = steps.size() - 1;
}

Expected<WeightExpression::Value>
WeightExpression::addSource(Format format, int64_t rows, int64_t columns,
                            SourceRange range) {
  Step step{format, rows, columns, {}, nullptr};
  Expected<Value> value = add(step);
  if (!value)
    return value;
  int64_t rowBytes = step.getRowBytes();
  Expected<ArrayRef<uint8_t>> bytes = getRangeBytes(range, rows * rowBytes);
  if (!bytes)
    return bytes.takeError();
  steps.back().compute = [file = range.file, bytes = *bytes,
                          rowBytes](int64_t row, ArrayRef<const uint8_t *>,
                                    uint8_t *out) {
    std::memcpy(out, bytes.data() + row * rowBytes, rowBytes);
    return Error::success();
  };
  return value;
}

Expected<WeightExpression::Value> WeightExpression::addDequantize(Value input) {
  const Step &from = steps[input];
  const FormatInfo &info = getFormatInfo(from.format);
  DecodeBlock decode = getDecodeBlock(from.format);
  auto compute = [&info, decode, blocks = from.columns / info.blockColumns](
                     int64_t, ArrayRef<const uint8_t *> operands,
                     uint8_t *out) {
    float values[kMaxBlock];
    for (int64_t block = 0; block < blocks; ++block) {
      decode(operands[0] + block * info.sourceBlockBytes, values);
      for (int64_t i = 0; i < info.blockColumns; ++i)
        putValue(out, block * info.blockColumns + i, values[i]);
    }
    return Error::success();
  };
  return add({Format::F32, from.rows, from.columns, {input}, compute});
}

/// Why a block has no numbers in a format.
static std::string describeBlock(const float *values, int64_t count,
                                 StringRef format) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(values[i]))
      return "found a NaN";
    most = std::max(most, std::fabs(values[i]));
  }
  if (format == "f16" || format == "bf16")
    return formatv("found a magnitude of {0:e}, too large for {1}", most,
                   format);
  return formatv("found a magnitude of {0:e}, too large for the f16 scales of "
                 "{1}",
                 most, format);
}

Expected<WeightExpression::Value> WeightExpression::addQuantize(Value input,
                                                                Format format) {
  const Step &from = steps[input];
  const FormatInfo &info = getFormatInfo(format);
  EncodeBlock encode = getEncodeBlock(format);
  if (!encode)
    return makeWeightError(
        name, formatv("cannot be rounded to {0}, whose scales are found "
                      "by a search",
                      info.name));
  if (from.format != Format::F32)
    return makeWeightError(name,
                           formatv("expects f32 to round to {0}, but got {1}",
                                   info.name, getFormatInfo(from.format).name));
  // Not `this`: expressions are moved.
  auto compute = [name = name, &info, encode,
                  blocks = from.columns / info.blockColumns](
                     int64_t row, ArrayRef<const uint8_t *> operands,
                     uint8_t *out) -> Error {
    float values[kMaxBlock];
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t first = block * info.blockColumns;
      for (int64_t i = 0; i < info.blockColumns; ++i)
        values[i] = getValue(operands[0], first + i);
      if (!encode(values, out + block * info.sourceBlockBytes))
        return makeWeightError(
            name,
            formatv(
                "row {0}, from column {1} on: cannot be rounded to {2}: {3}; "
                "quantize it to f32, or scale it first",
                row, first, info.name,
                describeBlock(values, info.blockColumns, info.name)));
    }
    return Error::success();
  };
  return add({format, from.rows, from.columns, {input}, compute});
}

Expected<WeightExpression::Value>
WeightExpression::addScaleColumns(Value matrix, Value scale) {
  const Step &from = steps[matrix], &factors = steps[scale];
  if (from.format != Format::F32 || factors.format != Format::F32 ||
      factors.rows != 1 || factors.columns != from.columns)
    return makeWeightError(
        name, formatv("expects f32 and an f32 for each of its {0} columns to "
                      "scale, but got "
                      "{1} x {2} in {3} and {4} x {5} in {6}",
                      from.columns, from.rows, from.columns,
                      getFormatInfo(from.format).name, factors.rows,
                      factors.columns, getFormatInfo(factors.format).name));
  auto compute = [columns = from.columns](int64_t,
                                          ArrayRef<const uint8_t *> operands,
                                          uint8_t *out) {
    for (int64_t i = 0; i < columns; ++i)
      putValue(out, i,
               settle(settle(getValue(operands[0], i)) *
                      settle(getValue(operands[1], i))));
    return Error::success();
  };
  return add({Format::F32, from.rows, from.columns, {matrix, scale}, compute});
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

WeightExpression::Evaluation::Evaluation(const WeightExpression &expression)
    : expression(expression), rows(expression.steps.size()) {
  // What the weight does not depend on is not computed.
  std::vector<bool> needed(expression.steps.size());
  needed[expression.result] = true;
  for (size_t number = expression.steps.size(); number-- > 0;)
    if (needed[number]) {
      rows[number].resize(expression.steps[number].getRowBytes());
      for (Value operand : expression.steps[number].operands)
        needed[operand] = true;
    }
}

Expected<ArrayRef<uint8_t>>
WeightExpression::Evaluation::computeRow(int64_t row) {
  SmallVector<const uint8_t *> operands;
  for (auto [number, step] : llvm::enumerate(expression.steps)) {
    // The one row of a vector stays what it was at the first.
    if (rows[number].empty() || (step.rows == 1 && row > 0))
      continue;
    operands.clear();
    for (Value operand : step.operands)
      operands.push_back(rows[operand].data());
    if (Error error = step.compute(row, operands, rows[number].data()))
      return error;
  }
  return ArrayRef(rows[expression.result]);
}
