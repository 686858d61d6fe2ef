//===- Metadata.h - Key/value records of a GGUF v3 file ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A record is: u64 key length, key, u32 type, value. A string is u64 length and
// bytes; an array is u32 element type, u64 count, elements. All little-endian
// and unaligned. The records follow each other up to the end of the range.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_METADATA_H_
#define TOKRT_TEXT_METADATA_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace tokrt::text {

enum class MetadataType : uint32_t {
  UInt8 = 0,
  Int8 = 1,
  UInt16 = 2,
  Int16 = 3,
  UInt32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  UInt64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// Reads a number at an address of any alignment.
template <typename T>
T loadUnaligned(const char *data) {
  T value;
  memcpy(&value, data, sizeof value);
  return value;
}

/// The elements of a string array. `Metadata` has checked their lengths, so
/// walking over them needs no more checks.
class StringArray {
public:
  StringArray(const char *data, uint64_t count) : data(data), count(count) {}

  uint64_t size() const { return count; }

  template <typename Fn>
  void forEach(Fn &&fn) const {
    const char *next = data;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t size = loadUnaligned<uint64_t>(next);
      fn(i, std::string_view(next + sizeof size, size));
      next += sizeof size + size;
    }
  }

private:
  const char *data;
  uint64_t count;
};

/// The elements of an array of 32-bit integers.
class IntArray {
public:
  IntArray(const char *data, uint64_t count) : data(data), count(count) {}

  uint64_t size() const { return count; }
  int32_t operator[](uint64_t i) const {
    return loadUnaligned<int32_t>(data + i * sizeof(int32_t));
  }

private:
  const char *data;
  uint64_t count;
};

/// An index of checked records. It keeps views into the bytes it was made from.
class Metadata {
public:
  /// Checks every length of every record; throws a `Failure` that names the
  /// record at fault.
  explicit Metadata(std::string_view bytes);

  /// Each returns nothing if there is no such key, and throws if its value has
  /// another type.
  std::optional<std::string_view> findString(std::string_view key) const;
  std::optional<bool> findBool(std::string_view key) const;
  std::optional<uint64_t> findUnsigned(std::string_view key) const;
  std::optional<StringArray> findStrings(std::string_view key) const;
  std::optional<IntArray> findInts(std::string_view key) const;

  /// Each throws if there is no such key.
  std::string_view getString(std::string_view key) const;
  StringArray getStrings(std::string_view key) const;

private:
  struct Value {
    MetadataType type; // of the value, or of an array's elements
    bool isArray;
    uint64_t count; // elements of an array
    const char *data;
  };

  class Reader;

  const Value *find(std::string_view key) const;
  [[noreturn]] static void raiseType(std::string_view key, const Value &found,
                                     const char *expected);

  std::unordered_map<std::string_view, Value> values;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_METADATA_H_
