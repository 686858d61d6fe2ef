//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model files, what is taken from them, and the order in which it is packed.
//
//===----------------------------------------------------------------------===//

#include "Panels.h"
#include "tokopt/Bundle.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstring>

using namespace tokopt;
using namespace llvm;

/// Enough to make a call to the sink cheap, small enough for the L1 cache.
static constexpr int64_t kPieceBytes = 16 * 1024;
/// Sizes are kept far from overflow, so that sums of a few need no check.
static constexpr int64_t kMaxBytes = int64_t(1) << 62;

//===----------------------------------------------------------------------===//
// Model files
//===----------------------------------------------------------------------===//

SourceFile::SourceFile(StringRef path, std::unique_ptr<MemoryBuffer> buffer)
    : path(path), buffer(std::move(buffer)) {}

Expected<std::shared_ptr<const SourceFile>> SourceFile::open(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError(), "%s: cannot read: %s",
                             path.str().c_str(),
                             buffer.getError().message().c_str());
  return std::shared_ptr<const SourceFile>(
      new SourceFile(path, std::move(*buffer)));
}

ArrayRef<uint8_t> SourceFile::getBytes() const {
  StringRef contents = buffer->getBuffer();
  return ArrayRef(contents.bytes_begin(), contents.size());
}

static Error makeError(const SourceRange &range, const Twine &message) {
  StringRef file = range.file ? range.file->getPath() : "<no file>";
  return createStringError(inconvertibleErrorCode(),
                           file + ": tensor '" + range.name + "': " + message);
}

/// The bytes of `range`, which must be as many as its shape needs and lie in
/// the file.
static Expected<ArrayRef<uint8_t>> getRangeBytes(const SourceRange &range,
                                                 int64_t expected) {
  if (range.bytes != static_cast<uint64_t>(expected))
    return makeError(range, formatv("has {0} bytes of data, but its type and "
                                    "shape need {1}; the file is damaged",
                                    range.bytes, expected));
  uint64_t fileBytes = range.file ? range.file->getBytes().size() : 0;
  if (range.offset > fileBytes || range.bytes > fileBytes - range.offset)
    return makeError(range,
                     formatv("its data, {0} bytes at offset {1}, goes past the "
                             "end of the file ({2} bytes); the file is cut off "
                             "or is not the one that was imported",
                             range.bytes, range.offset, fileBytes));
  return range.file->getBytes().slice(range.offset, range.bytes);
}

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
    PackPanel pack = getPackPanel(format);
    int64_t blocks = columns / info.blockColumns;
    int64_t rowBytes = blocks * info.sourceBlockBytes;
    int64_t pieceBlocks =
        std::clamp<int64_t>(kPieceBytes / info.packedBlockBytes, 1, blocks);
    std::vector<uint8_t> piece(pieceBlocks * info.packedBlockBytes);
    // What stands in for the rows that fill the last panel.
    std::vector<uint8_t> zeroes(pieceBlocks * info.sourceBlockBytes);

    for (int64_t panel = 0; panel < rows; panel += kPanelRows) {
      for (int64_t block = 0; block < blocks; block += pieceBlocks) {
        const uint8_t *pointers[kPanelRows];
        for (int64_t lane = 0; lane < kPanelRows; ++lane) {
          int64_t row = panel + lane;
          pointers[lane] = row < rows ? source.data() + row * rowBytes +
                                            block * info.sourceBlockBytes
                                      : zeroes.data();
        }
        int64_t count = std::min(pieceBlocks, blocks - block);
        pack(pointers, count, piece.data());
        if (Error error =
                sink(ArrayRef(piece).take_front(count * info.packedBlockBytes)))
          return error;
      }
    }
    return Error::success();
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
    return alignTo(elements, kPanelRows) * sizeof(float);
  }

  Error produce(ByteSink sink) const override {
    std::vector<uint8_t> piece;
    for (int64_t first = 0; first < elements; first += kPieceBytes / 4) {
      int64_t count = std::min(elements - first, kPieceBytes / 4);
      piece.assign(alignTo(count, kPanelRows) * sizeof(float), 0);
      if (format == Format::F32)
        std::memcpy(piece.data(), source.data() + first * 4, count * 4);
      else
        for (int64_t i = 0; i < count; ++i)
          support::endian::write32le(piece.data() + i * 4,
                                     widen(source.data() + (first + i) * 2));
      if (Error error = sink(piece))
        return error;
    }
    return Error::success();
  }

private:
  /// The bits of the f16 at `half` as f32.
  static uint32_t widen(const uint8_t *half) {
    APFloat value(APFloat::IEEEhalf(),
                  APInt(16, support::endian::read16le(half)));
    bool exact;
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &exact);
    return value.bitcastToAPInt().getZExtValue();
  }

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
  if (elements <= 0 || elements > kMaxBytes / 8)
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
