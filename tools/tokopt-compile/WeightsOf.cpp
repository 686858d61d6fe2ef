//===- WeightsOf.cpp - The weights that a module names --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "ExpressionOf.h"

#include "dialects/Tok/TokOps.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tokopt;

Expected<std::shared_ptr<const SourceFile>>
tokopt::openSource(StringRef file, StringRef modelPath) {
  // Never in the current folder: a file of that name there may be another's.
  bool isRelative = sys::path::is_relative(file);
  SmallString<256> path(isRelative ? sys::path::parent_path(modelPath) : "");
  sys::path::append(path, file);
  auto source = SourceFile::open(path);
  if (source)
    return source;
  return createStringError(
      modelPath + ": weights of '" + file +
      "': " + toString(source.takeError()) +
      (isRelative ? "; a relative path counts from the module's folder: keep "
                    "the two together, or change the path in the module"
                  : "; put the file there, or change the path in the module"));
}

/// A weight as it stands in its file.
static Expected<std::unique_ptr<WeightProducer>>
copyMember(tok::WeightOp weight, size_t member, bool packed,
           SourceFiles &files) {
  mlir::RankedTensorType type = weight.getTensorType();
  auto range = files.getRange(weight, member);
  if (!range)
    return range.takeError();
  if (!packed)
    return makeRawProducer(std::move(*range));
  auto format = getFormat(weight, type);
  if (!format)
    return format.takeError();
  if (type.getRank() == 1)
    return makeVectorProducer(*format, type.getDimSize(0), std::move(*range));
  return makeMatrixProducer(*format, type.getDimSize(0), type.getDimSize(1),
                            std::move(*range));
}

/// A weight that is computed.
static Expected<std::unique_ptr<WeightProducer>>
computeMember(tok::WeightOp weight, size_t member, bool packed,
              SourceFiles &files) {
  auto expression = makeExpression(weight, member, files);
  if (!expression)
    return expression.takeError();
  if (!packed)
    return makeRawProducer(std::move(*expression));
  if (weight.getTensorType().getRank() == 1)
    return makeVectorProducer(std::move(*expression));
  return makeMatrixProducer(std::move(*expression));
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
  llvm::DenseSet<mlir::StringAttr> named;
  for (auto weight : module.getOps<tok::WeightOp>())
    for (mlir::FlatSymbolRefAttr symbol : weight.getFamilySymbols())
      named.insert(symbol.getAttr());
  for (auto weight : module.getOps<tok::WeightOp>()) {
    // What only expressions read has no place, and its readers are lowered.
    if (!weight.getImage() && named.contains(weight.getSymNameAttr()))
      continue;
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
  SourceFiles files(modelPath);
  for (Member &member : members) {
    tok::WeightOp weight = member.weight;
    auto producer = (weight.hasExpression() ? computeMember : copyMember)(
        weight, member.index, packed, files);
    if (!producer)
      return producer.takeError();
    Expected<int64_t> place = image->add(std::move(*producer));
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
