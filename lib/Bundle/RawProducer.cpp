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

#include "SourceRanges.h"

using namespace tokopt;
using namespace llvm;

namespace {

class RawProducer : public WeightProducer {
public:
  RawProducer(std::shared_ptr<const SourceFile> file, ArrayRef<uint8_t> source)
      : file(std::move(file)), source(source) {}

  int64_t getBytes() const override {
    return static_cast<int64_t>(source.size());
  }
  Error produce(ByteSink sink) const override { return sink(source); }

private:
  std::shared_ptr<const SourceFile> file; // keeps `source` mapped
  ArrayRef<uint8_t> source;
};

} // namespace

Expected<std::unique_ptr<WeightProducer>>
tokopt::makeRawProducer(SourceRange range) {
  Expected<ArrayRef<uint8_t>> source =
      getRangeBytes(range, static_cast<int64_t>(range.bytes));
  if (!source)
    return source.takeError();
  return std::make_unique<RawProducer>(range.file, *source);
}
