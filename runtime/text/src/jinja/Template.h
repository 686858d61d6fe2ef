//===- Template.h - The Jinja of chat templates -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An interpreter for the part of Jinja that chat templates use, in the mode in
// which their own library runs them: `trim_blocks`, `lstrip_blocks`, no
// escaping of HTML. No packaged library of C++ has it.
//
//   statements   if elif else, for else with loop.*, set of a variable or of a
//                namespace's attribute, comments
//   expressions  strings, integers, lists, attributes, items, slices of lists,
//                or and not, comparisons, in, + - * // % ~, a if b else c,
//                filters, tests, methods, namespace(), raise_exception()
//
// Everything else is an error that names its line and column.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_TEMPLATE_H_
#define TOKRT_TEXT_JINJA_TEMPLATE_H_

#include "Ast.h"
#include "Value.h"

#include <string>
#include <string_view>
#include <vector>

namespace tokrt::text::jinja {

class Template {
public:
  /// Throws a `Failure` with the place of an error.
  explicit Template(std::string_view source);

  /// Writes the template with the given variables. Memory and time are bounded
  /// by a constant and by the bytes of the variables' strings, `inputBytes`.
  std::string render(const std::vector<Entry> &variables,
                     size_t inputBytes) const;

private:
  Ast ast;
};

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_TEMPLATE_H_
