//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that are not packed: the reference backend reads the model file's own
// blocks.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Bundle.h"

#include "llvm/Support/FormatVariadic.h"

using namespace tokopt;
using namespace llvm;

namespace {

class RawProducer : public WeightProducer {
public:
  explicit RawProducer(SourceRange range) : range(std::move(range)) {}

  int64_t getBytes() const override {
    return static_cast<int64_t>(range.bytes);
  }
  Error produce(ByteSink sink) const override {
    return sink(range.file->getBytes().slice(range.offset, range.bytes));
  }

private:
  SourceRange range;
};

} // namespace

Expected<std::unique_ptr<WeightProducer>>
tokopt::makeRawProducer(SourceRange range) {
  uint64_t fileBytes = range.file ? range.file->getBytes().size() : 0;
  if (range.offset > fileBytes || range.bytes > fileBytes - range.offset)
    return createStringError(
        inconvertibleErrorCode(),
        formatv("{0}: tensor '{1}': its data, {2} bytes at offset {3}, goes "
                "past the end of the file ({4} bytes); the file is cut off or "
                "is not the one that was imported",
                range.file ? range.file->getPath() : "<no file>", range.name,
                range.bytes, range.offset, fileBytes));
  return std::make_unique<RawProducer>(std::move(range));
}
