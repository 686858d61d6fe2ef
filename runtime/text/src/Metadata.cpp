//===- Metadata.cpp - Key/value records of a GGUF v3 file -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metadata.h"

#include "Failure.h"

#include <cinttypes>

namespace tokrt::text {

namespace {

constexpr uint32_t kTypeCount = 13;
constexpr const char *kTypeNames[kTypeCount] = {
    "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
    "bool", "string", "array", "u64", "i64", "f64"};
constexpr uint8_t kTypeBytes[kTypeCount] = {1, 1, 2, 2, 4, 4, 4,
                                            1, 0, 0, 8, 8, 8};

/// Arrays of arrays are legal, and each level is a recursion.
constexpr int kMaxArrayDepth = 4;

const char *nameOf(MetadataType type) {
  return kTypeNames[static_cast<uint32_t>(type)];
}

} // namespace

/// Takes records off the front of a byte range.
class Metadata::Reader {
public:
  explicit Reader(std::string_view bytes) : bytes(bytes) {}

  bool atEnd() const { return position == bytes.size(); }

  std::string_view readKey() {
    ++record;
    key = {};
    key = readString("key");
    return key;
  }

  Value readValue() {
    MetadataType type = readType();
    if (type != MetadataType::Array) {
      Value value{type, false, 1, here()};
      skip(type, 1, 0);
      return value;
    }
    MetadataType element = readType();
    uint64_t count = read<uint64_t>("array length");
    Value value{element, true, count, here()};
    skip(element, count, 1);
    return value;
  }

private:
  const char *here() const { return bytes.data() + position; }

  [[noreturn]] void raiseShort(const char *what, uint64_t size) {
    raise(TOKRT_INVALID_FILE,
          "metadata record %zu ('%s'): its %s needs %" PRIu64
          " bytes at offset %zu, found %zu up to the end; the file is "
          "truncated or damaged",
          record, excerpt(key).c_str(), what, size, position,
          bytes.size() - position);
  }

  void take(const char *what, uint64_t size) {
    if (size > bytes.size() - position)
      raiseShort(what, size);
    position += size;
  }

  template <typename T>
  T read(const char *what) {
    const char *data = here();
    take(what, sizeof(T));
    return loadUnaligned<T>(data);
  }

  std::string_view readString(const char *what) {
    uint64_t size = read<uint64_t>(what);
    const char *data = here();
    take(what, size);
    return {data, static_cast<size_t>(size)};
  }

  MetadataType readType() {
    uint32_t type = read<uint32_t>("type");
    if (type >= kTypeCount)
      raise(TOKRT_INVALID_FILE,
            "metadata record %zu ('%s'): found type %u, expected 0 to %u; the "
            "file is damaged or of a newer format",
            record, excerpt(key).c_str(), type, kTypeCount - 1);
    return static_cast<MetadataType>(type);
  }

  void skip(MetadataType type, uint64_t count, int depth) {
    if (uint64_t size = kTypeBytes[static_cast<uint32_t>(type)]) {
      if (count > (bytes.size() - position) / size)
        raiseShort("value",
                   count > UINT64_MAX / size ? UINT64_MAX : count * size);
      position += count * size;
      return;
    }
    if (depth > kMaxArrayDepth)
      raise(TOKRT_INVALID_FILE,
            "metadata record %zu ('%s'): found arrays nested deeper than %d",
            record, excerpt(key).c_str(), kMaxArrayDepth);
    // Every element takes bytes, so a huge count ends with them.
    for (uint64_t i = 0; i < count; ++i) {
      if (type == MetadataType::String) {
        readString("string");
        continue;
      }
      MetadataType element = readType();
      skip(element, read<uint64_t>("array length"), depth + 1);
    }
  }

  std::string_view bytes;
  size_t position = 0;
  size_t record = 0; // of the current one, counted from 1
  std::string_view key;
};

Metadata::Metadata(std::string_view bytes) {
  Reader reader(bytes);
  while (!reader.atEnd()) {
    std::string_view key = reader.readKey();
    if (!values.emplace(key, reader.readValue()).second)
      raise(TOKRT_INVALID_FILE,
            "metadata key '%s': found two records, expected one",
            excerpt(key).c_str());
  }
}

const Metadata::Value *Metadata::find(std::string_view key) const {
  auto it = values.find(key);
  return it == values.end() ? nullptr : &it->second;
}

void Metadata::raiseType(std::string_view key, const Value &found,
                         const char *expected) {
  raise(TOKRT_INVALID_FILE, "metadata key '%s': found %s%s, expected %s",
        excerpt(key).c_str(), found.isArray ? "an array of " : "",
        nameOf(found.type), expected);
}

std::optional<std::string_view>
Metadata::findString(std::string_view key) const {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->isArray || value->type != MetadataType::String)
    raiseType(key, *value, "string");
  uint64_t size = loadUnaligned<uint64_t>(value->data);
  return std::string_view(value->data + sizeof size, size);
}

std::optional<bool> Metadata::findBool(std::string_view key) const {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->isArray || value->type != MetadataType::Bool)
    raiseType(key, *value, "bool");
  return *value->data != 0;
}

std::optional<uint64_t> Metadata::findUnsigned(std::string_view key) const {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  auto nonNegative = [&](int64_t number) -> uint64_t {
    if (number < 0)
      raise(TOKRT_INVALID_FILE,
            "metadata key '%s': found %" PRId64 ", expected 0 or more",
            excerpt(key).c_str(), number);
    return static_cast<uint64_t>(number);
  };
  if (!value->isArray) {
    const char *data = value->data;
    switch (value->type) {
    case MetadataType::UInt8:
      return loadUnaligned<uint8_t>(data);
    case MetadataType::UInt16:
      return loadUnaligned<uint16_t>(data);
    case MetadataType::UInt32:
      return loadUnaligned<uint32_t>(data);
    case MetadataType::UInt64:
      return loadUnaligned<uint64_t>(data);
    case MetadataType::Int8:
      return nonNegative(loadUnaligned<int8_t>(data));
    case MetadataType::Int16:
      return nonNegative(loadUnaligned<int16_t>(data));
    case MetadataType::Int32:
      return nonNegative(loadUnaligned<int32_t>(data));
    case MetadataType::Int64:
      return nonNegative(loadUnaligned<int64_t>(data));
    default:
      break;
    }
  }
  raiseType(key, *value, "an integer");
}

std::optional<StringArray> Metadata::findStrings(std::string_view key) const {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->isArray || value->type != MetadataType::String)
    raiseType(key, *value, "an array of string");
  return StringArray(value->data, value->count);
}

std::optional<IntArray> Metadata::findInts(std::string_view key) const {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->isArray || (value->type != MetadataType::Int32 &&
                          value->type != MetadataType::UInt32))
    raiseType(key, *value, "an array of i32");
  return IntArray(value->data, value->count);
}

template <typename T>
static T require(std::string_view key, std::optional<T> value) {
  if (!value)
    raise(TOKRT_INVALID_FILE,
          "metadata key '%s': found none, expected one; the model file has no "
          "tokenizer",
          excerpt(key).c_str());
  return *value;
}

std::string_view Metadata::getString(std::string_view key) const {
  return require(key, findString(key));
}

StringArray Metadata::getStrings(std::string_view key) const {
  return require(key, findStrings(key));
}

} // namespace tokrt::text
