//===- Parser.cpp - From a chat template's tokens to a tree ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recursive descent over the part of Jinja that chat templates use. What is not
// part of it is an error that says where and what.
//
//===----------------------------------------------------------------------===//

#include "Ast.h"
#include "Lexer.h"

#include "../Failure.h"

#include <algorithm>
#include <initializer_list>

namespace tokrt::text::jinja {

namespace {

/// Bounds of the recursion of this parser and of the evaluation of its trees.
/// Real templates reach about 10 and 20.
constexpr uint32_t kMaxNesting = 50;
constexpr uint32_t kMaxHeight = 200;

/// How strongly operators bind, weakest first. `Unary` is above them all.
enum Level { Or, And, Not, Compare, Sum, Concatenation, Product, Unary };

struct OperatorSyntax {
  std::string_view symbol;
  Level level;
  Operator operation;
};

constexpr OperatorSyntax kBinaryOperators[] = {
    {"or", Or, Operator::Or},
    {"and", And, Operator::And},
    {"==", Compare, Operator::Equal},
    {"!=", Compare, Operator::NotEqual},
    {"<", Compare, Operator::Less},
    {"<=", Compare, Operator::LessEqual},
    {">", Compare, Operator::Greater},
    {">=", Compare, Operator::GreaterEqual},
    {"in", Compare, Operator::In},
    {"not", Compare, Operator::NotIn}, // not in
    {"+", Sum, Operator::Add},
    {"-", Sum, Operator::Subtract},
    {"~", Concatenation, Operator::Concatenate},
    {"*", Product, Operator::Multiply},
    {"//", Product, Operator::FloorDivide},
    {"%", Product, Operator::Modulo},
};

class Parser {
public:
  explicit Parser(Ast &ast)
      : ast(ast), lexer(ast.source), current(lexer.next()) {}

  void parse() {
    ast.root = parseBlock({});
    if (!current.is(Token::Kind::End))
      raiseUnexpected("the end of the template");
  }

private:
  //===--------------------------------------------------------------------===//
  // Tokens
  //===--------------------------------------------------------------------===//

  Token take() {
    Token token = current;
    if (!token.is(Token::Kind::End))
      current = lexer.next();
    return token;
  }

  bool takeOperator(std::string_view symbol) {
    return current.isOperator(symbol) && (take(), true);
  }
  bool takeName(std::string_view name) {
    return current.isName(name) && (take(), true);
  }

  void expectOperator(std::string_view symbol) {
    if (!takeOperator(symbol))
      raiseUnexpected(quote(symbol));
  }

  std::string_view expectName(const char *what) {
    if (!current.is(Token::Kind::Name))
      raiseUnexpected(what);
    return take().text;
  }

  void expect(Token::Kind kind, const char *what) {
    if (!current.is(kind))
      raiseUnexpected(what);
    take();
  }

  static std::string quote(std::string_view text) {
    return "'" + excerpt(text) + "'";
  }

  [[noreturn]] void raiseUnexpected(const std::string &expected) {
    std::string found = current.is(Token::Kind::End) ? "the end of the template"
                                                     : quote(current.text);
    ast.source.raise(current.offset, "found %s, expected %s", found.c_str(),
                     expected.c_str());
  }

  //===--------------------------------------------------------------------===//
  // Statements
  //===--------------------------------------------------------------------===//

  /// Counts how deep the parser is in itself.
  class Nesting {
  public:
    explicit Nesting(Parser &parser) : parser(parser) {
      if (++parser.nesting > kMaxNesting)
        parser.ast.source.raise(parser.current.offset,
                                "found more than %u levels of nesting",
                                kMaxNesting);
    }
    ~Nesting() { --parser.nesting; }

  private:
    Parser &parser;
  };

  Statement &make(Statement::Kind kind, size_t offset) {
    ast.statements.push_back({kind, offset, {}, {}, nullptr, {}});
    return ast.statements.back();
  }

  /// Parses up to a statement whose name is one of `ends`; the next token is
  /// that name then.
  Block parseBlock(std::initializer_list<std::string_view> ends) {
    Nesting guard(*this);
    Block block;
    while (!current.is(Token::Kind::End)) {
      Token token = take();
      if (token.is(Token::Kind::Text)) {
        Statement &text = make(Statement::Kind::Text, token.offset);
        text.name = token.text;
        block.push_back(&text);
      } else if (token.is(Token::Kind::OutputBegin)) {
        Statement &output = make(Statement::Kind::Output, token.offset);
        output.value = parseExpression();
        expect(Token::Kind::OutputEnd, "'}}'");
        block.push_back(&output);
      } else { // nothing else follows the end of a tag
        for (std::string_view end : ends)
          if (current.isName(end))
            return block;
        block.push_back(parseStatement());
      }
    }
    if (ends.size())
      raiseUnexpected(quote(*(ends.end() - 1)));
    return block;
  }

