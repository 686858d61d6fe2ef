//===- Config.cpp - What a template reads of its kernel -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"

using namespace mlir;
using namespace tokopt;

int64_t kernels::rowBytes(Type memref) {
  auto type = cast<MemRefType>(memref);
  return llvm::alignTo(type.getDimSize(1) * type.getElementTypeBitWidth() / 8,
                       64);
}

int64_t kernels::columnsOf(Type memref) {
  return cast<MemRefType>(memref).getDimSize(1);
}

int64_t kernels::configInt(tok::KernelOp op, StringRef name) {
  return op.getConfig().getAs<IntegerAttr>(name).getInt();
}

StringRef kernels::configName(tok::KernelOp op, StringRef name) {
  auto attribute = op.getConfig().getAs<StringAttr>(name);
  return attribute ? attribute.getValue() : StringRef();
}

double kernels::configFloat(tok::KernelOp op, StringRef name) {
  return op.getConfig().getAs<FloatAttr>(name).getValueAsDouble();
}

DictionaryAttr kernels::extendConfig(tok::KernelOp op,
                                     ArrayRef<NamedAttribute> entries) {
  NamedAttrList list(op.getConfig());
  for (NamedAttribute entry : entries)
    list.set(entry.getName(), entry.getValue());
  return list.getDictionary(op.getContext());
}

DictionaryAttr
kernels::completeConfig(tok::KernelOp op,
                        ArrayRef<std::pair<StringRef, int64_t>> choices) {
  Builder builder(op.getContext());
  SmallVector<NamedAttribute> entries;
  for (auto [name, value] : choices)
    if (!op.getConfig().contains(name))
      entries.push_back(
          builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  return extendConfig(op, entries);
}
