//===- CacheLayout.cpp - How the reference backend stores a cache ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheLayout.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

static constexpr int64_t kMostBytes = int64_t(1) << 62;

int64_t reference::getPlaneBytes(ArrayRef<int64_t> shape, Type element) {
  uint64_t bytes = element.getIntOrFloatBitWidth() / 8;
  for (int64_t size : shape.drop_front())
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size);
  return llvm::alignTo(std::min<uint64_t>(bytes, kMostBytes), 64);
}

CacheLayout::CacheLayout(tok::CacheType type) : pageBytes(0) {
  MLIRContext *context = type.getContext();
  int64_t layers = type.getLayers().size(), heads = type.getHeads(),
          slots = type.getPage();
  auto addPlane = [&](ArrayRef<int64_t> inner, Type element) {
    SmallVector<int64_t> shape = {ShapedType::kDynamic, layers, heads};
    llvm::append_range(shape, inner);
    planes.push_back({RankedTensorType::get(shape, element), pageBytes});
    pageBytes = std::min(kMostBytes,
                         pageBytes + std::min(kMostBytes - pageBytes,
                                              getPlaneBytes(shape, element)));
  };
  Type scale = Float32Type::get(context);
  addPlane({type.getKSize(), slots}, type.getKType());
  addPlane({slots, type.getVSize()}, type.getVType());
  if (type.getKType().isInteger())
    addPlane({slots}, scale);
  if (type.getVType().isInteger())
    addPlane({slots}, scale);
  table = RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                                IntegerType::get(context, 32));
}

CacheParts::CacheParts(tok::CacheType type, ValueRange parts)
    : keys(parts[0]), values(parts[1]), table(parts.back()) {
  unsigned next = 2;
  if (type.getKType().isInteger())
    keyScales = parts[next++];
  if (type.getVType().isInteger())
    valueScales = parts[next++];
}

SmallVector<Value> CacheParts::pack() const {
  SmallVector<Value> parts = {keys, values};
  if (keyScales)
    parts.push_back(keyScales);
  if (valueScales)
    parts.push_back(valueScales);
  parts.push_back(table);
  return parts;
}

void reference::getCachePartTypes(tok::CacheType type,
                                  SmallVectorImpl<Type> &types) {
  CacheLayout layout(type);
  for (const CachePlane &plane : layout.planes)
    types.push_back(plane.type);
  types.push_back(layout.table);
}
