//===- GoldensTest.cpp - Goldens from a file, and into a manifest ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TemporaryFolder.h"
#include "lib/Bundle/Manifest.h"
#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cfloat>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::HasSubstr;

namespace {

constexpr StringLiteral kHash = "0123456789abcdef0123456789abcdef";

/// What the tool writes.
constexpr StringLiteral kSound = R"({
  "format": 1, "producer": "tokopt test", "backend": "reference",
  "level": "avx2",
  "source": {"name": "m.gguf", "bytes": 5,
             "hash": "0123456789abcdef0123456789abcdef"},
  "passes": [{"name": "tok-x", "options": "a=1", "contract": "exact"}],
  "sequences": [{"ids": [1, 98, 0], "outputs": [
    {"position": 0, "rms": 2.5, "logits": [[7, 12.5], [0, 3], [98, -0.001]]},
    {"position": 2, "rms": 3, "logits": [[5, -4]]}]}]})";

class GoldensTest : public testing::Test {
protected:
  GoldensTest() {
    manifest.vocab = 99;
    manifest.context = 64;
    manifest.sourceName = "m.gguf";
    manifest.sourceHash = kHash;
  }

  Expected<Manifest::Goldens> read(StringRef text) {
    std::string path =
        folder.write("g.json", ArrayRef(text.bytes_begin(), text.bytes_end()));
    return readGoldens(path, manifest);
  }

  /// The message for `kSound` with `from` replaced by `to`.
  std::string getError(StringRef from, StringRef to) {
    std::string text(kSound);
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from.str();
    auto goldens = read(text.replace(at, from.size(), to));
    if (goldens)
      return "";
    std::string message = toString(goldens.takeError());
    EXPECT_THAT(message, HasSubstr("g.json: "));
    return message;
  }

  void expectNamed(StringRef from, StringRef to, StringRef key) {
    EXPECT_THAT(getError(from, to),
                HasSubstr(("g.json: goldens: key " + key + ": found ").str()))
        << from.str() << " -> " << to.str();
  }

  TemporaryFolder folder;
  Manifest manifest;
};

