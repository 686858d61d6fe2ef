//===- TensorMaps.cpp - Maps of tensors that kernels take -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `maps` of `tok.launch`. What it may say is what cuTensorMapEncodeTiled takes
// (CUDA driver API), so that a kernel that compiles can be launched.
//
//===----------------------------------------------------------------------===//

#include "tokopt/CudaTarget.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tokopt;

static constexpr int64_t kMostDimensions = 5, kMostSize = int64_t(1) << 32,
                         kMostStride = int64_t(1) << 40, kMostBox = 256,
                         kChunkBytes = 16;

namespace {

/// Reads one entry of `maps`; errors name its number.
struct MapReader {
  func::FuncOp function;
  size_t number;
  DictionaryAttr entry;

  InFlightDiagnostic fail() {
    return function.emitError("expects map ")
           << number << " of '" << tok::kLaunchAttrName << "' ";
  }

  /// Integers of `low` to `high`, multiples of `unit`.
  FailureOr<SmallVector<int64_t>> readList(StringRef name, size_t count,
                                           int64_t low, int64_t high,
                                           int64_t unit = 1) {
    auto list = entry.getAs<ArrayAttr>(name);
    if (!list || list.size() != count)
      return fail() << "to have " << count << " integers in '" << name
                    << "', but got " << entry.get(name);
    SmallVector<int64_t> values;
    for (Attribute element : list) {
      auto value = dyn_cast<IntegerAttr>(element);
      if (!value || value.getValue().slt(low) || value.getValue().sgt(high) ||
          value.getInt() % unit)
        return fail() << "to have '" << name << "' from " << low << " to "
                      << high << ", multiples of " << unit << ", but got "
                      << element;
      values.push_back(value.getInt());
    }
    return values;
  }

  /// The number of an argument or a cache, or -1.
  FailureOr<int64_t> readNumber(StringRef name, int64_t end) {
    Attribute attribute = entry.get(name);
    auto value = dyn_cast_or_null<IntegerAttr>(attribute);
    if (!attribute)
      return -1;
    if (!value || value.getValue().slt(0) || value.getValue().sge(end))
      return fail() << "to have '" << name << "' from 0 to " << end - 1
                    << ", but got " << attribute;
    return value.getInt();
  }

  bool isPointer(int64_t argument, unsigned space) {
    auto pointer =
        dyn_cast<LLVM::LLVMPointerType>(function.getArgumentTypes()[argument]);
    return pointer && pointer.getAddressSpace() == space;
  }

  FailureOr<CudaTensorMap> read();
};

} // namespace

FailureOr<CudaTensorMap> MapReader::read() {
  const StringRef known[] = {"argument", "buffer", "cache",   "element",
                             "box",      "sizes",  "strides", "swizzle"};
  for (NamedAttribute key : entry)
    if (!llvm::is_contained(known, key.getName().getValue()))
      return fail() << "to have " << llvm::join(ArrayRef(known), ", ")
                    << " only, but got '" << key.getName().getValue() << "'";
  int64_t arguments = function.getNumArguments();
  CudaTensorMap map;
  FailureOr<int64_t> argument = readNumber("argument", arguments),
                     buffer = readNumber("buffer", arguments),
                     cache = readNumber("cache", 1 << 10);
  if (failed(argument) || failed(buffer) || failed(cache))
    return failure();
  if (*argument < 0 || !isPointer(*argument, 0))
    return fail() << "to be an 'argument' of type !llvm.ptr";
  if ((*buffer < 0) == (*cache < 0) || (*buffer >= 0 && !isPointer(*buffer, 1)))
    return fail() << "to be of a 'buffer', an argument of type !llvm.ptr<1>, "
                     "or of a 'cache'";
  map.argument = *argument;
  map.buffer = *buffer;
  map.cache = *cache;

  auto element = entry.getAs<TypeAttr>("element");
  if (!element || !element.getValue().isIntOrFloat() ||
      !llvm::is_contained({8u, 16u, 32u},
                          element.getValue().getIntOrFloatBitWidth()))
    return fail() << "to have an 'element' of 1, 2 or 4 bytes, but got "
                  << entry.get("element");
  llvm::raw_string_ostream(map.element) << element.getValue();
  map.elementBytes = element.getValue().getIntOrFloatBitWidth() / 8;

  auto box = entry.getAs<ArrayAttr>("box");
  size_t rank = box ? box.size() : 0;
  if (rank < 1 || rank > kMostDimensions)
    return fail() << "to have a 'box' of 1 to " << kMostDimensions
                  << " dimensions, but got " << entry.get("box");
  FailureOr<SmallVector<int64_t>> boxes = readList("box", rank, 1, kMostBox),
                                  sizes =
                                      readList("sizes", rank, -1, kMostSize),
                                  strides =
                                      readList("strides", rank - 1, kChunkBytes,
                                               kMostStride - 1, kChunkBytes);
  if (failed(boxes) || failed(sizes) || failed(strides))
    return failure();
  map.box = std::move(*boxes);
  map.sizes = std::move(*sizes);
  map.strides = std::move(*strides);
  for (size_t i = 0; i < rank; ++i)
    if (!map.sizes[i] || (map.sizes[i] < 0 && i + 1 < rank))
      return fail() << "to have elements in each dimension of 'sizes', and -1 "
                       "in the last only, but got "
                    << entry.get("sizes");

  FailureOr<int64_t> swizzle = readNumber("swizzle", 129);
  if (failed(swizzle))
    return failure();
  map.swizzle = std::max<int64_t>(*swizzle, 0);
  if (!llvm::is_contained({0, 32, 64, 128}, map.swizzle))
    return fail() << "to have a 'swizzle' of 0, 32, 64 or 128 bytes, but got "
                  << map.swizzle;
  int64_t rowBytes = map.box[0] * map.elementBytes;
  if (rowBytes % kChunkBytes || (map.swizzle && rowBytes != map.swizzle))
    return fail() << "to have rows of its box of a multiple of " << kChunkBytes
                  << " bytes, and of as many as are swizzled, but got "
                  << rowBytes;
  return map;
}

FailureOr<std::vector<CudaTensorMap>>
tokopt::readTensorMaps(func::FuncOp function) {
  auto launch = function->getAttrOfType<DictionaryAttr>(tok::kLaunchAttrName);
  Attribute attribute = launch.get("maps");
  auto entries = dyn_cast_or_null<ArrayAttr>(attribute);
  if (attribute && !entries)
    return function.emitError("expects 'maps' of '")
           << tok::kLaunchAttrName << "' to be an array, but got " << attribute;
  std::vector<CudaTensorMap> maps;
  std::vector<bool> isMap(function.getNumArguments(), false);
  for (auto [number, entry] :
       llvm::enumerate(entries ? entries.getValue() : ArrayRef<Attribute>())) {
    MapReader reader{function, number, dyn_cast<DictionaryAttr>(entry)};
    if (!reader.entry)
      return reader.fail() << "to be a dictionary, but got " << entry;
    FailureOr<CudaTensorMap> map = reader.read();
    if (failed(map))
      return failure();
    if (isMap[map->argument])
      return reader.fail() << "to be of an argument of its own, but got "
                           << map->argument << " again";
    isMap[map->argument] = true;
    maps.push_back(std::move(*map));
  }
  for (auto [number, type] : llvm::enumerate(function.getArgumentTypes()))
    if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
        pointer && !pointer.getAddressSpace() && !isMap[number])
      return function.emitError("expects 'maps' of '")
             << tok::kLaunchAttrName << "' to describe argument number "
             << number << ", an !llvm.ptr";
  return maps;
}
