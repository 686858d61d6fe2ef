//===- Lexer.h - From a chat template's text to tokens ----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_LEXER_H_
#define TOKRT_TEXT_JINJA_LEXER_H_

#include "Source.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace tokrt::text::jinja {

struct Token {
  enum class Kind : uint8_t {
    Text,           // between tags, white space at the tags removed
    OutputBegin,    // {{
    OutputEnd,      // }}
    StatementBegin, // {%
    StatementEnd,   // %}
    Name,
    String,
    Integer,
    Operator,
    End, // of the template
  };

  Kind kind;
  size_t offset;
  /// As it stands in the source; of a string, what is between the quotes.
  std::string_view text;
  int64_t integer;

  bool is(Kind other) const { return kind == other; }
  bool isOperator(std::string_view other) const {
    return kind == Kind::Operator && text == other;
  }
  bool isName(std::string_view other) const {
    return kind == Kind::Name && text == other;
  }
};

/// Gives the tokens of a template one by one. Removes white space as chat
/// templates expect it: a minus sign at a tag takes all there is on its side;
/// the line feed behind a statement or a comment goes, and so do the spaces
/// between the start of a line and a statement or a comment (`trim_blocks` and
/// `lstrip_blocks`), unless a plus sign keeps them.
class Lexer {
public:
  explicit Lexer(const Source &source) : source(source), text(source.text()) {}

  Token next();

private:
  enum class Mode : uint8_t { Text, Output, Statement };

  Token token(Token::Kind kind, size_t size);
  Token lexText();
  Token lexTag();
  Token lexString(char quote);
  Token lexInteger();

  size_t findTag() const;
  bool startsLine(size_t tag) const;
  void skipComment();
  void endTag(bool isOutput, char sign);

  const Source &source;
  std::string_view text;
  size_t position = 0;
  Mode mode = Mode::Text;
};

/// The text that a string literal stands for. `text` is what is between its
/// quotes.
std::string unescape(const Source &source, size_t offset,
                     std::string_view text);

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_LEXER_H_
