//===- Value.cpp - Values of a chat template ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Value.h"

namespace tokrt::text::jinja {

bool Value::isTrue() const {
  switch (kind) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Boolean:
  case Kind::Integer:
    return integer != 0;
  case Kind::String:
  case Kind::List:
    return size != 0;
  case Kind::Mapping:
    return entries->size != 0;
  case Kind::Namespace:
    return true;
  }
  __builtin_unreachable();
}

const Entry *Value::find(std::string_view name) const {
  if (kind != Kind::Mapping && kind != Kind::Namespace)
    return nullptr;
  for (const Entry *entry = entries->data;
       entry != entries->data + entries->size; ++entry)
    if (entry->name == name)
      return entry;
  return nullptr;
}

Value Value::get(std::string_view name) const {
  const Entry *entry = find(name);
  return entry ? entry->value : Value();
}

const char *Value::describe() const {
  switch (kind) {
  case Kind::Undefined:
    return "an undefined value";
  case Kind::None:
    return "none";
  case Kind::Boolean:
    return "a boolean";
  case Kind::Integer:
    return "an integer";
  case Kind::String:
    return "a string";
  case Kind::List:
    return "a list";
  case Kind::Mapping:
    return "a mapping";
  case Kind::Namespace:
    return "a namespace";
  }
  __builtin_unreachable();
}

} // namespace tokrt::text::jinja
