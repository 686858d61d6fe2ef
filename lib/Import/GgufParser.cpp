//===- GgufParser.cpp - Walks a GGUF file and checks every field ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout, all little-endian:
//
//   "GGUF", u32 version, u64 tensors, u64 keys
//   keys    x { string key, u32 type, value }
//   tensors x { string name, u32 rank, u64 dims[rank], u32 format, u64 offset }
//   padding to general.alignment, then the data that the offsets count from
//
// A string is a u64 length and its bytes; an array is a u32 element type, a u64
// count and the elements. Every count is held against the bytes that are left
// before anything is sized by it, so time and memory stay linear in the file.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace llvm;

namespace tokopt::gguf {

static constexpr StringLiteral magic = "GGUF";
static constexpr StringLiteral fetchAgain =
    "the file is truncated or damaged, fetch it again";
static constexpr StringLiteral alignmentKey = "general.alignment";

// The least a record can take; an empty key or name is refused, so each has at
// least one byte of it.
static constexpr uint64_t smallestKeyValue = 8 + 1 + 4 + 1;
static constexpr uint64_t smallestTensor = 8 + 1 + 4 + 8 + 4 + 8;
// The bounds of the format's own specification.
static constexpr uint64_t longestKey = 65535;
static constexpr uint64_t longestTensorName = 64;
static constexpr uint32_t largestRank = 4;
// Bounds of ours: deeper arrays and coarser alignments do not occur.
static constexpr unsigned deepestArray = 4;
static constexpr int64_t largestAlignment = 1 << 20;

/// Returns the bytes that a value of `type` takes, or 0 if that varies.
static uint64_t getFixedSize(ValueType type) {
  switch (type) {
  case ValueType::U8:
  case ValueType::I8:
  case ValueType::Bool:
    return 1;
  case ValueType::U16:
  case ValueType::I16:
    return 2;
  case ValueType::U32:
  case ValueType::I32:
  case ValueType::F32:
    return 4;
  case ValueType::U64:
  case ValueType::I64:
  case ValueType::F64:
    return 8;
  case ValueType::String:
  case ValueType::Array:
    return 0;
  }
  llvm_unreachable("covered switch");
}

/// Fills a `File` from front to back. After an error the file is dropped.
class Parser {
public:
  explicit Parser(File &file) : file(file), data(file.getData()) {}

  Error parse();

private:
  /// What is being read, for messages: spelled out only when one is made.
  struct Subject {
    StringLiteral kind;
    uint64_t index = 0;
    StringRef name;
  };
  std::string where() const;
  Error fail(const Twine &found, const Twine &expected,
             const Twine &remedy = fetchAgain) const {
    return file.makeError(where(), found, expected, remedy);
  }

  uint64_t remaining() const { return data.size() - at; }
  Error take(uint64_t size, StringRef what, StringRef &bytes);
  template <typename T>
  Error take(StringRef what, T &value);
  Error takeString(StringRef what, StringRef &text);
  Error takeName(uint64_t longest, StringRef &name);
  Error takeValueType(ValueType &type);
  Error takeArray(unsigned depth, ValueType &elementType, uint64_t &count,
                  StringRef &elements);

  Error parseHeader(uint64_t &keyCount, uint64_t &tensorCount);
  Error parseKeyValue();
  Error parseTensor();
  Error parseShape(Tensor &tensor);
  Error computeBytes(Tensor &tensor);
  Error parseAlignment();
  Error placeTensor(Tensor &tensor, uint64_t dataBegin);

