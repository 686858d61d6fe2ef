//===- Json.cpp - A JSON value that needs nothing to be destroyed ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <cstring>
#include <nlohmann/json.hpp>

using namespace tokrt;

/// A manifest has eight levels.
static constexpr size_t kMaxDepth = 32;

Json::Json(double fraction) : kind(Kind::Fraction) {
  static_assert(sizeof bits == sizeof fraction);
  memcpy(&bits, &fraction, sizeof bits);
}

double Json::real() const {
  if (kind == Kind::Negative)
    return static_cast<double>(static_cast<int64_t>(bits));
  if (kind == Kind::Unsigned)
    return static_cast<double>(bits);
  double fraction;
  memcpy(&fraction, &bits, sizeof fraction);
  return fraction;
}

const Json *Json::find(const char *name) const {
  if (inner)
    for (size_t i = inner->names.size(); i-- > 0;)
      if (inner->names[i] == name)
        return &inner->items[i];
  return nullptr;
}

std::string Json::describe() const {
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::False:
    return "false";
  case Kind::True:
    return "true";
  case Kind::Negative:
    return std::to_string(static_cast<int64_t>(bits));
  case Kind::Unsigned:
    return std::to_string(bits);
  case Kind::Fraction:
    return std::to_string(real());
  case Kind::String:
    return '"' + inner->text + '"';
  case Kind::Array:
    return "an array";
  case Kind::Object:
    break;
  }
  return "an object";
}

namespace tokrt {

/// Takes the parser's events. Every one returns true, to go on.
class JsonBuilder {
public:
  explicit JsonBuilder(Json &root) { open.push_back(&root); }

  bool null() { return add(Json(Json::Kind::Null)); }
  bool boolean(bool value) {
    return add(Json(value ? Json::Kind::True : Json::Kind::False));
  }
  bool number_integer(int64_t value) {
    return add(Json(Json::Kind::Negative, static_cast<uint64_t>(value)));
  }
  bool number_unsigned(uint64_t value) {
    return add(Json(Json::Kind::Unsigned, value));
  }
  bool number_float(double value, const std::string &) {
    return add(Json(value));
  }
  bool string(std::string &value) {
    Json next(Json::Kind::String);
    next.inner = std::make_unique<Json::Inner>();
    next.inner->text = std::move(value);
    return add(std::move(next));
  }
  bool binary(const std::vector<uint8_t> &) { return true; } // not in text
  bool key(std::string &name) {
    if (dropped == 0)
      open.back()->inner->names.push_back(std::move(name));
    return true;
  }
  bool start_object(size_t) { return begin(Json::Kind::Object); }
  bool start_array(size_t) { return begin(Json::Kind::Array); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool parse_error(size_t, const std::string &, const std::exception &) {
    return false;
  }

private:
  bool add(Json &&value) {
    if (dropped)
      return true;
    if (!started)
      *open.back() = std::move(value);
    else
      open.back()->inner->items.push_back(std::move(value));
    started = true;
    return true;
  }
  bool begin(Json::Kind kind) {
    if (open.size() > kMaxDepth) {
      add(Json(kind));
      ++dropped;
      return true;
    }
    bool root = !started;
    Json next(kind);
    next.inner = std::make_unique<Json::Inner>();
    add(std::move(next));
    // A value that is being filled is the last of its parent's, so it does not
    // move until it is whole.
    if (!root)
      open.push_back(&open.back()->inner->items.back());
    return true;
  }
  bool end() {
    if (dropped)
      --dropped;
    else
      open.pop_back();
    return true;
  }

  std::vector<Json *> open; // from the root to what is being filled
  bool started = false;     // the root is there
  size_t dropped = 0;       // open arrays and objects that are not kept
};

} // namespace tokrt

bool tokrt::parseJson(const char *text, size_t size, Json *out) {
  Json root;
  JsonBuilder builder(root);
  if (!nlohmann::json::sax_parse(text, text + size, &builder))
    return false;
  *out = std::move(root);
  return true;
}
