//===- ProblemsTest.cpp - What is refused of a folder ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file of cases that was written by hand, or damaged, is refused with a word
// on what is wrong, and nothing of it is run.
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Case.h"

#include <functional>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace cases;
using nlohmann::json;

namespace {

Folder makeFolder() {
  Case given;
  given.name = "a";
  given.kernel = "k";
  given.images = {{"sm_90a.cubin",
                   {1, 5, 1},
                   64,
                   0,
                   3,
                   {{{"x", 64}, Element::F16, {16, 8}, {8, 4}, {32}, 0}}}};
  Buffer x, y;
  x.name = "x";
  x.bytes = 1024;
  x.period = 256;
  x.parts = {{0, 256, Element::F16, 2, 2}};
  y.name = "y";
  y.bytes = 64;
  y.words = {{"x", 8}, {"", 7}};
  given.buffers = {x, y};
  given.arguments = {{"x", 0}, {"", 9}, {"y", 0}};
  given.checks = {{"y", 0, Element::F32, 16}};
  return {"here", {given}};
}

/// What is said of the folder after a change; empty if it is taken.
std::string after(const std::function<void(Case &)> &change) {
  Folder folder = makeFolder(), read;
  change(folder.cases[0]);
  std::string error;
  fromJson(toJson(folder), read, error);
  return error;
}

/// The same for a change of the text.
std::string afterText(const char *path, const json &value) {
  json file = json::parse(toJson(makeFolder()));
  file[json::json_pointer(path)] = value;
  Folder read;
  std::string error;
  fromJson(file.dump(), read, error);
  return error;
}

} // namespace

TEST(Problems, nothing_is_wrong) {
  EXPECT_EQ(after([](Case &) {}), "");
}

TEST(Problems, numbers_that_are_cut) {
  EXPECT_EQ(afterText("/cases/0/images/0/threads", -1),
            "/cases/0/images/0/threads: found -1, which is none of what may "
            "stand there");
  EXPECT_NE(afterText("/cases/0/images/0/grid/1", uint64_t(1) << 32), "");
  EXPECT_NE(afterText("/cases/0/buffers/0/bytes", 1024.5), "");
  EXPECT_NE(afterText("/cases/0/buffers/0/fill", 256), "");
  EXPECT_NE(afterText("/cases/0/checks/0/element", "f64"), "");
  EXPECT_NE(afterText("/cases/0/images/0/maps/0/box/0", -8), "");
  EXPECT_EQ(afterText("/cases/0/threads", 1), "/cases/0/threads: is not known");
}

TEST(Problems, names_that_lead_elsewhere) {
  EXPECT_EQ(after([](Case &given) { given.name = "../a"; }),
            "case '../a': expected a name of letters, digits, '-', '_' and "
            "'.'");
  EXPECT_NE(after([](Case &given) { given.images[0].name = "/sm_80"; }), "");
  EXPECT_NE(after([](Case &given) { given.buffers[1].name = "x"; }), "");
  Folder folder = makeFolder();
  folder.cases.push_back(folder.cases[0]);
  EXPECT_EQ(findProblem(folder), "case 'a': has a name that another has");
}

TEST(Problems, buffers_that_are_not_there) {
  EXPECT_EQ(after([](Case &given) { given.arguments[0].buffer = "z"; }),
            "case 'a': found no buffer 'z'");
  EXPECT_NE(after([](Case &given) { given.buffers[1].words[0].buffer = "z"; }),
            "");
  EXPECT_NE(after([](Case &given) { given.checks[0].buffer = "z"; }), "");
  EXPECT_NE(
      after([](Case &given) { given.images[0].maps[0].address.buffer = "z"; }),
      "");
  EXPECT_NE(
      after([](Case &given) { given.images[0].maps[0].address.buffer = ""; }),
      "");
}

TEST(Problems, places_beyond_a_buffer) {
  EXPECT_EQ(after([](Case &given) { given.arguments[0].value = 1025; }),
            "case 'a': found byte 1025 of buffer 'x', which has 1024");
  EXPECT_EQ(after([](Case &given) { given.checks[0].count = 17; }),
            "case 'a': found a check of 17 elements from byte 0 of buffer 'y' "
            "on, which has 64");
  EXPECT_NE(after([](Case &given) { given.checks[0].offset = UINT64_MAX; }),
            "");
  EXPECT_NE(after([](Case &given) { given.checks[0].count = UINT64_MAX; }), "");
  EXPECT_NE(after([](Case &given) { given.checks.clear(); }), "");
}