  const Statement *parseStatement() {
    size_t offset = current.offset;
    if (takeName("if"))
      return parseIf(offset);
    if (takeName("for"))
      return parseFor(offset);
    if (takeName("set"))
      return parseSet(offset);
    raiseUnexpected("'if', 'for' or 'set'");
  }

  void endStatement() { expect(Token::Kind::StatementEnd, "'%}'"); }

  const Statement *parseIf(size_t offset) {
    Statement &statement = make(Statement::Kind::If, offset);
    bool isLast = false;
    do {
      Branch branch{isLast ? nullptr : parseExpression(), {}};
      endStatement();
      branch.body = isLast ? parseBlock({"endif"})
                           : parseBlock({"elif", "else", "endif"});
      statement.branches.push_back(std::move(branch));
      if (takeName("endif"))
        break;
      isLast = take().text == "else";
    } while (true);
    endStatement();
    return &statement;
  }

  const Statement *parseFor(size_t offset) {
    Statement &statement = make(Statement::Kind::For, offset);
    statement.name = expectName("the name of a variable");
    if (!takeName("in"))
      raiseUnexpected("'in'");
    // Without a condition: an `if` here would filter the elements.
    statement.value = parseBinary(Or);
    endStatement();
    statement.branches.push_back({nullptr, parseBlock({"else", "endfor"})});
    statement.branches.push_back({nullptr, {}});
    if (takeName("else")) {
      endStatement();
      statement.branches[1].body = parseBlock({"endfor"});
    }
    take();
    endStatement();
    return &statement;
  }

  const Statement *parseSet(size_t offset) {
    Statement &statement = make(Statement::Kind::Set, offset);
    statement.name = expectName("the name of a variable");
    if (takeOperator("."))
      statement.attribute = expectName("the name of an attribute");
    expectOperator("=");
    statement.value = parseExpression();
    endStatement();
    return &statement;
  }

  //===--------------------------------------------------------------------===//
  // Expressions
  //===--------------------------------------------------------------------===//

  Expression &make(Expression::Kind kind, size_t offset,
                   std::vector<const Expression *> operands = {},
                   std::vector<Argument> arguments = {}) {
    uint32_t height = 0;
    for (const Expression *operand : operands)
      height = std::max(height, operand ? operand->height : 0);
    for (const Argument &argument : arguments)
      height = std::max(height, argument.value->height);
    if (++height > kMaxHeight)
      ast.source.raise(offset, "found an expression with more than %u levels",
                       kMaxHeight);
    ast.expressions.push_back({kind,
                               Operator::Or,
                               offset,
                               height,
                               {},
                               {},
                               std::move(operands),
                               std::move(arguments)});
    return ast.expressions.back();
  }

  const Expression *parseExpression() {
    Nesting guard(*this);
    const Expression *value = parseBinary(Or);
    size_t offset = current.offset;
    if (!takeName("if"))
      return value;
    const Expression *condition = parseBinary(Or);
    const Expression *otherwise =
        takeName("else") ? parseExpression() : nullptr;
    return &make(Expression::Kind::Conditional, offset,
                 {value, condition, otherwise});
  }

  /// The binary operator that comes next, if it is of this level.
  const OperatorSyntax *peekOperator(Level level) const {
    if (current.is(Token::Kind::Operator) || current.is(Token::Kind::Name))
      for (const OperatorSyntax &syntax : kBinaryOperators)
        if (syntax.level == level && syntax.symbol == current.text)
          return &syntax;
    return nullptr;
  }

  const Expression *parseBinary(int level) {
    if (level == Unary)
      return parseUnary();
    if (level == Not && current.isName("not")) {
      Nesting guard(*this);
      size_t offset = take().offset;
      return makeUnary(Operator::Not, offset, parseBinary(Not));
    }
    const Expression *left = parseBinary(level + 1);
    bool compared = false;
    while (const OperatorSyntax *syntax =
               peekOperator(static_cast<Level>(level))) {
      if (compared)
        ast.source.raise(current.offset,
                         "found a comparison of a comparison; join the two "
                         "with 'and'");
      compared = level == Compare;
      size_t offset = take().offset;
      if (syntax->operation == Operator::NotIn && !takeName("in"))
        raiseUnexpected("'in'");
      const Expression *right = parseBinary(level + 1);
      Expression &binary =
          make(Expression::Kind::Binary, offset, {left, right});
      binary.operation = syntax->operation;
      left = &binary;
    }
    return left;
  }

  const Expression *makeUnary(Operator operation, size_t offset,
                              const Expression *operand) {
    Expression &unary = make(Expression::Kind::Unary, offset, {operand});
    unary.operation = operation;
    return &unary;
  }

