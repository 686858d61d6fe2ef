//===- WeightsOf.cpp - The weights that a module names --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

#include "dialects/Tok/TokOps.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tokopt;

static std::optional<Format> formatOf(mlir::Type element) {
  if (element.isF32())
    return Format::F32;
  if (element.isF16())
    return Format::F16;
  std::string name;
  raw_string_ostream(name) << element; // !tok.q4_1
  return parseFormat(StringRef(name).rsplit('.').second);
}

Expected<std::shared_ptr<const SourceFile>>
tokopt::openSource(StringRef file, StringRef modelPath) {
  SmallString<256> path(file);
  if (sys::path::is_relative(file) && !sys::fs::exists(file)) {
    path = sys::path::parent_path(modelPath);
    sys::path::append(path, file);
  }
  return SourceFile::open(path);
}

Expected<std::unique_ptr<WeightImage>>
tokopt::makeWeightImage(mlir::ModuleOp module, bool packed,
                        StringRef modelPath) {
  struct Member {
    int64_t place;
    tok::WeightOp weight;
    size_t index;
  };
  std::vector<Member> members;
  for (auto weight : module.getOps<tok::WeightOp>()) {
    if (!weight.getImage())
      return createStringError(modelPath + ": tok.weight @" +
                               weight.getSymName() +
                               ": found no place in the image, expected the "
                               "module to be lowered by tok-plan-image");
    for (auto [index, place] : llvm::enumerate(*weight.getImage()))
      members.push_back({place, weight, index});
  }
  llvm::sort(members, [](const Member &a, const Member &b) {
    return a.place < b.place;
  });

  auto image = std::make_unique<WeightImage>();
  StringMap<std::shared_ptr<const SourceFile>> files;
  for (Member &member : members) {
    tok::WeightOp weight = member.weight;
    std::shared_ptr<const SourceFile> &file = files[weight.getFile()];
    if (!file) {
      Expected<std::shared_ptr<const SourceFile>> opened =
          openSource(weight.getFile(), modelPath);
      if (!opened)
        return opened.takeError();
      file = *opened;
    }
    mlir::RankedTensorType type = weight.getTensorType();
    std::optional<Format> format = formatOf(type.getElementType());
    SourceRange range{file,
                      static_cast<uint64_t>(weight.getOffsets()[member.index]),
                      static_cast<uint64_t>(weight.getMemberBytes()),
                      weight.getSymName().str()};
    Expected<int64_t> place = [&]() -> Expected<int64_t> {
      if (!packed) {
        auto producer = makeRawProducer(std::move(range));
        if (!producer)
          return producer.takeError();
        return image->add(std::move(*producer));
      }
      if (type.getRank() == 1)
        return image->addVector(type.getDimSize(0), std::move(range), *format);
      return image->addMatrix(*format, type.getDimSize(0), type.getDimSize(1),
                              std::move(range));
    }();
    if (!place)
      return place.takeError();
    if (*place != member.place)
      return createStringError(
          "tok.weight @" + weight.getSymName() + ": lies at " + Twine(*place) +
          " of the image, but the code was generated for " +
          Twine(member.place) + "; lower the model anew");
  }
  return image;
}
