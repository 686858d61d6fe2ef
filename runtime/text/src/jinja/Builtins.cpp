//===- Builtins.cpp - Filters, methods and tests of templates -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Builtins.h"

#include "../Failure.h"
#include "../Utf8.h"

#include <string>
#include <vector>

namespace tokrt::text::jinja {

//===----------------------------------------------------------------------===//
// Help for all of them
//===----------------------------------------------------------------------===//

void Use::raise(const Value &found, const char *expected) const {
  source.raise(offset, "'%s': found %s, expected %s", excerpt(name).c_str(),
               found.describe(), expected);
}

std::string_view Use::subjectString() const {
  if (!subject.is(Value::Kind::String))
    raise(subject, "a string");
  arena.charge(offset, subject.asString().size());
  return subject.asString();
}

std::string_view Use::argumentString(size_t index) const {
  if (!arguments[index].is(Value::Kind::String))
    raise(arguments[index], "a string as argument");
  arena.charge(offset, arguments[index].asString().size());
  return arguments[index].asString();
}

Value toString(const Source &source, Arena &arena, size_t offset,
               const Value &value) {
  switch (value.getKind()) {
  case Value::Kind::String:
    return value;
  case Value::Kind::Undefined:
    return Value("");
  case Value::Kind::None:
    return Value("None");
  case Value::Kind::Boolean:
    return Value(value.asBoolean() ? "True" : "False");
  case Value::Kind::Integer:
    return arena.join(offset, std::to_string(value.asInteger()), {});
  default:
    source.raise(offset,
                 "found %s, expected a value that can be written; use "
                 "the filter 'tojson'",
                 value.describe());
  }
}

namespace {

//===----------------------------------------------------------------------===//
// Strings
//===----------------------------------------------------------------------===//

/// White space as Python's `str.strip` takes it.
bool isSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 ||
         c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool contains(std::string_view characters, char32_t wanted) {
  while (!characters.empty()) {
    Utf8Unit unit = readUtf8(characters);
    if (unit.kind == Utf8Unit::Character && unit.value == wanted)
      return true;
    characters.remove_prefix(unit.size);
  }
  return false;
}

/// `text` without the characters at its ends that are among the first argument
/// or, without one, white space.
Value strip(const Use &use, bool atStart, bool atEnd) {
  std::string_view text = use.subjectString();
  std::string_view set;
  bool anySpace = !use.arguments[0].isTrue();
  if (!anySpace)
    set = use.argumentString(0);
  use.arena.charge(use.offset, text.size() * set.size());

  size_t first = std::string_view::npos, last = 0;
  for (size_t i = 0; i < text.size();) {
    Utf8Unit unit = readUtf8(text.substr(i));
    bool goes = unit.kind == Utf8Unit::Character &&
                (anySpace ? isSpace(unit.value) : contains(set, unit.value));
    if (!goes && first == std::string_view::npos)
      first = i;
    i += unit.size;
    if (!goes)
      last = i;
  }
  if (first == std::string_view::npos) // every character goes
    return Value("");
  size_t begin = atStart ? first : 0;
  size_t end = atEnd ? last : text.size();
  return Value(text.substr(begin, end - begin));
}

Value stripBoth(const Use &use) { return strip(use, true, true); }
Value stripStart(const Use &use) { return strip(use, true, false); }
Value stripEnd(const Use &use) { return strip(use, false, true); }

/// The filter takes any value, the method only strings.
Value trim(const Use &use) {
  Use onString = use;
  onString.subject = toString(use.source, use.arena, use.offset, use.subject);
  return stripBoth(onString);
}

Value startsWith(const Use &use) {
  std::string_view text = use.subjectString(), start = use.argumentString(0);
  return Value(text.substr(0, start.size()) == start);
}

Value endsWith(const Use &use) {
  std::string_view text = use.subjectString(), end = use.argumentString(0);
  return Value(text.size() >= end.size() &&
               text.substr(text.size() - end.size()) == end);
}

Value split(const Use &use) {
  std::string_view text = use.subjectString(),
                   separator = use.argumentString(0);
  if (separator.empty())
    use.raise(use.arguments[0], "a separator that is not empty");
  std::vector<Value> parts;
  size_t next;
  while ((next = findBytes(text, separator)) != std::string_view::npos) {
    parts.emplace_back(text.substr(0, next));
    text.remove_prefix(next + separator.size());
  }
  parts.emplace_back(text);
  return use.arena.makeList(use.offset, parts.data(), parts.size());
}

//===----------------------------------------------------------------------===//
// Any value
//===----------------------------------------------------------------------===//

Value length(const Use &use) {
  switch (use.subject.getKind()) {
  case Value::Kind::String:
    return Value(static_cast<int64_t>(countCharacters(use.subjectString())));
  case Value::Kind::List:
    return Value(static_cast<int64_t>(use.subject.listSize()));
  case Value::Kind::Mapping:
    return Value(static_cast<int64_t>(use.subject.asMapping().size));
  case Value::Kind::Undefined:
    return Value(int64_t(0));
  default:
    use.raise(use.subject, "a string, a list or a mapping");
  }
}

Value defaultTo(const Use &use) {
  bool replaceFalse = use.arguments[1].isTrue();
  bool keep = replaceFalse ? use.subject.isTrue()
                           : !use.subject.is(Value::Kind::Undefined);
  if (keep)
    return use.subject;
  return use.arguments[0].is(Value::Kind::Undefined) ? Value("")
                                                     : use.arguments[0];
}

const Value &elementsOf(const Use &use) {
  if (!use.subject.is(Value::Kind::List))
    use.raise(use.subject, "a list");
  return use.subject;
}

Value first(const Use &use) {
  const Value &list = elementsOf(use);
  return list.listSize() ? *list.begin() : Value();
}

Value last(const Use &use) {
  const Value &list = elementsOf(use);
  return list.listSize() ? *(list.end() - 1) : Value();
}

Value join(const Use &use) {
  std::string_view separator;
  if (!use.arguments[0].is(Value::Kind::Undefined))
    separator = use.argumentString(0);
  std::string out;
  for (const Value &element : elementsOf(use)) {
    if (&element != use.subject.begin())
      out += separator;
    Value text = toString(use.source, use.arena, use.offset, element);
    use.arena.charge(use.offset, text.asString().size() + separator.size());
    out += text.asString();
  }
  return use.arena.join(use.offset, out, {});
}

Value string(const Use &use) {
  return toString(use.source, use.arena, use.offset, use.subject);
}

/// The value of a mapping's key, or the second argument.
Value get(const Use &use) {
  if (!use.subject.is(Value::Kind::Mapping))
    use.raise(use.subject, "a mapping");
  if (const Entry *entry = use.subject.find(use.argumentString(0)))
    return entry->value;
  return use.arguments[1].is(Value::Kind::Undefined) ? Value::none()
                                                     : use.arguments[1];
}

//===----------------------------------------------------------------------===//
// JSON, as Python's `json.dumps(value, ensure_ascii=False)` writes it: that is
// how the templates' own library defines the filter.
//===----------------------------------------------------------------------===//

void writeJsonString(std::string_view text, std::string &out) {
  constexpr std::string_view kSpecial = "\"\\\n\r\t\b\f";
  constexpr std::string_view kEscapes = "\"\\nrtbf";
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    size_t special = kSpecial.find(c);
    if (special != std::string_view::npos)
      out.append({'\\', kEscapes[special]});
    else if (static_cast<uint8_t>(c) < 0x20)
      out.append("\\u00").append({kHex[c >> 4], kHex[c & 15]});
    else
      out += c;
  }
  out += '"';
}

void writeJson(const Use &use, const Value &value, int depth,
               std::string &out) {
  if (depth > kMaxValueDepth)
    use.source.raise(use.offset, "'tojson': found values nested deeper than %d",
                     kMaxValueDepth);
  size_t before = out.size();
  switch (value.getKind()) {
  case Value::Kind::None:
    out += "null";
    break;
  case Value::Kind::Boolean:
    out += value.asBoolean() ? "true" : "false";
    break;
  case Value::Kind::Integer:
    out += std::to_string(value.asInteger());
    break;
  case Value::Kind::String:
    use.arena.charge(use.offset, value.asString().size());
    writeJsonString(value.asString(), out);
    break;
  case Value::Kind::List:
    out += '[';
    for (const Value &element : value) {
      if (&element != value.begin())
        out += ", ";
      writeJson(use, element, depth + 1, out);
    }
    out += ']';
    break;
  case Value::Kind::Mapping: {
    const Value::Entries &entries = value.asMapping();
    out += '{';
    for (size_t i = 0; i < entries.size; ++i) {
      if (i)
        out += ", ";
      writeJsonString(entries.data[i].name, out);
      out += ": ";
      writeJson(use, entries.data[i].value, depth + 1, out);
    }
    out += '}';
    break;
  }
  default:
    use.raise(value, "a value that JSON has");
  }
  use.arena.charge(use.offset, out.size() - before);
}

Value toJson(const Use &use) {
  std::string out;
  writeJson(use, use.subject, 0, out);
  return use.arena.join(use.offset, out, {});
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

constexpr Function kFilters[] = {
    {"count", 0, {}, length},
    {"default", 0, {"default_value", "boolean"}, defaultTo},
    {"first", 0, {}, first},
    {"join", 0, {"d"}, join},
    {"last", 0, {}, last},
    {"length", 0, {}, length},
    {"string", 0, {}, string},
    {"tojson", 0, {}, toJson},
    {"trim", 0, {"chars"}, trim},
};

constexpr Function kMethods[] = {
    {"endswith", 1, {"suffix"}, endsWith},
    {"get", 1, {"key", "default"}, get},
    {"lstrip", 0, {"chars"}, stripStart},
    {"rstrip", 0, {"chars"}, stripEnd},
    {"split", 1, {"sep"}, split},
    {"startswith", 1, {"prefix"}, startsWith},
    {"strip", 0, {"chars"}, stripBoth},
};

struct NamedTest {
  std::string_view name;
  Test test;
};

constexpr NamedTest kTests[] = {
    {"boolean", [](const Value &v) { return v.is(Value::Kind::Boolean); }},
    {"defined", [](const Value &v) { return !v.is(Value::Kind::Undefined); }},
    {"false",
     [](const Value &v) {
       return v.is(Value::Kind::Boolean) && !v.asBoolean();
     }},
    {"integer", [](const Value &v) { return v.is(Value::Kind::Integer); }},
    {"iterable",
     [](const Value &v) {
       return v.is(Value::Kind::String) || v.is(Value::Kind::List) ||
              v.is(Value::Kind::Mapping) || v.is(Value::Kind::Undefined);
     }},
    {"mapping", [](const Value &v) { return v.is(Value::Kind::Mapping); }},
    {"none", [](const Value &v) { return v.is(Value::Kind::None); }},
    {"number", [](const Value &v) { return v.isNumber(); }},
    {"string", [](const Value &v) { return v.is(Value::Kind::String); }},
    {"true",
     [](const Value &v) {
       return v.is(Value::Kind::Boolean) && v.asBoolean();
     }},
    {"undefined", [](const Value &v) { return v.is(Value::Kind::Undefined); }},
};

template <typename T, size_t N>
const T *findByName(const T (&table)[N], std::string_view name) {
  for (const T &entry : table)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

} // namespace

const Function *findFilter(std::string_view name) {
  return findByName(kFilters, name);
}

const Function *findMethod(std::string_view name) {
  return findByName(kMethods, name);
}

Test findTest(std::string_view name) {
  const NamedTest *entry = findByName(kTests, name);
  return entry ? entry->test : nullptr;
}

} // namespace tokrt::text::jinja