TEST_F(GoldensTest, StandInTheManifest) {
  manifest.goldens = cantFail(read(kSound));
  manifest.goldens->tolerance = 0.25;
  json::Value printed =
      cantFail(json::parse(printManifest(manifest, {}, 0, kHash)));
  EXPECT_EQ(*printed.getAsObject()->get("goldens"), cantFail(json::parse(R"({
    "producer": "tokopt test", "tolerance": 0.25,
    "passes": [{"name": "tok-x", "options": "a=1", "contract": "exact"}],
    "sequences": [{"ids": [1, 98, 0], "outputs": [
      {"position": 0, "rms": 2.5, "logits": [[7, 12.5], [0, 3], [98, -0.001]]},
      {"position": 2, "rms": 3, "logits": [[5, -4]]}]}]})")));
}

TEST_F(GoldensTest, AreNotInEveryManifest) {
  json::Value printed =
      cantFail(json::parse(printManifest(manifest, {}, 0, kHash)));
  EXPECT_EQ(printed.getAsObject()->get("goldens"), nullptr);
}

TEST_F(GoldensTest, AreOfThisModelAndTheOracle) {
  expectNamed("\"format\": 1", "\"format\": 2", "format");
  EXPECT_THAT(getError("\"reference\"", "\"cpu\""),
              HasSubstr("goldens: key backend: found \"cpu\", expected "
                        "\"reference\": kernels prove nothing of kernels; make "
                        "them anew with tokopt-run --print-goldens"));
  EXPECT_THAT(
      getError("89abcdef\"", "89abcdee\""),
      HasSubstr("goldens: key source.hash: found "
                "\"0123456789abcdef0123456789abcdee\", expected the "
                "\"0123456789abcdef0123456789abcdef\" of m.gguf; make them "
                "with a reference bundle of this model file"));
}

TEST_F(GoldensTest, NamesAnIllTypedOrMissingKey) {
  for (StringRef key :
       {"format", "producer", "backend", "source", "passes", "sequences"}) {
    std::string quoted = ("\"" + key + "\":").str();
    expectNamed(quoted, ("\"" + key + "\": false, \"x\":").str(), key);
    expectNamed(quoted, ("\"no" + key + "\":").str(), key);
  }
  expectNamed("\"hash\":", "\"nohash\":", "source.hash");
  // The source has a name, too.
  expectNamed("[{\"name\":", "[{\"no\":", "passes[0].name");
  expectNamed("\"options\":", "\"no\":", "passes[0].options");
  expectNamed("\"contract\":", "\"no\":", "passes[0].contract");
  expectNamed("\"ids\":", "\"no\":", "sequences[0].ids");
  expectNamed("\"outputs\":", "\"no\":", "sequences[0].outputs");
  for (StringRef key : {"position", "rms", "logits"})
    expectNamed(("\"" + key + "\":").str(),
                "\"no\":", ("sequences[0].outputs[0]." + key).str());
}

TEST_F(GoldensTest, NamesWhatIsOutOfRange) {
  std::string ids = "1", outputs = "{}", logits = "[1, 2]";
  for (int i = 0; i < 64; ++i) {
    ids += ", 1";
    outputs += ", {}";
    logits += ", [1, 2]";
  }
  const std::array<std::string, 3> cases[] = {
      {"[1, 98, 0]", "[]", "ids"},
      {"[1, 98, 0]", "[" + ids + "]", "ids"},
      {"[1, 98, 0]", "[1, 99, 0]", "ids[1]"},
      {"[1, 98, 0]", "[1, -1, 0]", "ids[1]"},
      {"[1, 98, 0]", "[1, 1.5, 0]", "ids[1]"},
      {"\"outputs\": [", "\"outputs\": [" + outputs + ", ", "outputs"},
      {"\"position\": 2", "\"position\": 0", "outputs[1].position"},
      {"\"position\": 2", "\"position\": 3", "outputs[1].position"},
      {"\"rms\": 3", "\"rms\": 0", "outputs[1].rms"},
      {"\"rms\": 3", "\"rms\": -3", "outputs[1].rms"},
      {"\"rms\": 3", "\"rms\": 1e39", "outputs[1].rms"},
      {"[[5, -4]]", "[]", "outputs[1].logits"},
      {"[[5, -4]]", "[" + logits + "]", "outputs[1].logits"},
      {"[[5, -4]]", "[5]", "outputs[1].logits[0]"},
      {"[[5, -4]]", "[[5, -4, 3]]", "outputs[1].logits[0]"},
      {"[5, -4]", "[99, -4]", "outputs[1].logits[0][0]"},
      {"[5, -4]", "[5, 1e39]", "outputs[1].logits[0][1]"},
      {"[5, -4]", "[5, -1e39]", "outputs[1].logits[0][1]"},
      {"[0, 3]", "[0, 13]", "outputs[0].logits[1][1]"}};
  for (const auto &[from, to, key] : cases)
    expectNamed(from, to, "sequences[0]." + key);
  std::string many = "{}";
  for (int i = 0; i < 16; ++i)
    many += ", {}";
  expectNamed("\"sequences\": [", "\"sequences\": [" + many + ", ",
              "sequences");
}

TEST_F(GoldensTest, AreJson) {
  auto message = [&](StringRef text) {
    return toString(read(text).takeError());
  };
  EXPECT_THAT(message(""), HasSubstr("found no JSON"));
  EXPECT_THAT(message("{\"format\": 1"), HasSubstr("found no JSON"));
  EXPECT_THAT(message("[1]"), HasSubstr("found an array of 1 elements, "
                                        "expected an object"));
  EXPECT_THAT(message("{\"x\": \"" + std::string(90, '[') + "\\\"[\"}"),
              HasSubstr("key format: found nothing"));
  EXPECT_THAT(message(std::string(1 << 20, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(
      toString(readGoldens(folder.getPath("none"), manifest).takeError()),
      HasSubstr("none: cannot read the goldens: No such file"));
}

} // namespace
