//===- WeightOps.cpp - Families of weights --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Ranges.h"
#include "dialects/Tok/TokOps.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tokopt::tok;

int64_t WeightOp::getMemberBytes() {
  RankedTensorType type = getTensorType();
  return type.getNumElements() / getBlock(type.getElementType()) *
         getBlockBytes(type.getElementType());
}

int64_t WeightOp::getMember(int64_t layer) {
  std::optional<ArrayRef<int64_t>> layers = getLayers();
  if (!layers)
    return 0;
  const auto *found = llvm::lower_bound(*layers, layer);
  return found != layers->end() && *found == layer ? found - layers->begin()
                                                   : -1;
}

LogicalResult WeightOp::verify() {
  RankedTensorType type = getTensorType();
  Type element = type.getElementType();
  if (!isWeightElement(element))
    return emitOpError("expects a weight format, f16 or f32, but got ")
           << element;
  if (type.getRank() < 1 || type.getRank() > 2 || !type.hasStaticShape())
    return emitOpError("expects a static vector or matrix, but got ") << type;
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    if (size <= 0 || llvm::MulOverflow(elements, size, elements) ||
        elements > (int64_t(1) << 48))
      return emitOpError(
                 "expects positive sizes of at most 2^48 elements, but got ")
             << type;
  if (type.getShape().back() % getBlock(element))
    return emitOpError("expects rows of a multiple of ")
           << getBlock(element) << " values, but got "
           << type.getShape().back();
  size_t members = getLayers() ? getLayers()->size() : 1;
  if (getOffsets().size() != members)
    return emitOpError("expects ")
           << members << " offsets, but got " << getOffsets().size();
  if (getImage() && getImage()->size() != members)
    return emitOpError("expects ")
           << members << " places in the image, but got " << getImage()->size();
  if (getLayers() &&
      (getLayers()->empty() ||
       !llvm::is_sorted(*getLayers(), std::less_equal<int64_t>()) ||
       getLayers()->front() < 0 || getLayers()->back() >= kMaxLayers))
    return emitOpError("expects ascending layers from 0 to ") << kMaxLayers - 1;
  for (int64_t offset : getOffsets())
    if (offset < 0)
      return emitOpError("expects offsets of at least 0, but got ") << offset;
  return success();
}