TEST(Problems, numbers_that_are_too_large) {
  EXPECT_NE(after([](Case &given) { given.buffers[0].bytes = 0; }), "");
  EXPECT_NE(after([](Case &given) {
              given.buffers[0].bytes = UINT64_MAX;
              given.buffers[0].period = 0;
            }),
            "");
  EXPECT_NE(after([](Case &given) {
              given.buffers[0].bytes = uint64_t(1) << 40;
              given.buffers[0].period = 0;
            }),
            "");
  EXPECT_NE(after([](Case &given) { given.images[0].splits = 1u << 31; }), "");
  EXPECT_NE(after([](Case &given) { given.images[0].splits = 0; }), "");
  EXPECT_NE(after([](Case &given) { given.buffers[0].parts[0].bits = 11; }),
            "");
  EXPECT_NE(after([](Case &given) { given.buffers[0].parts[0].exponent = 99; }),
            "");
}

TEST(Problems, maps_that_are_none) {
  auto afterMap = [](const std::function<void(TensorMap &)> &change) {
    return after([&](Case &given) { change(given.images[0].maps[0]); });
  };
  EXPECT_EQ(afterMap([](TensorMap &map) { map.box.push_back(1); }),
            "case 'a': sm_90a.cubin: found a map with a box of 3 dimensions, 2 "
            "sizes and 1 strides, expected one to five dimensions, a stride "
            "less, and elements of f32, f16, bf16 or i8");
  EXPECT_NE(afterMap([](TensorMap &map) { map.strides.clear(); }), "");
  EXPECT_NE(afterMap([](TensorMap &map) { map.element = Element::I32; }), "");
  EXPECT_NE(afterMap([](TensorMap &map) {
              map.box.clear();
              map.sizes.clear();
            }),
            "");
  EXPECT_NE(afterMap([](TensorMap &map) {
              map.box.assign(6, 1);
              map.sizes.assign(6, 1);
              map.strides.assign(5, 16);
            }),
            "");
  // 64 bytes behind the first, 30 more rows and a half end with the buffer.
  EXPECT_EQ(afterMap([](TensorMap &map) { map.sizes[1] = 30; }), "");
  EXPECT_NE(afterMap([](TensorMap &map) { map.sizes[1] = 31; }), "");
  EXPECT_NE(afterMap([](TensorMap &map) { map.sizes[1] = 0; }), "");
  EXPECT_NE(afterMap([](TensorMap &map) { map.sizes[0] = UINT64_MAX; }), "");
  EXPECT_NE(afterMap([](TensorMap &map) { map.strides[0] = UINT64_MAX; }), "");
}

/// A large one has no defined value as the byte that it should be.
TEST(Problems, a_fraction_is_no_whole_number) {
  json file = json::parse(toJson(makeFolder()));
  file["cases"][0]["buffers"][0]["fill"] = 2e5;
  Folder folder;
  std::string error;
  EXPECT_FALSE(fromJson(file.dump(), folder, error));
  EXPECT_EQ(error, "/cases/0/buffers/0/fill: found 200000.0, which is none of "
                   "what may stand there");
}

/// Bytes that were changed are refused or mean what they say: what is read is
/// written again as it was.
TEST(Problems, damaged_files_are_read_or_refused) {
  std::string good = toJson(makeFolder());
  std::mt19937 random(1);
  constexpr char kBytes[] = "0123456789-.e\"{}[],:xn";
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (uint32_t n = random() % 3; n < 3; ++n) {
      size_t at = random() % text.size();
      switch (random() % 3) {
      case 0:
        text[at] = kBytes[random() % (sizeof kBytes - 1)];
        break;
      case 1:
        text.erase(at, random() % 8);
        break;
      default:
        text.insert(at, 1, kBytes[random() % (sizeof kBytes - 1)]);
      }
    }
    Folder folder;
    std::string error;
    if (!fromJson(text, folder, error)) {
      EXPECT_NE(error, "");
      continue;
    }
    ++taken;
    EXPECT_EQ(findProblem(folder), "");
    EXPECT_EQ(json::parse(toJson(folder)), json::parse(text)) << text;
  }
  EXPECT_GT(taken, 100);
}