  File &file;
  StringRef data;
  uint64_t at = 0;
  Subject subject{"header", 0, {}};
};

//===----------------------------------------------------------------------===//
// Primitives
//===----------------------------------------------------------------------===//

std::string Parser::where() const {
  std::string text = subject.kind.str();
  if (!subject.name.empty())
    text += " " + quote(subject.name);
  else if (subject.index)
    text += " number " + std::to_string(subject.index);
  return text;
}

Error Parser::take(uint64_t size, StringRef what, StringRef &bytes) {
  if (size > remaining())
    return fail(Twine(remaining()) + " bytes after byte " + Twine(at),
                Twine(size) + " bytes of " + what);
  bytes = data.substr(at, size);
  at += size;
  return Error::success();
}

template <typename T>
Error Parser::take(StringRef what, T &value) {
  StringRef bytes;
  if (Error error = take(sizeof(T), what, bytes))
    return error;
  value = support::endian::read<T, endianness::little>(bytes.data());
  return Error::success();
}

Error Parser::takeString(StringRef what, StringRef &text) {
  uint64_t size;
  if (Error error = take(what, size))
    return error;
  return take(size, what, text);
}

Error Parser::takeName(uint64_t longest, StringRef &name) {
  if (Error error = takeString("name", name))
    return error;
  if (name.empty() || name.size() > longest)
    return fail("a name of " + Twine(name.size()) + " bytes",
                "1 to " + Twine(longest));
  return Error::success();
}

Error Parser::takeValueType(ValueType &type) {
  uint32_t number;
  if (Error error = take("value type", number))
    return error;
  if (number > static_cast<uint32_t>(ValueType::F64))
    return fail("value type " + Twine(number), "0 to 12");
  type = static_cast<ValueType>(number);
  return Error::success();
}

Error Parser::takeArray(unsigned depth, ValueType &elementType, uint64_t &count,
                        StringRef &elements) {
  if (depth > deepestArray)
    return fail("arrays nested more than " + Twine(deepestArray) + " deep",
                "a plain list");
  if (Error error = takeValueType(elementType))
    return error;
  if (Error error = take("array size", count))
    return error;

  uint64_t begin = at;
  uint64_t size = getFixedSize(elementType);
  // A string is at least its length, an array its element type and count.
  uint64_t least = size ? size : elementType == ValueType::String ? 8 : 12;
  if (count > remaining() / least)
    return fail("an array of " + Twine(count) + " elements",
                "at most the " + Twine(remaining() / least) +
                    " that fit into the rest of the file");
  if (size)
    return take(count * size, "array", elements);

  for (uint64_t i = 0; i < count; ++i) {
    StringRef ignored;
    ValueType innerType;
    uint64_t innerCount;
    Error error = elementType == ValueType::String
                      ? takeString("array element", ignored)
                      : takeArray(depth + 1, innerType, innerCount, ignored);
    if (error)
      return error;
  }
  elements = data.slice(begin, at);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Records
//===----------------------------------------------------------------------===//

Error Parser::parseHeader(uint64_t &keyCount, uint64_t &tensorCount) {
  if (data.size() < magic.size() || !data.starts_with(magic))
    return fail("the bytes " + quote(data.take_front(magic.size())),
                "the magic 'GGUF'", "give a GGUF model file");
  at = magic.size();
  if (Error error = take("version", file.version))
    return error;
  if (file.version != 2 && file.version != 3) {
    // Only the low half of a small version is set, in either byte order.
    if ((file.version & 0xffff) == 0 && file.version != 0)
      return fail("a big-endian file", "a little-endian one",
                  "convert the model for a little-endian machine");
    return fail("version " + Twine(file.version), "version 2 or 3",
                "convert the model again with a current converter");
  }
  if (Error error = take("tensor count", tensorCount))
    return error;
  if (Error error = take("key count", keyCount))
    return error;
  if (keyCount > remaining() / smallestKeyValue)
    return fail(Twine(keyCount) + " keys",
                "at most the " + Twine(remaining() / smallestKeyValue) +
                    " that fit into the file");
  if (tensorCount > remaining() / smallestTensor)
    return fail(Twine(tensorCount) + " tensors",
                "at most the " + Twine(remaining() / smallestTensor) +
                    " that fit into the file");
  return Error::success();
}

Error Parser::parseKeyValue() {
  KeyValue value;
  if (Error error = takeName(longestKey, value.key))
    return error;
  subject.name = value.key;
  if (Error error = takeValueType(value.type))
    return error;
  value.elementType = value.type;
  value.count = 1;
  Error error = value.type == ValueType::String
                    ? takeString("string", value.bytes)
                : value.type == ValueType::Array
                    ? takeArray(1, value.elementType, value.count, value.bytes)
                    : take(getFixedSize(value.type), "value", value.bytes);
  if (error)
    return error;
  if (value.type == ValueType::Bool && unsigned(uint8_t(value.bytes[0])) > 1)
    return fail("a bool of " + Twine(unsigned(uint8_t(value.bytes[0]))),
                "0 or 1");
  if (!file.keyIndex.try_emplace(value.key, file.keyValues.size()).second)
    return fail("the key twice", "it once");
  file.keyValues.push_back(value);
  return Error::success();
}

Error Parser::parseShape(Tensor &tensor) {
  uint32_t rank;
  if (Error error = take("rank", rank))
    return error;
  if (rank < 1 || rank > largestRank)
    return fail(Twine(rank) + " dimensions", "1 to " + Twine(largestRank));
  for (uint32_t i = 0; i < rank; ++i) {
    uint64_t size;
    if (Error error = take("dimension", size))
      return error;
    if (size < 1 || size > uint64_t(std::numeric_limits<int64_t>::max()))
      return fail("dimension " + Twine(i) + " of size " + Twine(size),
                  "1 to 2^63 - 1");
    tensor.dims.push_back(static_cast<int64_t>(size));
  }
  return Error::success();
}

/// Sets the bytes that the data takes from shape and format.
Error Parser::computeBytes(Tensor &tensor) {
  const Format &format = *tensor.format;
  if (tensor.dims.front() % format.blockElements != 0)
    return fail("rows of " + Twine(tensor.dims.front()) + " elements",
                "a multiple of " + Twine(format.blockElements) +
                    ", the block of format " + format.name);
  std::optional<uint64_t> bytes = checkedMulUnsigned<uint64_t>(
      tensor.dims.front() / format.blockElements, format.blockBytes);
  for (int64_t size : ArrayRef(tensor.dims).drop_front())
    bytes = bytes ? checkedMulUnsigned<uint64_t>(*bytes, size) : bytes;
  if (!bytes || *bytes > data.size()) {
    std::string shape;
    for (int64_t size : tensor.dims)
      shape += (shape.empty() ? "" : "x") + std::to_string(size);
    return fail("shape " + shape + " in format " + format.name,
                "one that fits into the " + Twine(data.size()) +
                    " bytes of the file");
  }
  tensor.bytes = *bytes;
  return Error::success();
}

Error Parser::parseTensor() {
  Tensor tensor;
  if (Error error = takeName(longestTensorName, tensor.name))
    return error;
  subject.name = tensor.name;
  if (Error error = parseShape(tensor))
    return error;

  uint32_t number;
  if (Error error = take("format", number))
    return error;
  tensor.format = lookupFormat(number);
  if (!tensor.format) {
    std::string known;
    for (const Format &format : getFormats())
      known += (known.empty() ? "" : " ") + format.name.str();
    return fail("format number " + Twine(number), "one of " + known,
                "convert or quantize the model to one of them");
  }
  if (Error error = take("offset", tensor.offset))
    return error;
  if (Error error = computeBytes(tensor))
    return error;
  if (!file.tensorIndex.try_emplace(tensor.name, file.tensors.size()).second)
    return fail("the tensor twice", "it once");
  file.tensors.push_back(std::move(tensor));
  return Error::success();
}

Error Parser::parseAlignment() {
  file.alignment = 32;
  if (!file.findKey(alignmentKey))
    return Error::success();
  Expected<int64_t> value = file.getInteger(alignmentKey, 8, largestAlignment);
  if (!value)
    return value.takeError();
  if (!isPowerOf2_64(*value))
    return file.makeError("key " + quote(alignmentKey), Twine(*value),
                          "a power of two", fetchAgain);
  file.alignment = *value;
  return Error::success();
}

/// Turns the offset into one from the start of the file.
Error Parser::placeTensor(Tensor &tensor, uint64_t dataBegin) {
  if (tensor.offset % file.alignment != 0)
    return fail("offset " + Twine(tensor.offset),
                "a multiple of the alignment " + Twine(file.alignment));
  uint64_t size = data.size() < dataBegin ? 0 : data.size() - dataBegin;
  if (tensor.offset > size || tensor.bytes > size - tensor.offset)
    return fail(Twine(tensor.bytes) + " bytes at offset " +
                    Twine(tensor.offset) + " of the data",
                "them within its " + Twine(size) + " bytes");
  tensor.offset += dataBegin;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

Error Parser::parse() {
  uint64_t keyCount, tensorCount;
  if (Error error = parseHeader(keyCount, tensorCount))
    return error;
  file.metadataBegin = at;
  for (uint64_t i = 1; i <= keyCount; ++i) {
    subject = {"key", i, {}};
    if (Error error = parseKeyValue())
      return error;
  }
  file.metadataEnd = at;
  for (uint64_t i = 1; i <= tensorCount; ++i) {
    subject = {"tensor", i, {}};
    if (Error error = parseTensor())
      return error;
  }
  if (Error error = parseAlignment())
    return error;
  uint64_t dataBegin = alignTo(at, file.alignment);
  for (Tensor &tensor : file.tensors) {
    subject = {"tensor", 0, tensor.name};
    if (Error error = placeTensor(tensor, dataBegin))
      return error;
  }
  return file.checkPlacement();
}

Expected<File> File::parse(std::unique_ptr<MemoryBuffer> data) {
  File file(std::move(data));
  if (Error error = Parser(file).parse())
    return error;
  return file;
}

Expected<File> File::open(StringRef path) {
  // Without the terminator even a file of whole pages is mapped, not copied.
  ErrorOr<std::unique_ptr<MemoryBuffer>> data = MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!data)
    return createStringError(
        data.getError(),
        path + ": cannot read the model: " + data.getError().message() +
            "; give the path of a GGUF file");
  return parse(std::move(*data));
}

} // namespace tokopt::gguf
