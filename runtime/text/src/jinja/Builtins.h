//===- Builtins.h - Filters, methods and tests of templates -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_BUILTINS_H_
#define TOKRT_TEXT_JINJA_BUILTINS_H_

#include "Arena.h"
#include "Source.h"
#include "Value.h"

#include <string_view>

namespace tokrt::text::jinja {

/// Values may be nested as deep as this where they are walked recursively.
constexpr int kMaxValueDepth = 32;

/// One use of a filter or a method: on what, with which arguments, where.
struct Use {
  static constexpr size_t kMaxArguments = 2;

  const Source &source;
  Arena &arena;
  size_t offset;
  std::string_view name;
  Value subject;
  Value arguments[kMaxArguments]; // undefined where not given

  /// The strings of the use; raises if they are something else.
  std::string_view subjectString() const;
  std::string_view argumentString(size_t index) const;

  [[noreturn]] void raise(const Value &found, const char *expected) const;
};

/// A filter, `subject | name(arguments)`, or a method,
/// `subject.name(arguments)`.
struct Function {
  std::string_view name;
  size_t required; // arguments that must be given
  /// The names of all arguments; an empty one ends the list.
  std::string_view parameters[Use::kMaxArguments];
  Value (*apply)(const Use &use);
};

using Test = bool (*)(const Value &value);

/// Each returns null if there is none of that name.
const Function *findFilter(std::string_view name);
const Function *findMethod(std::string_view name);
Test findTest(std::string_view name);

/// What `{{ value }}` writes and `value ~ other` joins.
Value toString(const Source &source, Arena &arena, size_t offset,
               const Value &value);

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_BUILTINS_H_
