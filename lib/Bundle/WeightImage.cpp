//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is taken from model files, and the order in which it is packed.
//
//===----------------------------------------------------------------------===//

#include "Panels.h"
#include "SourceRanges.h"
#include "tokopt/Bundle.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace tokopt;
using namespace llvm;

/// Sizes are kept far from overflow, so that sums of a few need no check.
static constexpr int64_t kMaxBytes = int64_t(1) << 62;

//===----------------------------------------------------------------------===//
// Producers
//===----------------------------------------------------------------------===//

WeightProducer::~WeightProducer() = default;

std::optional<int64_t> tokopt::getPackedBytes(Format format, int64_t rows,
                                              int64_t columns) {
  const FormatInfo &info = getFormatInfo(format);
  if (rows <= 0 || columns <= 0 || columns % info.blockColumns != 0)
    return std::nullopt;
  std::optional<int64_t> panelBytes =
      checkedMul(columns / info.blockColumns, info.packedBlockBytes);
  if (!panelBytes)
    return std::nullopt;
  std::optional<int64_t> bytes =
      checkedMul((rows - 1) / kPanelRows + 1, *panelBytes);
  if (!bytes || *bytes > kMaxBytes)
    return std::nullopt;
  return bytes;
}

namespace {

class MatrixProducer : public WeightProducer {
public:
  MatrixProducer(Format format, int64_t rows, int64_t columns,
                 std::shared_ptr<const SourceFile> file,
                 ArrayRef<uint8_t> source, int64_t bytes)
      : format(format), rows(rows), columns(columns), file(std::move(file)),
        source(source), bytes(bytes) {}

  int64_t getBytes() const override { return bytes; }

  Error produce(ByteSink sink) const override {
    const FormatInfo &info = getFormatInfo(format);
    int64_t rowBytes = columns / info.blockColumns * info.sourceBlockBytes;
    auto getRows = [&](int64_t first, int64_t count, const uint8_t **lanes) {
      for (int64_t lane = 0; lane < count; ++lane)
        lanes[lane] = source.data() + (first + lane) * rowBytes;
      return Error::success();
    };
    return packMatrix(format, rows, columns, getRows, sink);
  }

private:
  Format format;
  int64_t rows, columns;
  std::shared_ptr<const SourceFile> file; // keeps `source` mapped
  ArrayRef<uint8_t> source;
  int64_t bytes;
};

class VectorProducer : public WeightProducer {
public:
  VectorProducer(Format format, int64_t elements,
                 std::shared_ptr<const SourceFile> file,
                 ArrayRef<uint8_t> source)
      : format(format), elements(elements), file(std::move(file)),
        source(source) {}

  int64_t getBytes() const override {
    return *getVectorBytes(format, elements);
  }

  Error produce(ByteSink sink) const override {
    return packVector(format, source, sink);
  }

private:
  Format format;
  int64_t elements;
  std::shared_ptr<const SourceFile> file; // keeps `source` mapped
  ArrayRef<uint8_t> source;
};

} // namespace

Expected<std::unique_ptr<WeightProducer>>
tokopt::makeMatrixProducer(Format format, int64_t rows, int64_t columns,
                           SourceRange range) {
  const FormatInfo &info = getFormatInfo(format);
  std::optional<int64_t> bytes = getPackedBytes(format, rows, columns);
  if (!bytes)
    return makeError(range,
                     formatv("cannot pack a matrix of {0} x {1} as {2}: rows "
                             "must be positive, columns a positive multiple of "
                             "{3}, and the whole below 2^62 bytes",
                             rows, columns, info.name, info.blockColumns));
  // No overflow: a row's source is smaller than its share of a panel.
  Expected<ArrayRef<uint8_t>> source = getRangeBytes(
      range, rows * (columns / info.blockColumns) * info.sourceBlockBytes);
  if (!source)
    return source.takeError();
  return std::make_unique<MatrixProducer>(format, rows, columns, range.file,
                                          *source, *bytes);
}

Expected<std::unique_ptr<WeightProducer>>
tokopt::makeVectorProducer(Format format, int64_t elements, SourceRange range) {
  if (format != Format::F32 && format != Format::F16)
    return makeError(range, formatv("a vector must be f32 or f16, but is {0}",
                                    getFormatInfo(format).name));
  if (!getVectorBytes(format, elements))
    return makeError(range, formatv("has {0} elements; a vector must have at "
                                    "least one and less than 2^59",
                                    elements));
  Expected<ArrayRef<uint8_t>> source =
      getRangeBytes(range, elements * getFormatInfo(format).sourceBlockBytes);
  if (!source)
    return source.takeError();
  return std::make_unique<VectorProducer>(format, elements, range.file,
                                          *source);
}

//===----------------------------------------------------------------------===//
// The image
//===----------------------------------------------------------------------===//

Expected<int64_t> WeightImage::addMatrix(Format format, int64_t rows,
                                         int64_t columns, SourceRange range) {
  auto producer = makeMatrixProducer(format, rows, columns, std::move(range));
  if (!producer)
    return producer.takeError();
  return add(std::move(*producer));
}

Expected<int64_t> WeightImage::addVector(int64_t elements, SourceRange range,
                                         Format format) {
  auto producer = makeVectorProducer(format, elements, std::move(range));
  if (!producer)
    return producer.takeError();
  return add(std::move(*producer));
}

Expected<int64_t> WeightImage::add(std::unique_ptr<WeightProducer> producer) {
  int64_t itemBytes = producer->getBytes();
  if (itemBytes < 0 || itemBytes > kMaxBytes - bytes - kWeightAlignment)
    return createStringError(
        inconvertibleErrorCode(),
        formatv("the packed weights exceed 2^62 bytes: {0} bytes cannot be "
                "added to {1}",
                itemBytes, bytes));
  int64_t offset = bytes;
  bytes += alignTo(itemBytes, kWeightAlignment);
  items.emplace_back(offset, std::move(producer));
  return offset;
}

Error WeightImage::produce(ByteSink sink) const {
  static constexpr uint8_t kPadding[kWeightAlignment] = {};
  for (const auto &[offset, producer] : items) {
    int64_t produced = 0;
    auto count = [&](ArrayRef<uint8_t> piece) {
      produced += piece.size();
      return sink(piece);
    };
    if (Error error = producer->produce(count))
      return error;
    int64_t expected = producer->getBytes();
    if (produced != expected)
      return createStringError(
          inconvertibleErrorCode(),
          formatv("the weights at offset {0} came to {1} bytes, but {2} were "
                  "announced when the code was generated",
                  offset, produced, expected));
    int64_t padding = alignTo(expected, kWeightAlignment) - expected;
    if (Error error = sink(ArrayRef(kPadding).take_front(padding)))
      return error;
  }
  return Error::success();
}
