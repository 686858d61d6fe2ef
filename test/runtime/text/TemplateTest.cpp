//===- TemplateTest.cpp - Chat templates ----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "jinja/Template.h"

#include "Expect.h"
#include "TestModel.h"

#include "nlohmann/json.hpp"

#include <array>

using namespace tokrt::text;
using namespace tokrt::text::jinja;
using testing::HasSubstr;

namespace {

/// Renders as `tokrt_text_apply_messages` does, for a conversation in JSON.
std::string render(std::string_view source,
                   const nlohmann::json &conversation) {
  std::vector<std::array<std::string, 2>> texts;
  for (const auto &message : conversation)
    texts.push_back({message["role"], message["content"]});
  std::vector<std::array<Entry, 2>> fields;
  for (const auto &[role, content] : texts)
    fields.push_back({Entry{"role", Value(std::string_view(role))},
                      Entry{"content", Value(std::string_view(content))}});
  std::vector<Value::Entries> mappings;
  for (auto &pair : fields)
    mappings.push_back({pair.data(), pair.size()});
  std::vector<Value> messages;
  for (auto &mapping : mappings)
    messages.push_back(Value::mapping(&mapping));
  return Template(source).render(
      {{"messages", Value::list(messages.data(), messages.size())},
       {"add_generation_prompt", Value(true)},
       {"bos_token", Value("<s>")},
       {"eos_token", Value("</s>")},
       {"tools", Value::none()},
       {"documents", Value::none()}},
      1000);
}

std::string render(std::string_view source) {
  return render(
      source, nlohmann::json::parse(R"([{"role": "user", "content": "Hi"}])"));
}

std::string refusal(std::string_view source) {
  return failureOf([&] { render(source); });
}

std::string repeat(std::string_view text, size_t count) {
  std::string out;
  while (count--)
    out += text;
  return out;
}

TEST(Template, WritesWhatJinja2Writes) {
  auto data = nlohmann::json::parse(readInput("templates.json"));
  ASSERT_GE(data["cases"].size(), 200u);
  for (const auto &recorded : data["cases"]) {
    std::string source = recorded["template"];
    const auto &messages =
        data["conversations"][recorded["messages"].get<std::string>()];
    if (recorded.contains("error"))
      EXPECT_NE(failureOf([&] { render(source, messages); }), "") << source;
    else
      EXPECT_EQ(render(source, messages), recorded["expected"]) << source;
  }
}

TEST(Template, NamesLineAndColumn) {
  EXPECT_EQ(refusal("a\nbé {{ x + }}"),
            "metadata key 'tokenizer.chat_template', line 2, column 11: found "
            "'}}', expected an expression");
  EXPECT_THAT(refusal("\r\n\r\n{% bad %}"), HasSubstr("line 3, column 4: "));
}

struct Refusal {
  const char *source;
  const char *message; // begins with the column
};

// Where a template is wrong, each way in which it can be.
constexpr Refusal kSyntax[] = {
    {"{{ 1", "5: found the end of the template inside a tag, expected '}}'"},
    {"{% if", "6: found the end of the template inside a tag, expected '%}'"},
    {"x{# y", "2: found a comment without end, expected '#}'"},
    {"{{ 'a }}", "4: found a string without end, expected another '"},
    {"{{ \"a\\\" }}", "4: found a string without end, expected another \""},
    {"{{ 99999999999999999999 }}", "4: found an integer that does not fit"},
    {"{{ 0.5 }}", "4: found a fraction, expected an integer"},
    {"{{ 'a\\xg1' }}",
     "4: found '\\x' in a string, expected the 2 hexadecimal"},
    {"{{ '\\u12' }}", "4: found '\\u' in a string, expected the 4 hexadecimal"},
    {"{{ '\\UFFFFFFFF' }}", "4: found '\\U' in a string, expected the 8"},
    {"{{ {'a': 1} }}", "4: found '{', which the templates of this library"},
    {"{{ a é }}", "6: found 'é', which the templates of this library"},
    {"{% if 1 %}", "11: found the end of the template, expected 'endif'"},
    {"{% for x in y %}",
     "17: found the end of the template, expected 'endfor'"},
    {"{% endif %}", "4: found 'endif', expected 'if', 'for' or 'set'"},
    {"{% macro f() %}", "4: found 'macro', expected 'if', 'for' or 'set'"},
    {"{{ 1 2 }}", "6: found '2', expected '}}'"},
    {"{% if 1 2 %}", "9: found '2', expected '%}'"},
    {"{{ (1 }}", "7: found '}}', expected ')'"},
    {"{{ [1 }}", "7: found '}}', expected ','"},
    {"{{ a[1 }}", "8: found '}}', expected ':'"},
    {"{{ a[1:2 }}", "10: found '}}', expected ']'"},
    {"{{ a.1 }}", "6: found '1', expected the name of an attribute"},
    {"{{ a | 1 }}", "8: found '1', expected the name of a filter"},
    {"{{ a is 1 }}", "9: found '1', expected the name of a test"},
    {"{{ a not b }}", "10: found 'b', expected 'in'"},
    {"{{ }}", "4: found '}}', expected an expression"},
    {"{% for 1 in x %}", "8: found '1', expected the name of a variable"},
    {"{% for a, b in x %}", "9: found ',', expected 'in'"},
    {"{% for a in x if y %}", "15: found 'if', expected '%}'"},
    {"{% set 1 = x %}", "8: found '1', expected the name of a variable"},
    {"{% set a.1 = x %}", "10: found '1', expected the name of an attribute"},
    {"{% set a x %}", "10: found 'x', expected '='"},
    {"{{ f(1=2) }}", "7: found '=' behind an expression"},
    {"{{ 1 < 2 < 3 }}", "10: found a comparison of a comparison"},
};

// Where a template is right and what it does is not.
constexpr Refusal kMeaning[] = {
    {"{{ nothing.x }}", "11: found an undefined value, expected one with an "
                        "attribute 'x'"},
    {"{{ nothing['x'] }}", "11: found an element of an undefined value"},
    {"{{ 'abc'[0] }}", "9: found an element of a string"},
    {"{{ 'abc'[1:] }}", "9: found a slice of a string"},
    {"{{ [1]['a':] }}", "8: found a string, expected an integer"},
    {"{{ 'a' + 1 }}", "8: found an operator between a string and an integer"},
    {"{{ [] - true }}", "7: found an operator between a list and a boolean"},
    {"{{ -none }}", "4: found '-' with none, expected an integer"},
    {"{{ 1 < 'a' }}", "6: found an integer compared with a string"},
    {"{{ 1 in none }}", "6: found 'in' between an integer and none"},
    {"{{ 1 // 0 }}", "6: found a division by zero"},
    {"{{ 1 % 0 }}", "6: found a division by zero"},
    {"{{ 9223372036854775807 + 1 }}", "24: found a result that does not fit"},
    {"{{ -9223372036854775807 - 2 }}", "25: found a result that does not fit"},
    {"{{ 9223372036854775807 * 2 }}", "24: found a result that does not fit"},
    {"{{ (-9223372036854775807 - 1) // -1 }}", "31: found a result that does"},
    {"{{ -(-9223372036854775807 - 1) }}", "4: found a result that does not"},
    {"{{ [] }}", "4: found a list, expected a value that can be written"},
    {"{{ messages[0] }}", "12: found a mapping, expected a value that can be"},
    {"{{ namespace() }}", "4: found a namespace, expected a value that can be"},
    {"{{ namespace(1) }}", "14: found a value, expected 'name = value'"},
    {"{{ range(3) }}", "4: found the function 'range', expected 'namespace'"},
    {"{{ raise_exception('no ' ~ 1) }}",
     "4: the template refuses the messages: "
     "no 1"},
    {"{{ raise_exception() }}", "4: the template refuses the messages: no "
                                "reason given"},
    {"{{ 1 | upper }}", "6: found the filter 'upper', which the templates of"},
    {"{{ 'a'.upper() }}", "7: found the method 'upper', which the templates"},
    {"{{ 1 is even }}", "6: found the test 'even', which the templates of"},
    {"{{ 1 | string(2) }}", "15: found an argument that the filter 'string'"},
    {"{{ 1 | trim('a', 'b') }}",
     "18: found an argument that the filter 'trim'"},
    {"{{ 1 | trim('a', chars='b') }}", "24: found an argument that the filter"},
    {"{{ 1 | default(x=1) }}", "18: found an argument that the filter"},
    {"{{ 'a'.split() }}", "7: found the method 'split' without the argument"},
    {"{{ 'a'.get('x') }}", "7: 'get': found a string, expected a mapping"},
    {"{{ 'a'.split('') }}", "7: 'split': found a string, expected a separator"},
    {"{{ 'a'.startswith(1) }}", "7: 'startswith': found an integer, expected a "
                                "string as argument"},
    {"{{ (1).strip() }}", "7: 'strip': found an integer, expected a string"},
    {"{{ 1 | length }}", "6: 'length': found an integer, expected a string, a "
                         "list or a mapping"},
    {"{{ 1 | join }}", "6: 'join': found an integer, expected a list"},
    {"{{ nothing | tojson }}", "12: 'tojson': found an undefined value, "
                               "expected a value that JSON has"},
    {"{% for x in 1 %}{% endfor %}", "13: found an integer, expected a list"},
    {"{% set messages.x = 1 %}", "4: found a list, expected a namespace"},
};

TEST(Template, SaysWhereItIsWrong) {
  for (const Refusal &wrong : kSyntax) {
    std::string message = failureOf([&] { Template{wrong.source}; });
    EXPECT_THAT(message,
                HasSubstr(std::string("line 1, column ") + wrong.message));
  }
}

TEST(Template, SaysWhereItsMeaningIsWrong) {
  for (const Refusal &wrong : kMeaning) {
    Template{wrong.source};
    EXPECT_THAT(refusal(wrong.source),
                HasSubstr(std::string("line 1, column ") + wrong.message));
  }
}

TEST(Template, BoundsNesting) {
  for (std::string_view open :
       {"(", "[", "-", "not ", "a[", "f(", "1 if 1 else "}) {
    EXPECT_THAT(refusal("{{ " + repeat(open, 20000)),
                HasSubstr("levels of nesting"))
        << open;
  }
  EXPECT_THAT(refusal(repeat("{% if 1 %}", 20000)),
              HasSubstr("levels of nesting"));
  EXPECT_THAT(refusal(repeat("{% for x in y %}", 20000)),
              HasSubstr("levels of nesting"));
}

TEST(Template, BoundsTheHeightOfChains) {
  for (std::string_view link :
       {" + 1", " ~ 1", " or 1", ".a", "[0]", " | trim", " is string", "[:]"})
    EXPECT_THAT(refusal("{{ 1" + repeat(link, 20000) + " }}"),
                HasSubstr("expression with more than 200 levels"))
        << link;
}

TEST(Template, TakesLongListsOfBranches) {
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", 5000) +
                   "{% else %}x{% endif %}"),
            "x");
}

