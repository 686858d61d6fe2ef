//===- Ast.h - A chat template as a tree ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_AST_H_
#define TOKRT_TEXT_JINJA_AST_H_

#include "Source.h"
#include "Value.h"

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tokrt::text::jinja {

enum class Operator : uint8_t {
  Or,
  And,
  Not,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
  Add,
  Subtract,
  Negate,
  Concatenate, // ~
  Multiply,
  FloorDivide,
  Modulo,
};

struct Expression;

/// An argument of a call, a filter or a test; `name` is empty by position.
struct Argument {
  std::string_view name;
  const Expression *value;
};

/// One node of an expression. Which fields a kind uses stands beside it.
struct Expression {
  enum class Kind : uint8_t {
    Literal,     // literal
    Variable,    // name
    List,        // operands
    Attribute,   // operands[0] . name
    Item,        // operands[0] [ operands[1] ]
    Slice,       // operands[0] [ operands[1] : operands[2] ], null where absent
    Call,        // name ( arguments )
    Method,      // operands[0] . name ( arguments )
    Filter,      // operands[0] | name ( arguments )
    Test,        // operands[0] is name
    Unary,       // operation operands[0]
    Binary,      // operands[0] operation operands[1]
    Conditional, // operands[0] if operands[1] else operands[2], null if absent
  };

  Kind kind;
  Operator operation;
  size_t offset;   // in the source
  uint32_t height; // of the tree below, which is how deep evaluation goes
  std::string_view name;
  Value literal;
  std::vector<const Expression *> operands;
  std::vector<Argument> arguments;
};

struct Statement;
using Block = std::vector<const Statement *>;

/// One branch of an `if`; `else` has no condition.
struct Branch {
  const Expression *condition;
  Block body;
};

struct Statement {
  enum class Kind : uint8_t {
    Text,   // name, as it stands
    Output, // value
    If,     // branches
    For,    // name in value: branches[0], else branches[1]
    Set,    // name or name.attribute = value
  };

  Kind kind;
  size_t offset;
  std::string_view name;
  std::string_view attribute;
  const Expression *value;
  std::vector<Branch> branches;
};

/// Owns the nodes, which point to each other and into `source`. Flat, so that
/// its destruction does not recurse.
struct Ast {
  explicit Ast(std::string_view text) : source(text) {}

  Source source;
  std::deque<Expression> expressions;
  std::deque<Statement> statements;
  std::deque<std::string> strings; // literals with escapes resolved
  Block root;
};

/// Parses a template; throws a `Failure` with the place of an error.
void parse(Ast &ast);

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_AST_H_
