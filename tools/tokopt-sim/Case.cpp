//===- Case.cpp - What a kernel is run with -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-sim/Case.h"

#include "dialects/Tok/TokDialect.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>
#include <random>

using namespace mlir;
using namespace tokopt;

/// A buffer that is larger is a mistake of the file.
static constexpr int64_t kMostElements = int64_t(1) << 32;

static FailureOr<CaseArgument> readArgument(func::FuncOp kernel,
                                            unsigned number) {
  auto fail = [&](const Twine &what) {
    return kernel.emitError("argument number ") << number << ": " << what.str();
  };
  auto attribute =
      kernel.getArgAttrOfType<DictionaryAttr>(number, tok::kSimAttrName);
  if (!attribute)
    return fail("expects 'tok.sim' to be a dictionary");
  CaseArgument argument;
  argument.name = "argument " + std::to_string(number);
  if (auto name = attribute.getAs<StringAttr>("name"))
    argument.name = name.str();
  if (auto value = attribute.getAs<IntegerAttr>("value")) {
    argument.number = value.getInt();
    return argument;
  }
  if (auto value = attribute.getAs<FloatAttr>("value")) {
    auto single = static_cast<float>(value.getValueAsDouble());
    argument.number = llvm::bit_cast<uint32_t>(single);
    return argument;
  }
  auto buffer = attribute.getAs<TypeAttr>("buffer");
  argument.buffer =
      buffer ? dyn_cast<RankedTensorType>(buffer.getValue()) : nullptr;
  if (!argument.buffer || !argument.buffer.hasStaticShape() ||
      !argument.buffer.getElementType().isIntOrFloat() ||
      argument.buffer.getElementTypeBitWidth() % 8 ||
      argument.buffer.getElementTypeBitWidth() > 64)
    return fail("expects 'buffer' to be a tensor type of static shape and "
                "numbers, or 'value' to be a number");
  int64_t elements = 1;
  for (int64_t size : argument.buffer.getShape())
    if (llvm::MulOverflow(elements, size, elements) || elements > kMostElements)
      return fail("has more than " + Twine(kMostElements) + " elements");
  auto fill = attribute.getAs<StringAttr>("fill");
  auto kind = llvm::StringSwitch<std::optional<Fill>>(
                  fill ? fill.getValue() : StringRef("nothing"))
                  .Case("nothing", Fill::Nothing)
                  .Case("zero", Fill::Zero)
                  .Case("uniform", Fill::Uniform)
                  .Case("ascending", Fill::Ascending)
                  .Default(std::nullopt);
  if (!kind)
    return fail("expects 'fill' to be nothing, zero, uniform or ascending, "
                "but got '" +
                fill.getValue() + "'");
  argument.fill = *kind;
  return argument;
}

FailureOr<Case> tokopt::readCase(func::FuncOp kernel) {
  auto launch = kernel->getAttrOfType<DictionaryAttr>(tok::kLaunchAttrName);
  auto how = kernel->getAttrOfType<DictionaryAttr>(tok::kSimAttrName);
  if (!how)
    return kernel.emitError("expects '")
           << tok::kSimAttrName << "' to say what the kernel is run with";
  Case result;
  result.kernel = kernel.getName().str();
  result.launch.threads = launch.getAs<IntegerAttr>("threads").getInt();
  result.launch.sharedBytes = launch.getAs<IntegerAttr>("shared").getInt();
  if (auto grid = how.getAs<ArrayAttr>("grid")) {
    if (grid.size() > 3)
      return kernel.emitError("expects at most three sizes of the grid, but "
                              "got ")
             << grid.size();
    for (auto [number, size] : llvm::enumerate(grid)) {
      auto value = dyn_cast<IntegerAttr>(size);
      if (!value || value.getInt() < 1 || value.getInt() > 65535)
        return kernel.emitError("expects sizes of the grid from 1 to 65535, "
                                "but got ")
               << size;
      result.launch.grid[number] = value.getInt();
    }
  }
  if (auto reference = how.getAs<FlatSymbolRefAttr>("reference"))
    result.reference = reference.getValue().str();
  if (auto tolerance = how.getAs<FloatAttr>("tolerance"))
    result.tolerance = tolerance.getValueAsDouble();
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    FailureOr<CaseArgument> argument = readArgument(kernel, i);
    if (failed(argument))
      return failure();
    if (isa<IntegerType, FloatType>(kernel.getArgumentTypes()[i]) ==
        bool(argument->buffer))
      return kernel.emitError("argument number ")
             << i
             << ": expects a buffer for a pointer and a value for a number";
    result.arguments.push_back(std::move(*argument));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Contents
//===----------------------------------------------------------------------===//

uint64_t tokopt::getBytes(RankedTensorType type) {
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

/// Where element `index` lies.
template <typename Data>
static Data *elementAt(Data *data, Type element, uint64_t index) {
  return data + index * (element.getIntOrFloatBitWidth() / 8);
}

static void setElement(uint8_t *data, Type element, uint64_t index,
                       double value) {
  uint64_t bits = static_cast<int64_t>(value);
  if (auto type = dyn_cast<FloatType>(element)) {
    llvm::APFloat number(value);
    bool loses;
    number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                   &loses);
    bits = number.bitcastToAPInt().getZExtValue();
  }
  std::memcpy(elementAt(data, element, index), &bits,
              element.getIntOrFloatBitWidth() / 8);
}

double tokopt::getElement(const uint8_t *data, Type element, uint64_t index) {
  unsigned width = element.getIntOrFloatBitWidth();
  uint64_t bits = 0;
  std::memcpy(&bits, elementAt(data, element, index), width / 8);
  if (auto type = dyn_cast<FloatType>(element)) {
    llvm::APFloat number(type.getFloatSemantics(), llvm::APInt(width, bits));
    bool loses;
    number.convert(llvm::APFloat::IEEEdouble(),
                   llvm::APFloat::rmNearestTiesToEven, &loses);
    return number.convertToDouble();
  }
  return static_cast<double>(llvm::SignExtend64(bits, width));
}

void tokopt::fill(uint8_t *data, const CaseArgument &argument) {
  // Buffers are zero as they come, and may be too large to touch.
  if (argument.fill == Fill::Zero)
    return;
  Type element = argument.buffer.getElementType();
  std::mt19937 random(1);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (uint64_t i = 0, n = argument.buffer.getNumElements(); i < n; ++i) {
    if (argument.fill == Fill::Ascending)
      setElement(data, element, i, static_cast<double>(i));
    else if (argument.fill == Fill::Uniform)
      setElement(data, element, i,
                 isa<FloatType>(element) ? unit(random) : 100 * unit(random));
  }
}