TEST(Template, BoundsTheSizeOfATemplate) {
  EXPECT_EQ(render(std::string(1 << 20, 'x')).size(), 1u << 20);
  EXPECT_THAT(refusal(std::string((1 << 20) + 1, 'x')),
              HasSubstr("found 1048577 bytes, expected at most 1048576"));
}

TEST(Template, BoundsOutputThatExplodes) {
  EXPECT_THAT(refusal("{% set n = namespace(s='0123456789') %}" +
                      repeat("{% set n.s = n.s + n.s %}", 40)),
              HasSubstr("units of work; the template does not end or"));
  EXPECT_THAT(refusal("{% set n = namespace(s=[1]) %}" +
                      repeat("{% set n.s = n.s + n.s %}", 40)),
              HasSubstr("units of work"));
}

TEST(Template, BoundsLoopsOfLoops) {
  std::string list = "{% set l = [1" + repeat(", 1", 999) + "] %}";
  EXPECT_THAT(
      refusal(list + repeat("{% for x in l %}", 5) + repeat("{% endfor %}", 5)),
      HasSubstr("units of work"));
}

TEST(Template, BoundsWorkOnLongStrings) {
  std::string prefix = "{% set s = '" + std::string(500000, 'a') +
                       "' %}{% set l = [1" + repeat(", 1", 9999) +
                       "] %}{% for x in l %}";
  for (const char *work :
       {"s == s ~ 'b'", "'ab' in s", "s | length", "s.strip('b')",
        "s.startswith(s)", "s.split('b') | length", "s | tojson | length",
        "s < s", "[s, s] | join | length"})
    EXPECT_THAT(refusal(prefix + "{{ " + work + " }}{% endfor %}"),
                HasSubstr("units of work"))
        << work;
}

TEST(Template, BoundsTheDepthOfValues) {
  std::string deep =
      "{% set n = namespace(l=[]) %}" + repeat("{% set n.l = [n.l] %}", 10000);
  EXPECT_THAT(refusal(deep + "{{ n.l | tojson }}"),
              HasSubstr("'tojson': found values nested deeper than 32"));
  EXPECT_THAT(refusal(deep + "{% set m = namespace(l=[]) %}" +
                      repeat("{% set m.l = [m.l] %}", 10000) +
                      "{{ m.l == n.l }}"),
              HasSubstr("found values nested deeper than 32"));
}

TEST(Template, CanBeRenderedAgain) {
  Template once("{% set x = x ~ 1 %}{{ x }}");
  EXPECT_EQ(once.render({}, 0), "1");
  EXPECT_EQ(once.render({{"x", Value("a")}}, 1), "a1");
}

} // namespace
