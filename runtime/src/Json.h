//===- Json.h - A JSON value that needs nothing to be destroyed -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library's parser with a value of our own: `nlohmann::json` allocates in
// its destructor, which ends the program when no memory is left, and a load
// that fails for want of memory destroys what it has read so far.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_JSON_H_
#define TOKRT_SRC_JSON_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tokrt {

class Json {
public:
  enum class Kind : uint8_t {
    Null,
    False,
    True,
    Negative, // whole numbers
    Unsigned,
    Fraction,
    String,
    Array,
    Object
  };

  explicit Json(Kind kind = Kind::Null, uint64_t number = 0)
      : kind(kind), bits(number) {}
  explicit Json(double fraction);

  bool isObject() const { return kind == Kind::Object; }
  bool isArray() const { return kind == Kind::Array; }
  bool isString() const { return kind == Kind::String; }
  bool isUnsigned() const { return kind == Kind::Unsigned; }
  bool isNumber() const {
    return kind == Kind::Negative || kind == Kind::Unsigned ||
           kind == Kind::Fraction;
  }

  uint64_t number() const { return bits; }
  /// The value of any number; never an infinity or a NaN.
  double real() const;
  const std::string &string() const { return inner->text; }
  /// Elements of an array or members of an object.
  size_t size() const { return inner ? inner->items.size() : 0; }
  const Json &operator[](size_t i) const { return inner->items[i]; }
  /// The member `name` of an object, or null. The last of its name, as in the
  /// library.
  const Json *find(const char *name) const;

  /// What it is, for a message, in a few words however large it is.
  std::string describe() const;

private:
  friend class JsonBuilder;
  struct Inner {
    std::string text;
    std::vector<std::string> names; // of an object's members
    std::vector<Json> items;
  };

  Kind kind;
  uint64_t bits;                // of a fraction those of its double
  std::unique_ptr<Inner> inner; // of what is no number
};

/// Reads `size` bytes; false if they are not JSON. What is nested deeper than
/// any manifest is checked, but read as empty: a value is destroyed as deep as
/// it is, and the file must not choose how deep the stack gets.
bool parseJson(const char *text, size_t size, Json *out);

} // namespace tokrt

#endif // TOKRT_SRC_JSON_H_
