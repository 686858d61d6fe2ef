//===- Template.cpp - The Jinja of chat templates -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Template.h"

#include "Arena.h"
#include "Builtins.h"
#include "Evaluator.h"

#include "../Failure.h"

namespace tokrt::text::jinja {

namespace {

/// Units of work a rendering may take, and as many again for each byte of its
/// input: a template copies a message as often as it joins it to something, and
/// real ones do so less than ten times.
constexpr size_t kBaseBudget = 16 << 20;
constexpr size_t kBudgetPerByte = 64;

/// Carries out statements. Recursion is as deep as they are nested, which the
/// parser bounds.
class Renderer {
public:
  Renderer(const Source &source, size_t budget)
      : source(source), arena(source, budget),
        evaluator(source, arena, scopes) {}

  Scopes scopes;
  std::string out;

  void run(const Block &block) {
    for (const Statement *statement : block)
      run(*statement);
  }

private:
  void run(const Statement &statement) {
    arena.charge(statement.offset, 1);
    switch (statement.kind) {
    case Statement::Kind::Text:
      return write(statement.offset, statement.name);
    case Statement::Kind::Output: {
      Value value = evaluator.evaluate(*statement.value);
      value = toString(source, arena, statement.value->offset, value);
      return write(statement.offset, value.asString());
    }
    case Statement::Kind::If:
      for (const Branch &branch : statement.branches)
        if (!branch.condition || evaluator.evaluate(*branch.condition).isTrue())
          return run(branch.body);
      return;
    case Statement::Kind::For:
      return runFor(statement);
    case Statement::Kind::Set:
      return runSet(statement);
    }
  }

  void write(size_t offset, std::string_view text) {
    arena.charge(offset, text.size());
    out += text;
  }

  void runFor(const Statement &statement) {
    Value list = evaluator.evaluate(*statement.value);
    if (list.is(Value::Kind::Undefined)) // as empty
      list = Value::list(nullptr, 0);
    if (!list.is(Value::Kind::List))
      source.raise(statement.value->offset, "found %s, expected a list",
                   list.describe());
    size_t size = list.listSize();
    if (size == 0)
      return run(statement.branches[1].body);
    for (size_t i = 0; i < size; ++i) {
      scopes.open();
      scopes.set("loop", makeLoop(statement.offset, list, i));
      scopes.set(statement.name, list.begin()[i]);
      run(statement.branches[0].body);
      scopes.close();
    }
  }

  /// The variable `loop` of turn `i` over `list`.
  Value makeLoop(size_t offset, const Value &list, size_t i) {
    size_t size = list.listSize();
    auto number = [](size_t value) {
      return Value(static_cast<int64_t>(value));
    };
    const Entry fields[] = {
        {"index", number(i + 1)},
        {"index0", number(i)},
        {"revindex", number(size - i)},
        {"revindex0", number(size - i - 1)},
        {"first", Value(i == 0)},
        {"last", Value(i + 1 == size)},
        {"length", number(size)},
        {"previtem", i == 0 ? Value() : list.begin()[i - 1]},
        {"nextitem", i + 1 == size ? Value() : list.begin()[i + 1]},
    };
    return arena.makeMapping(offset, fields, std::size(fields));
  }

  void runSet(const Statement &statement) {
    Value value = evaluator.evaluate(*statement.value);
    if (statement.attribute.empty()) {
      arena.charge(statement.offset, scopes.size() + sizeof(Entry));
      return scopes.set(statement.name, value);
    }
    Value target = scopes.get(statement.name);
    if (!target.is(Value::Kind::Namespace))
      source.raise(statement.offset,
                   "found %s, expected a namespace, which alone has attributes "
                   "that can be set",
                   target.describe());
    arena.setEntry(statement.offset, target, statement.attribute, value);
  }

  const Source &source;
  Arena arena;
  Evaluator evaluator;
};

} // namespace

Template::Template(std::string_view source) : ast(source) { parse(ast); }

std::string Template::render(const std::vector<Entry> &variables,
                             size_t inputBytes) const {
  size_t budget;
  if (__builtin_mul_overflow(inputBytes, kBudgetPerByte, &budget) ||
      __builtin_add_overflow(budget, kBaseBudget, &budget))
    text::raise(TOKRT_INVALID_ARGUMENT, "text: found %zu bytes of messages",
                inputBytes);
  Renderer renderer(ast.source, budget);
  for (const Entry &variable : variables)
    renderer.scopes.set(variable.name, variable.value);
  renderer.run(ast.root);
  return std::move(renderer.out);
}

} // namespace tokrt::text::jinja
