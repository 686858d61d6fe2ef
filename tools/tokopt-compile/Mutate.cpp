//===- Mutate.cpp - Breaks kernels on purpose -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test that compares numbers is worth what it notices. This makes the mistake
// that a template could make, a wrong constant, so that a test can show that it
// is noticed.
//
//===----------------------------------------------------------------------===//

#include "Mutate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace mlir;

/// The value of an f32 constant that is the same in every lane.
static std::optional<float> valueOf(arith::ConstantOp constant) {
  if (!getElementTypeOrSelf(constant.getType()).isF32())
    return std::nullopt;
  if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
    return splat.getSplatValue<float>();
  if (auto scalar = dyn_cast<FloatAttr>(constant.getValue()))
    return scalar.getValue().convertToFloat();
  return std::nullopt;
}

static void setValue(arith::ConstantOp constant, double value) {
  Type type = constant.getType();
  TypedAttr attribute = FloatAttr::get(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attribute = DenseElementsAttr::get(shaped, Attribute(attribute));
  constant.setValueAttr(attribute);
}

std::string tokopt::mutateConstants(ModuleOp module, const Mutation &mutation) {
  bool byValue = mutation.kind == Mutation::Kind::Value;
  SmallVector<arith::ConstantOp> constants;
  module.walk([&](arith::ConstantOp constant) {
    std::optional<float> value = valueOf(constant);
    if (value &&
        (byValue ? *value == static_cast<float>(mutation.which) : *value != 0))
      constants.push_back(constant);
  });
  if (constants.empty())
    return {};
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (byValue) {
    for (arith::ConstantOp constant : constants)
      setValue(constant, mutation.by);
    stream << llvm::format("%g -> %g in ", mutation.which, mutation.by)
           << constants.size() << " places";
    return text;
  }
  size_t count = constants.size();
  auto place = static_cast<size_t>(mutation.which * static_cast<double>(count));
  arith::ConstantOp constant = constants[std::min(place, count - 1)];
  double value = *valueOf(constant);
  setValue(constant, value * mutation.by);
  stream << llvm::format("%g -> %g", value, value * mutation.by);
  if (auto function = constant->getParentOfType<FunctionOpInterface>())
    stream << " in @" << function.getName();
  stream << ", constant " << std::min(place, count - 1) + 1 << " of " << count;
  return text;
}