  /// A filter or a test binds to the whole of `-x`, an attribute to `x`.
  const Expression *parseUnary() {
    const Expression *value = parseSigned();
    while (true) {
      size_t offset = current.offset;
      if (takeOperator("|")) {
        value = parseFilter(offset, value);
      } else if (takeName("is")) {
        value = parseTest(offset, value);
      } else {
        return value;
      }
    }
  }

  const Expression *parseSigned() {
    if (!current.isOperator("-"))
      return parsePostfix();
    Nesting guard(*this);
    size_t offset = take().offset;
    return makeUnary(Operator::Negate, offset, parseSigned());
  }

  const Expression *parseFilter(size_t offset, const Expression *value) {
    std::string_view name = expectName("the name of a filter");
    std::vector<Argument> arguments;
    if (current.isOperator("("))
      arguments = parseArguments();
    Expression &filter =
        make(Expression::Kind::Filter, offset, {value}, std::move(arguments));
    filter.name = name;
    return &filter;
  }

  const Expression *parseTest(size_t offset, const Expression *value) {
    bool negated = takeName("not");
    Expression &test = make(Expression::Kind::Test, offset, {value});
    test.name = expectName("the name of a test");
    return negated ? makeUnary(Operator::Not, offset, &test) : &test;
  }

  const Expression *parsePostfix() {
    const Expression *value = parsePrimary();
    while (true) {
      size_t offset = current.offset;
      if (takeOperator(".")) {
        std::string_view name = expectName("the name of an attribute");
        bool isCall = current.isOperator("(");
        std::vector<Argument> arguments;
        if (isCall)
          arguments = parseArguments();
        Expression &access = make(isCall ? Expression::Kind::Method
                                         : Expression::Kind::Attribute,
                                  offset, {value}, std::move(arguments));
        access.name = name;
        value = &access;
      } else if (takeOperator("[")) {
        value = parseSubscript(offset, value);
      } else {
        return value;
      }
    }
  }

  const Expression *parseSubscript(size_t offset, const Expression *value) {
    const Expression *first = nullptr;
    if (!current.isOperator(":"))
      first = parseExpression();
    if (takeOperator("]"))
      return &make(Expression::Kind::Item, offset, {value, first});
    expectOperator(":");
    const Expression *last = nullptr;
    if (!current.isOperator("]"))
      last = parseExpression();
    expectOperator("]");
    return &make(Expression::Kind::Slice, offset, {value, first, last});
  }

  std::vector<Argument> parseArguments() {
    expectOperator("(");
    std::vector<Argument> arguments;
    while (!takeOperator(")")) {
      if (!arguments.empty())
        expectOperator(",");
      arguments.push_back(parseArgument());
    }
    return arguments;
  }

  Argument parseArgument() {
    const Expression *value = parseExpression();
    size_t offset = current.offset;
    if (!takeOperator("="))
      return {{}, value};
    if (value->kind != Expression::Kind::Variable)
      ast.source.raise(offset, "found '=' behind an expression, expected it "
                               "behind the name of an argument");
    return {value->name, parseExpression()};
  }

  const Expression *parsePrimary() {
    size_t offset = current.offset;
    switch (current.kind) {
    case Token::Kind::Name:
      return parseName();
    case Token::Kind::Integer:
      return makeLiteral(offset, Value(take().integer));
    case Token::Kind::String:
      ast.strings.push_back(unescape(ast.source, offset, take().text));
      return makeLiteral(offset, Value(std::string_view(ast.strings.back())));
    default:
      break;
    }
    if (takeOperator("(")) {
      const Expression *value = parseExpression();
      expectOperator(")");
      return value;
    }
    if (takeOperator("[")) {
      std::vector<const Expression *> elements;
      while (!takeOperator("]")) {
        if (!elements.empty())
          expectOperator(",");
        elements.push_back(parseExpression());
      }
      return &make(Expression::Kind::List, offset, std::move(elements));
    }
    raiseUnexpected("an expression");
  }

  const Expression *makeLiteral(size_t offset, Value value) {
    Expression &literal = make(Expression::Kind::Literal, offset);
    literal.literal = value;
    return &literal;
  }

  const Expression *parseName() {
    size_t offset = current.offset;
    std::string_view name = take().text;
    if (name == "true" || name == "True")
      return makeLiteral(offset, Value(true));
    if (name == "false" || name == "False")
      return makeLiteral(offset, Value(false));
    if (name == "none" || name == "None")
      return makeLiteral(offset, Value::none());
    bool isCall = current.isOperator("(");
    std::vector<Argument> arguments;
    if (isCall)
      arguments = parseArguments();
    Expression &expression =
        make(isCall ? Expression::Kind::Call : Expression::Kind::Variable,
             offset, {}, std::move(arguments));
    expression.name = name;
    return &expression;
  }

  Ast &ast;
  Lexer lexer;
  Token current;
  uint32_t nesting = 0;
};

} // namespace

void parse(Ast &ast) { Parser(ast).parse(); }

} // namespace tokrt::text::jinja
