//===- Evaluator.cpp - The value of an expression -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"

#include "Builtins.h"

#include "../Failure.h"
#include "../Utf8.h"

#include <algorithm>

namespace tokrt::text::jinja {

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

Value Scopes::get(std::string_view name) const {
  for (auto it = variables.rbegin(); it != variables.rend(); ++it)
    if (it->name == name)
      return it->value;
  return Value();
}

void Scopes::set(std::string_view name, Value value) {
  for (size_t i = starts.back(); i < variables.size(); ++i)
    if (variables[i].name == name) {
      variables[i].value = value;
      return;
    }
  variables.push_back({name, value});
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Value Evaluator::evaluate(const Expression &expression) {
  arena.charge(expression.offset, 1);
  switch (expression.kind) {
  case Expression::Kind::Literal:
    return expression.literal;
  case Expression::Kind::Variable:
    arena.charge(expression.offset, scopes.size());
    return scopes.get(expression.name);
  case Expression::Kind::List:
    return evaluateList(expression);
  case Expression::Kind::Attribute:
    return evaluateAttribute(expression);
  case Expression::Kind::Item:
    return evaluateItem(expression);
  case Expression::Kind::Slice:
    return evaluateSlice(expression);
  case Expression::Kind::Call:
    return evaluateCall(expression);
  case Expression::Kind::Method:
  case Expression::Kind::Filter:
    return evaluateUse(expression);
  case Expression::Kind::Test:
    return evaluateTest(expression);
  case Expression::Kind::Unary:
    return evaluateUnary(expression);
  case Expression::Kind::Binary:
    return evaluateBinary(expression);
  case Expression::Kind::Conditional:
    if (evaluate(*expression.operands[1]).isTrue())
      return evaluate(*expression.operands[0]);
    return expression.operands[2] ? evaluate(*expression.operands[2]) : Value();
  }
  __builtin_unreachable();
}

Value Evaluator::evaluateList(const Expression &expression) {
  std::vector<Value> elements;
  for (const Expression *operand : expression.operands)
    elements.push_back(evaluate(*operand));
  return arena.makeList(expression.offset, elements.data(), elements.size());
}

Value Evaluator::evaluateAttribute(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  if (value.is(Value::Kind::Undefined))
    source.raise(expression.offset,
                 "found an undefined value, expected one with an attribute "
                 "'%s'",
                 excerpt(expression.name).c_str());
  return entryOf(expression, value, expression.name);
}

/// The value of an entry, or undefined if `value` has none of that name.
Value Evaluator::entryOf(const Expression &expression, const Value &value,
                         std::string_view name) {
  if (!value.is(Value::Kind::Mapping) && !value.is(Value::Kind::Namespace))
    return Value();
  arena.charge(expression.offset, value.asMapping().size);
  return value.get(name);
}

Value Evaluator::evaluateItem(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  Value key = evaluate(*expression.operands[1]);
  if (value.is(Value::Kind::Undefined) || value.is(Value::Kind::String))
    source.raise(expression.offset,
                 "found an element of %s, expected one of a list or a mapping",
                 value.describe());
  if (key.is(Value::Kind::String))
    return entryOf(expression, value, key.asString());
  if (!value.is(Value::Kind::List) || !key.isNumber())
    return Value();
  int64_t size = static_cast<int64_t>(value.listSize());
  int64_t index = key.asInteger();
  index += index < 0 ? size : 0;
  return index >= 0 && index < size ? value.begin()[index] : Value();
}

/// A bound of a slice as Python takes it: from the end if negative, and never
/// out of the list.
size_t Evaluator::sliceBound(const Expression *bound, size_t absent,
                             size_t size) {
  Value value = bound ? evaluate(*bound) : Value::none();
  if (value.is(Value::Kind::None))
    return absent;
  if (!value.is(Value::Kind::Integer))
    source.raise(bound->offset, "found %s, expected an integer",
                 value.describe());
  int64_t index = value.asInteger();
  if (index < 0)
    index = std::max<int64_t>(0, index + static_cast<int64_t>(size));
  return std::min(static_cast<size_t>(index), size);
}

Value Evaluator::evaluateSlice(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  if (!value.is(Value::Kind::List))
    source.raise(expression.offset,
                 "found a slice of %s, expected one of a "
                 "list",
                 value.describe());
  size_t size = value.listSize();
  size_t begin = sliceBound(expression.operands[1], 0, size);
  size_t end = sliceBound(expression.operands[2], size, size);
  return Value::list(value.begin() + begin, end > begin ? end - begin : 0);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Value Evaluator::evaluateCall(const Expression &expression) {
  if (expression.name == "namespace")
    return makeNamespace(expression);
  if (expression.name == "raise_exception") {
    Value reason = expression.arguments.empty()
                       ? Value("no reason given")
                       : evaluate(*expression.arguments[0].value);
    reason = toString(source, arena, expression.offset, reason);
    source.raise(expression.offset, "the template refuses the messages: %s",
                 std::string(reason.asString().substr(0, 300)).c_str());
  }
  source.raise(expression.offset,
               "found the function '%s', expected 'namespace' or "
               "'raise_exception'",
               excerpt(expression.name).c_str());
}

Value Evaluator::makeNamespace(const Expression &expression) {
  std::vector<Entry> entries;
  for (const Argument &argument : expression.arguments) {
    if (argument.name.empty())
      source.raise(argument.value->offset,
                   "found a value, expected 'name = value'");
    entries.push_back({argument.name, evaluate(*argument.value)});
  }
  return arena.makeMapping(expression.offset, entries.data(), entries.size(),
                           Value::Kind::Namespace);
}

/// Evaluates a filter or a method.
Value Evaluator::evaluateUse(const Expression &expression) {
  bool isFilter = expression.kind == Expression::Kind::Filter;
  const char *what = isFilter ? "filter" : "method";
  std::string name = excerpt(expression.name);
  const Function *function =
      isFilter ? findFilter(expression.name) : findMethod(expression.name);
  if (!function)
    source.raise(expression.offset,
                 "found the %s '%s', which the templates of this library do "
                 "not have",
                 what, name.c_str());

  Use use{source,
          arena,
          expression.offset,
          expression.name,
          evaluate(*expression.operands[0]),
          {}};
  size_t position = 0;
  bool given[Use::kMaxArguments] = {};
  for (const Argument &argument : expression.arguments) {
    size_t index = argument.name.empty() ? position++ : 0;
    if (!argument.name.empty())
      while (index < Use::kMaxArguments &&
             function->parameters[index] != argument.name)
        ++index;
    if (index >= Use::kMaxArguments || function->parameters[index].empty() ||
        given[index])
      source.raise(argument.value->offset,
                   "found an argument that the %s '%s' does not take", what,
                   name.c_str());
    given[index] = true;
    use.arguments[index] = evaluate(*argument.value);
  }
  for (size_t i = 0; i < function->required; ++i)
    if (!given[i])
      source.raise(expression.offset,
                   "found the %s '%s' without the argument '%s'", what,
                   name.c_str(), std::string(function->parameters[i]).c_str());
  return function->apply(use);
}

Value Evaluator::evaluateTest(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  Test test = findTest(expression.name);
  if (!test)
    source.raise(expression.offset,
                 "found the test '%s', which the templates of this library do "
                 "not have",
                 excerpt(expression.name).c_str());
  return Value(test(value));
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

Value Evaluator::evaluateUnary(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  if (expression.operation == Operator::Not)
    return Value(!value.isTrue());
  if (!value.isNumber())
    source.raise(expression.offset, "found '-' with %s, expected an integer",
                 value.describe());
  return calculate(expression, 0, value.asInteger());
}

Value Evaluator::evaluateBinary(const Expression &expression) {
  Value a = evaluate(*expression.operands[0]);
  Operator operation = expression.operation;
  if (operation == Operator::Or || operation == Operator::And)
    return a.isTrue() == (operation == Operator::Or)
               ? a
               : evaluate(*expression.operands[1]);

  Value b = evaluate(*expression.operands[1]);
  size_t offset = expression.offset;
  switch (operation) {
  case Operator::Equal:
    return Value(areEqual(offset, a, b, 0));
  case Operator::NotEqual:
    return Value(!areEqual(offset, a, b, 0));
  case Operator::Less:
    return Value(isLess(expression, a, b));
  case Operator::LessEqual:
    return Value(!isLess(expression, b, a));
  case Operator::Greater:
    return Value(isLess(expression, b, a));
  case Operator::GreaterEqual:
    return Value(!isLess(expression, a, b));
  case Operator::In:
    return Value(isIn(expression, a, b));
  case Operator::NotIn:
    return Value(!isIn(expression, a, b));
  case Operator::Concatenate:
    return arena.join(offset, toString(source, arena, offset, a).asString(),
                      toString(source, arena, offset, b).asString());
  case Operator::Add:
    if (a.is(Value::Kind::String) && b.is(Value::Kind::String))
      return arena.join(offset, a.asString(), b.asString());
    if (a.is(Value::Kind::List) && b.is(Value::Kind::List)) {
      std::vector<Value> elements(a.begin(), a.end());
      elements.insert(elements.end(), b.begin(), b.end());
      return arena.makeList(offset, elements.data(), elements.size());
    }
    break;
  default:
    break;
  }
  if (!a.isNumber() || !b.isNumber())
    source.raise(offset,
                 "found an operator between %s and %s, which it does "
                 "not join",
                 a.describe(), b.describe());
  return calculate(expression, a.asInteger(), b.asInteger());
}

Value Evaluator::calculate(const Expression &expression, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  switch (expression.operation) {
  case Operator::Add:
    overflows = __builtin_add_overflow(a, b, &result);
    break;
  case Operator::Subtract:
  case Operator::Negate:
    overflows = __builtin_sub_overflow(a, b, &result);
    break;
  case Operator::Multiply:
    overflows = __builtin_mul_overflow(a, b, &result);
    break;
  default:
    if (b == 0)
      source.raise(expression.offset, "found a division by zero");
    // -1 apart, because the least integer has no counterpart.
    if (b == -1) {
      if (expression.operation == Operator::FloorDivide)
        overflows = __builtin_sub_overflow(int64_t(0), a, &result);
      break;
    }
    // Python rounds down, and the remainder has the sign of the divisor.
    bool roundDown = a % b != 0 && (a % b < 0) != (b < 0);
    result = expression.operation == Operator::FloorDivide
                 ? a / b - roundDown
                 : a % b + (roundDown ? b : 0);
  }
  if (overflows)
    source.raise(expression.offset, "found a result that does not fit 64 bits");
  return Value(result);
}

bool Evaluator::isLess(const Expression &expression, const Value &a,
                       const Value &b) {
  if (a.isNumber() && b.isNumber())
    return a.asInteger() < b.asInteger();
  if (!a.is(Value::Kind::String) || !b.is(Value::Kind::String))
    source.raise(expression.offset,
                 "found %s compared with %s, which have no order", a.describe(),
                 b.describe());
  arena.charge(expression.offset,
               std::min(a.asString().size(), b.asString().size()));
  return a.asString() < b.asString();
}

bool Evaluator::isIn(const Expression &expression, const Value &element,
                     const Value &container) {
  size_t offset = expression.offset;
  switch (container.getKind()) {
  case Value::Kind::String:
    if (!element.is(Value::Kind::String))
      break;
    arena.charge(offset,
                 container.asString().size() + element.asString().size());
    return findBytes(container.asString(), element.asString()) !=
           std::string_view::npos;
  case Value::Kind::List:
    return std::any_of(container.begin(), container.end(),
                       [&](const Value &other) {
                         return areEqual(offset, element, other, 0);
                       });
  case Value::Kind::Mapping:
    arena.charge(offset, container.asMapping().size);
    return element.is(Value::Kind::String) &&
           container.find(element.asString());
  case Value::Kind::Undefined:
    return false;
  default:
    break;
  }
  source.raise(offset, "found 'in' between %s and %s, which cannot contain it",
               element.describe(), container.describe());
}

bool Evaluator::areEqual(size_t offset, const Value &a, const Value &b,
                         int depth) {
  if (depth > kMaxValueDepth)
    source.raise(offset, "found values nested deeper than %d", kMaxValueDepth);
  arena.charge(offset, 1);
  if (a.isNumber() && b.isNumber())
    return a.asInteger() == b.asInteger();
  if (a.getKind() != b.getKind())
    return false;
  switch (a.getKind()) {
  case Value::Kind::String:
    arena.charge(offset, std::min(a.asString().size(), b.asString().size()));
    return a.asString() == b.asString();
  case Value::Kind::List:
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](const Value &x, const Value &y) {
                        return areEqual(offset, x, y, depth + 1);
                      });
  case Value::Kind::Mapping: {
    const Value::Entries &entries = a.asMapping();
    return entries.size == b.asMapping().size &&
           std::all_of(entries.data, entries.data + entries.size,
                       [&](const Entry &entry) {
                         arena.charge(offset, entries.size);
                         const Entry *other = b.find(entry.name);
                         return other && areEqual(offset, entry.value,
                                                  other->value, depth + 1);
                       });
  }
  case Value::Kind::Namespace:
    return &a.asMapping() == &b.asMapping();
  default: // undefined and none have one value each
    return true;
  }
}

} // namespace tokrt::text::jinja
