//===- Gguf.cpp - Formats, look-up and messages of a GGUF file ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace tokopt::gguf;

//===----------------------------------------------------------------------===//
// Formats and value types
//===----------------------------------------------------------------------===//

ArrayRef<Format> tokopt::gguf::getFormats() {
  static constexpr Format formats[] = {
      {FormatId::F32, "f32", 1, 4},       {FormatId::F16, "f16", 1, 2},
      {FormatId::Q4_0, "q4_0", 32, 18},   {FormatId::Q4_1, "q4_1", 32, 20},
      {FormatId::Q5_0, "q5_0", 32, 22},   {FormatId::Q8_0, "q8_0", 32, 34},
      {FormatId::Q4_K, "q4_k", 256, 144}, {FormatId::Q6_K, "q6_k", 256, 210},
      {FormatId::BF16, "bf16", 1, 2},
  };
  return formats;
}

const Format &tokopt::gguf::getFormat(FormatId id) {
  return *lookupFormat(static_cast<uint32_t>(id));
}

const Format *tokopt::gguf::lookupFormat(uint32_t number) {
  const Format *it = find_if(getFormats(), [&](const Format &format) {
    return static_cast<uint32_t>(format.id) == number;
  });
  return it == getFormats().end() ? nullptr : it;
}

StringRef tokopt::gguf::getName(ValueType type) {
  static constexpr StringLiteral names[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

std::string tokopt::gguf::quote(StringRef name) {
  constexpr size_t longest = 80;
  std::string text;
  raw_string_ostream os(text);
  os << '\'';
  printEscapedString(name.take_front(longest), os);
  os << (name.size() > longest ? "...'" : "'");
  return text;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

Error File::makeError(const Twine &where, const Twine &found,
                      const Twine &expected, const Twine &remedy) const {
  return createStringError(getPath() + ": " + where + ": found " + found +
                           ", expected " + expected + "; " + remedy);
}

Error File::makeTypeError(const KeyValue &value, const Twine &expected) const {
  return makeError("key " + quote(value.key),
                   "a value of type " + getName(value.type), expected,
                   "convert the model again with a current converter");
}

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

const KeyValue *File::findKey(StringRef key) const {
  auto it = keyIndex.find(key);
  return it == keyIndex.end() ? nullptr : &keyValues[it->second];
}

const Tensor *File::findTensor(StringRef name) const {
  auto it = tensorIndex.find(name);
  return it == tensorIndex.end() ? nullptr : &tensors[it->second];
}

Expected<const KeyValue *> File::getKey(StringRef key) const {
  if (const KeyValue *value = findKey(key))
    return value;
  return makeError("key " + quote(key), "none", "one",
                   "convert the model again with a current converter");
}

Expected<StringRef> File::getString(StringRef key) const {
  Expected<const KeyValue *> value = getKey(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != ValueType::String)
    return makeTypeError(**value, "a string");
  return (*value)->bytes;
}

template <typename T>
static T decode(StringRef bytes) {
  return support::endian::read<T, endianness::little>(bytes.data());
}

Expected<int64_t> File::getInteger(StringRef key, int64_t min,
                                   int64_t max) const {
  Expected<const KeyValue *> value = getKey(key);
  if (!value)
    return value.takeError();
  int64_t integer = 0;
  switch (StringRef bytes = (*value)->bytes; (*value)->type) {
  case ValueType::U8:
    integer = decode<uint8_t>(bytes);
    break;
  case ValueType::I8:
    integer = decode<int8_t>(bytes);
    break;
  case ValueType::U16:
    integer = decode<uint16_t>(bytes);
    break;
  case ValueType::I16:
    integer = decode<int16_t>(bytes);
    break;
  case ValueType::U32:
    integer = decode<uint32_t>(bytes);
    break;
  case ValueType::I32:
    integer = decode<int32_t>(bytes);
    break;
  case ValueType::U64:
  case ValueType::I64:
    integer = decode<int64_t>(bytes);
    break;
  default:
    return makeTypeError(**value, "an integer");
  }
  // A u64 of 2^63 or more wraps to a negative number here.
  bool wraps = (*value)->type == ValueType::U64 && integer < 0;
  if (!wraps && integer >= min && integer <= max)
    return integer;
  return makeError("key " + quote(key),
                   wraps ? std::to_string(static_cast<uint64_t>(integer))
                         : std::to_string(integer),
                   "a value from " + Twine(min) + " to " + Twine(max),
                   "the file is damaged or describes no usable model");
}

Expected<double> File::getFloat(StringRef key) const {
  Expected<const KeyValue *> value = getKey(key);
  if (!value)
    return value.takeError();
  double number = 0;
  if ((*value)->type == ValueType::F32)
    number = decode<float>((*value)->bytes);
  else if ((*value)->type == ValueType::F64)
    number = decode<double>((*value)->bytes);
  else
    return makeTypeError(**value, "a floating-point number");
  if (!std::isfinite(number))
    return makeError("key " + quote(key), Twine(std::to_string(number)),
                     "a finite number", "the file is damaged, fetch it again");
  return number;
}

Expected<bool> File::getBool(StringRef key) const {
  Expected<const KeyValue *> value = getKey(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != ValueType::Bool)
    return makeTypeError(**value, "a bool");
  return (*value)->bytes[0] != 0;
}

Expected<uint64_t> File::getArraySize(StringRef key,
                                      ValueType elementType) const {
  Expected<const KeyValue *> value = getKey(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != ValueType::Array)
    return makeTypeError(**value, "an array of " + getName(elementType));
  if ((*value)->elementType != elementType)
    return makeError("key " + quote(key),
                     "an array of " + getName((*value)->elementType),
                     "an array of " + getName(elementType),
                     "convert the model again with a current converter");
  return (*value)->count;
}

//===----------------------------------------------------------------------===//
// Placement
//===----------------------------------------------------------------------===//

Error File::checkPlacement() const {
  std::vector<const Tensor *> order;
  order.reserve(tensors.size());
  for (const Tensor &tensor : tensors)
    order.push_back(&tensor);
  llvm::sort(order, [](const Tensor *a, const Tensor *b) {
    return a->offset < b->offset;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const Tensor &before = *order[i - 1], &after = *order[i];
    // Both ends are inside the file, so the sum does not overflow.
    uint64_t end = before.offset + before.bytes;
    if (end > after.offset)
      return makeError("tensor " + quote(after.name),
                       "data from byte " + Twine(after.offset),
                       "no overlap with tensor " + quote(before.name) +
                           ", which ends at byte " + Twine(end),
                       "the file is damaged, fetch it again");
  }
  return Error::success();
}
