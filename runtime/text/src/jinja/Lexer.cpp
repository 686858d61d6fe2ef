//===- Lexer.cpp - From a chat template's text to tokens ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"

#include "../Failure.h"
#include "../Utf8.h"

namespace tokrt::text::jinja {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool isBlank(std::string_view text) {
  for (char c : text)
    if (!isSpace(c))
      return false;
  return true;
}

std::string_view stripEnd(std::string_view text) {
  while (!text.empty() && isSpace(text.back()))
    text.remove_suffix(1);
  return text;
}

/// Longest first, so that the first that fits is the right one.
constexpr std::string_view kOperators[] = {
    "//", "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*",
    "%",  "~",  "(",  ")",  "[",  "]", ",", ".", ":", "|"};

} // namespace

Token Lexer::token(Token::Kind kind, size_t size) {
  Token token{kind, position, text.substr(position, size), 0};
  position += size;
  return token;
}

Token Lexer::next() { return mode == Mode::Text ? lexText() : lexTag(); }

/// The offset of the next tag of any kind, or the end.
size_t Lexer::findTag() const {
  for (size_t i = position;;) {
    i = text.find('{', i);
    if (i == std::string_view::npos || i + 1 == text.size())
      return text.size();
    char c = text[i + 1];
    if (c == '{' || c == '%' || c == '#')
      return i;
    ++i;
  }
}

/// Whether nothing but white space is between the start of the line and `tag`.
/// `position` is behind the tag before it.
bool Lexer::startsLine(size_t tag) const {
  std::string_view before = text.substr(position, tag - position);
  size_t lineFeed = before.rfind('\n');
  if (lineFeed != std::string_view::npos)
    return isBlank(before.substr(lineFeed + 1));
  return isBlank(before) && (position == 0 || text[position - 1] == '\n');
}

Token Lexer::lexText() {
  while (position < text.size()) {
    size_t tag = findTag();
    std::string_view content = text.substr(position, tag - position);
    size_t begin = position;
    char kind = tag < text.size() ? text[tag + 1] : 0;
    char sign = tag + 2 < text.size() ? text[tag + 2] : 0;
    if (kind && sign == '-')
      content = stripEnd(content);
    else if (kind && kind != '{' && sign != '+' && startsLine(tag))
      content = content.substr(0, content.rfind('\n') + 1);

    position = tag;
    if (!content.empty())
      return {Token::Kind::Text, begin, content, 0};
    if (!kind)
      break;
    if (kind == '#') {
      skipComment();
      continue;
    }
    bool isOutput = kind == '{';
    mode = isOutput ? Mode::Output : Mode::Statement;
    return token(isOutput ? Token::Kind::OutputBegin
                          : Token::Kind::StatementBegin,
                 sign == '-' || sign == '+' ? 3 : 2);
  }
  return token(Token::Kind::End, 0);
}

void Lexer::skipComment() {
  size_t end = text.find("#}", position + 2);
  if (end == std::string_view::npos)
    source.raise(position, "found a comment without end, expected '#}'");
  char sign = end > position + 2 ? text[end - 1] : 0;
  position = end + 2;
  endTag(/*isOutput=*/false, sign);
}

/// Passes the white space behind a tag that goes with it.
void Lexer::endTag(bool isOutput, char sign) {
  if (sign == '-')
    while (position < text.size() && isSpace(text[position]))
      ++position;
  else if (!isOutput && sign != '+' && position < text.size() &&
           text[position] == '\n')
    ++position;
  mode = Mode::Text;
}

Token Lexer::lexTag() {
  while (position < text.size() && isSpace(text[position]))
    ++position;
  if (position == text.size())
    source.raise(position,
                 "found the end of the template inside a tag, "
                 "expected '%s'",
                 mode == Mode::Output ? "}}" : "%}");

  std::string_view rest = text.substr(position);
  std::string_view close = mode == Mode::Output ? "}}" : "%}";
  bool isSigned = rest[0] == '-' || rest[0] == '+';
  if (rest.substr(isSigned, 2) == close) {
    bool isOutput = mode == Mode::Output;
    Token end =
        token(isOutput ? Token::Kind::OutputEnd : Token::Kind::StatementEnd,
              close.size() + isSigned);
    endTag(isOutput, isSigned ? rest[0] : 0);
    return end;
  }

  char c = rest[0];
  if (c == '"' || c == '\'')
    return lexString(c);
  if (isDigit(c))
    return lexInteger();
  if (isNameStart(c)) {
    size_t size = 1;
    while (size < rest.size() &&
           (isNameStart(rest[size]) || isDigit(rest[size])))
      ++size;
    return token(Token::Kind::Name, size);
  }
  for (std::string_view symbol : kOperators)
    if (rest.substr(0, symbol.size()) == symbol)
      return token(Token::Kind::Operator, symbol.size());
  source.raise(position,
               "found '%s', which the templates of this library do "
               "not have",
               std::string(rest.substr(0, readUtf8(rest).size)).c_str());
}

Token Lexer::lexString(char quote) {
  size_t end = position + 1;
  while (end < text.size() && text[end] != quote)
    end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size())
    source.raise(position, "found a string without end, expected another %c",
                 quote);
  Token string{Token::Kind::String, position,
               text.substr(position + 1, end - position - 1), 0};
  position = end + 1;
  return string;
}

Token Lexer::lexInteger() {
  size_t size = 0;
  int64_t value = 0;
  for (; position + size < text.size() && isDigit(text[position + size]);
       ++size)
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, text[position + size] - '0', &value))
      source.raise(position, "found an integer that does not fit 64 bits");
  std::string_view rest = text.substr(position + size);
  if (rest.size() > 1 && rest[0] == '.' && isDigit(rest[1]))
    source.raise(position, "found a fraction, expected an integer");
  Token integer = token(Token::Kind::Integer, size);
  integer.integer = value;
  return integer;
}

/// Reads `count` hexadecimal digits.
static bool readHex(std::string_view text, size_t count, char32_t &value) {
  value = 0;
  if (text.size() < count)
    return false;
  for (char c : text.substr(0, count)) {
    char lower = static_cast<char>(c | 0x20);
    if (isDigit(c))
      value = value << 4 | static_cast<char32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      value = value << 4 | static_cast<char32_t>(lower - 'a' + 10);
    else
      return false;
  }
  return true;
}

std::string unescape(const Source &source, size_t offset,
                     std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv\\'\"\n";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    // The lexer has seen a character behind every backslash.
    char c = text[++i];
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits) {
      char32_t value;
      if (!readHex(text.substr(i + 1), digits, value) || value > 0x10ffff)
        source.raise(offset,
                     "found '\\%c' in a string, expected the %zu "
                     "hexadecimal digits of a character after it",
                     c, digits);
      appendUtf8(out, value);
      i += digits;
      continue;
    }
    size_t letter = kLetters.find(c);
    if (letter == std::string_view::npos) // stands for itself, as in Python
      out.append({'\\', c});
    else if (letter < kMeanings.size()) // a line feed stands for nothing
      out += kMeanings[letter];
  }
  return out;
}

} // namespace tokrt::text::jinja
