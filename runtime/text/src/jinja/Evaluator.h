//===- Evaluator.h - The value of an expression -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_EVALUATOR_H_
#define TOKRT_TEXT_JINJA_EVALUATOR_H_

#include "Arena.h"
#include "Ast.h"

#include <string_view>
#include <vector>

namespace tokrt::text::jinja {

/// The variables of a rendering. A loop opens a scope for each turn, so what is
/// set in it is gone after it; an `if` opens none.
class Scopes {
public:
  Value get(std::string_view name) const;

  /// Changes the variable of the innermost scope, or makes it.
  void set(std::string_view name, Value value);

  size_t size() const { return variables.size(); }

  void open() { starts.push_back(variables.size()); }
  void close() {
    variables.resize(starts.back());
    starts.pop_back();
  }

private:
  std::vector<Entry> variables;
  std::vector<size_t> starts = {0};
};

class Evaluator {
public:
  Evaluator(const Source &source, Arena &arena, const Scopes &scopes)
      : source(source), arena(arena), scopes(scopes) {}

  /// Recursion is as deep as the expression is high, which the parser bounds.
  Value evaluate(const Expression &expression);

private:
  Value evaluateList(const Expression &expression);
  Value evaluateAttribute(const Expression &expression);
  Value evaluateItem(const Expression &expression);
  Value evaluateSlice(const Expression &expression);
  Value evaluateCall(const Expression &expression);
  Value evaluateUse(const Expression &expression);
  Value evaluateTest(const Expression &expression);
  Value evaluateUnary(const Expression &expression);
  Value evaluateBinary(const Expression &expression);

  Value entryOf(const Expression &expression, const Value &value,
                std::string_view name);
  Value makeNamespace(const Expression &expression);
  Value calculate(const Expression &expression, int64_t a, int64_t b);
  bool isLess(const Expression &expression, const Value &a, const Value &b);
  bool isIn(const Expression &expression, const Value &element,
            const Value &container);
  bool areEqual(size_t offset, const Value &a, const Value &b, int depth);
  size_t sliceBound(const Expression *bound, size_t absent, size_t size);

  const Source &source;
  Arena &arena;
  const Scopes &scopes;
};

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_EVALUATOR_H_
