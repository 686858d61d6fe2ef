//===- Case.cpp - What a kernel is run with -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-sim/Case.h"

#include "dialects/Tok/TokDialect.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace tokopt;

/// A buffer that is larger is a mistake of the file.
static constexpr int64_t kMostElements = int64_t(1) << 32;

/// Blocks of a grid in its first dimension, and in others (CUDA C++ Programming
/// Guide, "Technical Specifications per Compute Capability").
static constexpr int64_t kMostBlocksOfX = INT32_MAX, kMostBlocks = 65535;

/// Refuses keys of `attribute` that are not `known`: one that is misspelt would
/// be ignored.
static LogicalResult checkKeys(DictionaryAttr attribute,
                               ArrayRef<StringRef> known,
                               function_ref<InFlightDiagnostic()> fail) {
  for (NamedAttribute entry : attribute)
    if (!llvm::is_contained(known, entry.getName().getValue()))
      return fail() << "'" << tok::kSimAttrName << "' has an unknown key '"
                    << entry.getName().getValue() << "', expected one of "
                    << llvm::join(known, ", ");
  return success();
}

/// The value of `key`, null if there is none; one of another type is an error.
template <typename AttributeType>
static FailureOr<AttributeType> get(DictionaryAttr attribute, StringRef key,
                                    StringRef expected,
                                    function_ref<InFlightDiagnostic()> fail) {
  Attribute value = attribute.get(key);
  auto typed = dyn_cast_or_null<AttributeType>(value);
  if (value && !typed)
    return fail() << "expects '" << key << "' to be " << expected
                  << ", but got " << value;
  return typed;
}

/// The bits of a number that a kernel takes.
static FailureOr<uint64_t> readNumber(Attribute value, Type type) {
  if (auto integer = dyn_cast<IntegerAttr>(value);
      integer && integer.getType() == type && type.isSignlessInteger())
    return integer.getInt();
  if (auto real = dyn_cast<FloatAttr>(value);
      real && real.getType() == type && (type.isF32() || type.isF64()))
    return real.getValue().bitcastToAPInt().getZExtValue();
  return failure();
}

static FailureOr<CaseArgument>
readArgument(func::FuncOp kernel, unsigned number, const CudaTensorMap *map) {
  auto begin = [&] {
    return kernel.emitError("argument number ") << number << ": ";
  };
  auto fail = [&](const Twine &what) { return begin() << what.str(); };
  auto attribute =
      kernel.getArgAttrOfType<DictionaryAttr>(number, tok::kSimAttrName);
  if (map) {
    // `tok.launch` says what it is.
    if (attribute)
      return fail("expects no 'tok.sim' at the map of a tensor");
    if (map->buffer < 0)
      return fail("maps a cache, but a case has none: expects a 'buffer'");
    CaseArgument argument;
    argument.name = "argument " + std::to_string(number);
    argument.map = *map;
    return argument;
  }
  if (!attribute)
    return fail(kernel.getArgAttr(number, tok::kSimAttrName)
                    ? "expects 'tok.sim' to be a dictionary"
                    : "has no 'tok.sim': expects {buffer = ...} for a "
                      "pointer, {value = ...} for a number");
  Type type = kernel.getArgumentTypes()[number];
  bool isNumber = isa<IntegerType, FloatType>(type);
  if (isNumber == attribute.contains("buffer"))
    return fail("expects a buffer for a pointer and a value for a number");
  auto known = isNumber ? std::vector<StringRef>{"name", "value"}
                        : std::vector<StringRef>{"name", "buffer", "fill"};
  if (failed(checkKeys(attribute, known, begin)))
    return failure();
  CaseArgument argument;
  argument.name = "argument " + std::to_string(number);
  auto name = get<StringAttr>(attribute, "name", "a string", begin);
  auto fill = get<StringAttr>(attribute, "fill", "a string", begin);
  if (failed(name) || failed(fill))
    return failure();
  if (*name)
    argument.name = name->str();
  if (isNumber) {
    Attribute value = attribute.get("value");
    if (!value)
      return begin() << "expects a 'value', a number of the argument's type "
                     << type;
    FailureOr<uint64_t> bits = readNumber(value, type);
    if (failed(bits))
      return begin() << "expects 'value' to be a number of the argument's type "
                     << type << ", but got " << value;
    argument.number = *bits;
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
                "numbers");
  int64_t elements = 1;
  for (int64_t size : argument.buffer.getShape())
    if (llvm::MulOverflow(elements, size, elements) || elements > kMostElements)
      return fail("has more than " + Twine(kMostElements) + " elements");
  StringRef filled = *fill ? fill->getValue() : "nothing";
  auto kind = llvm::StringSwitch<std::optional<Fill>>(filled)
                  .Case("nothing", Fill::Nothing)
                  .Case("zero", Fill::Zero)
                  .Case("uniform", Fill::Uniform)
                  .Case("ascending", Fill::Ascending)
                  .Default(std::nullopt);
  if (!kind)
    return fail("expects 'fill' to be nothing, zero, uniform or ascending, "
                "but got '" +
                filled + "'");
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
  auto begin = [&] { return kernel.emitError(); };
  if (failed(checkKeys(how, {"grid", "reference", "tolerance"}, begin)))
    return failure();
  auto grid = get<ArrayAttr>(how, "grid", "an array of sizes", begin);
  auto reference =
      get<FlatSymbolRefAttr>(how, "reference", "a function's symbol", begin);
  auto tolerance = get<FloatAttr>(how, "tolerance", "a float", begin);
  if (failed(grid) || failed(reference) || failed(tolerance))
    return failure();
  if (*grid) {
    if (grid->size() > 3)
      return kernel.emitError("expects at most three sizes of the grid, but "
                              "got ")
             << grid->size();
    for (auto [number, size] : llvm::enumerate(*grid)) {
      auto value = dyn_cast<IntegerAttr>(size);
      int64_t most = number ? kMostBlocks : kMostBlocksOfX;
      if (!value || !value.getValue().isSignedIntN(64) ||
          value.getValue().getSExtValue() < 1 ||
          value.getValue().getSExtValue() > most)
        return kernel.emitError("expects sizes of the grid from 1 to ")
               << kMostBlocksOfX << ", " << kMostBlocks << " and "
               << kMostBlocks << ", but got " << size;
      result.launch.grid[number] = value.getInt();
    }
  }
  if (*reference)
    result.reference = reference->getValue().str();
  if (*tolerance) {
    result.tolerance = tolerance->getValueAsDouble();
    if (!std::isfinite(result.tolerance) || result.tolerance < 0)
      return kernel.emitError("expects 'tolerance' to be finite and not "
                              "negative, but got ")
             << *tolerance;
    if (!*reference)
      return kernel.emitError("expects 'reference' where there is a "
                              "'tolerance'");
  }
  FailureOr<std::vector<CudaTensorMap>> maps = readTensorMaps(kernel);
  if (failed(maps))
    return failure();
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    auto map = llvm::find_if(*maps, [&](const CudaTensorMap &candidate) {
      return candidate.argument == i;
    });
    FailureOr<CaseArgument> argument =
        readArgument(kernel, i, map == maps->end() ? nullptr : &*map);
    if (failed(argument))
      return failure();
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
