//===- Value.h - Values of a chat template ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_VALUE_H_
#define TOKRT_TEXT_JINJA_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tokrt::text::jinja {

struct Entry;

/// A value, small and freely copied. What it points to lives in the arena of
/// the rendering, which frees all at once.
class Value {
public:
  enum class Kind : uint8_t {
    Undefined,
    None,
    Boolean,
    Integer,
    String,
    List,
    Mapping,
    Namespace, // the one kind that can be changed: `{% set ns.x = 1 %}`
  };

  /// The entries of a mapping or a namespace, in order. There are few.
  struct Entries {
    Entry *data;
    size_t size;
  };

  Value() : kind(Kind::Undefined), integer(0), size(0) {}
  explicit Value(bool value) : kind(Kind::Boolean), integer(value), size(0) {}
  explicit Value(int64_t value)
      : kind(Kind::Integer), integer(value), size(0) {}
  explicit Value(std::string_view value)
      : kind(Kind::String), bytes(value.data()), size(value.size()) {}
  explicit Value(const char *value) : Value(std::string_view(value)) {}

  static Value none() {
    Value value;
    value.kind = Kind::None;
    return value;
  }
  static Value list(const Value *elements, size_t size) {
    Value value;
    value.kind = Kind::List;
    value.elements = elements;
    value.size = size;
    return value;
  }
  static Value mapping(Entries *entries, Kind kind = Kind::Mapping) {
    Value value;
    value.kind = kind;
    value.entries = entries;
    return value;
  }

  Kind getKind() const { return kind; }
  bool is(Kind other) const { return kind == other; }

  bool asBoolean() const { return integer != 0; }
  int64_t asInteger() const { return integer; }
  std::string_view asString() const { return {bytes, size}; }

  const Value *begin() const { return elements; }
  const Value *end() const { return elements + size; }
  size_t listSize() const { return size; }

  Entries &asMapping() const { return *entries; }

  /// An integer, or a boolean taken as 0 or 1 as Python does.
  bool isNumber() const {
    return kind == Kind::Integer || kind == Kind::Boolean;
  }

  /// Whether `{% if %}` takes it.
  bool isTrue() const;

  /// The entry of a mapping or a namespace; null if there is none, or if this
  /// is something else.
  const Entry *find(std::string_view name) const;

  /// The value of that entry, or undefined.
  Value get(std::string_view name) const;

  /// "a string", "an undefined value", ... for messages.
  const char *describe() const;

private:
  Kind kind;
  union {
    int64_t integer;
    const char *bytes;
    const Value *elements;
    Entries *entries;
  };
  size_t size; // of a string or a list
};

struct Entry {
  std::string_view name;
  Value value;
};

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_VALUE_H_
