//===- ManifestTest.cpp - Every key of the manifest is checked ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BundleWriter.h"
#include "FakeModel.h"
#include "tokrt/tokrt.h"

#include <cstring>
#include <gtest/gtest.h>

using nlohmann::json;

namespace {

/// The status and message, without the file's name, that a bundle of this
/// manifest gives.
std::pair<tokrt_status_t, std::string> load(const json &manifest) {
  BundleParts parts = fakeBundle();
  parts.manifest = manifest;
  TemporaryFile file(assemble(parts));
  tokrt_model_t *model = nullptr;
  tokrt_error_t error{};
  tokrt_status_t status =
      tokrt_model_load(file.path(), nullptr, &model, &error);
  tokrt_model_destroy(model);
  return {status, status ? error.message + strlen(file.path()) : ""};
}

/// Expects that the message names `key`, given as a JSON pointer.
void expectNamed(const json &manifest, const std::string &pointer) {
  auto [status, message] = load(manifest);
  EXPECT_TRUE(status == TOKRT_INVALID_FILE || status == TOKRT_UNSUPPORTED)
      << pointer << ": " << message;
  // "/levels/0/entries/step" is written levels[0].entries.step.
  std::string key;
  for (size_t i = 1; i < pointer.size();) {
    size_t end = std::min(pointer.find('/', i), pointer.size());
    std::string part = pointer.substr(i, end - i);
    if (isdigit(part[0]))
      key += "[" + part + "]";
    else
      key += (key.empty() ? "" : ".") + part;
    i = end + 1;
  }
  EXPECT_EQ(message.find(": manifest key " + key + ": found "), 0u)
      << pointer << ": " << message;
}

/// Every key that docs/bundle.md lists.
std::vector<std::string> allKeys() {
  return {"/format",
          "/producer",
          "/machine",
          "/backend",
          "/model",
          "/model/arch",
          "/model/name",
          "/model/layers",
          "/model/width",
          "/model/vocab",
          "/model/context",
          "/frame",
          "/levels",
          "/levels/0/name",
          "/levels/0/features",
          "/levels/0/entries",
          "/levels/0/entries/step",
          "/workspace",
          "/workspace/row_bytes",
          "/workspace/fixed_bytes",
          "/scratch_bytes",
          "/logits_stride",
          "/caches",
          "/caches/0/name",
          "/caches/0/slots",
          "/caches/0/page_bytes",
          "/schedule",
          "/schedule/kind",
          "/schedule/budget",
          "/weights",
          "/weights/bytes",
          "/weights/hash",
          "/source",
          "/source/name",
          "/source/bytes",
          "/source/hash",
          "/kernels",
          "/kernels/0/name",
          "/kernels/0/family",
          "/kernels/0/config",
          "/passes",
          "/passes/0/name",
          "/passes/0/options",
          "/passes/0/contract"};
}

/// A manifest with goldens.
json withGoldens() {
  json manifest = fakeBundle().manifest;
  json logits = json::array({{7, 12.5}, {0, 3}, {996, -1e-3}});
  manifest["goldens"] = {
      {"producer", "test"},
      {"passes", manifest["passes"]},
      {"tolerance", 0.25},
      {"sequences",
       json::array(
           {{{"ids", {1, 2, 3}},
             {"outputs",
              json::array(
                  {{{"position", 0}, {"rms", 2.5}, {"logits", logits}},
                   {{"position", 2}, {"rms", 3}, {"logits", logits}}})}}})}};
  return manifest;
}

/// Every key that goldens have, if there are any.
std::vector<std::string> goldenKeys() {
  return {"/goldens/producer",
          "/goldens/passes",
          "/goldens/passes/0/name",
          "/goldens/passes/0/options",
          "/goldens/passes/0/contract",
          "/goldens/tolerance",
          "/goldens/sequences",
          "/goldens/sequences/0/ids",
          "/goldens/sequences/0/outputs",
          "/goldens/sequences/0/outputs/1/position",
          "/goldens/sequences/0/outputs/1/rms",
          "/goldens/sequences/0/outputs/1/logits"};
}

} // namespace

TEST(Manifest, names_a_missing_key) {
  std::vector<std::string> keys = allKeys(), golden = goldenKeys();
  keys.insert(keys.end(), golden.begin(), golden.end());
  for (const std::string &key : keys) {
    json manifest = withGoldens();
    json::json_pointer pointer(key);
    manifest[pointer.parent_pointer()].erase(pointer.back());
    expectNamed(manifest, key);
  }
}

TEST(Manifest, names_an_ill_typed_key) {
  // No key takes any of these.
  const json wrong[] = {nullptr, true, -1, 0.5, "0123", json::array({json()})};
  for (const std::string &key : allKeys())
    for (const json &value : wrong) {
      json::json_pointer pointer(key);
      json manifest = fakeBundle().manifest;
      bool text = manifest[pointer].is_string();
      if (text && value.is_string() && key.find("hash") == std::string::npos)
        continue;
      manifest[pointer] = value;
      auto [status, message] = load(manifest);
      EXPECT_NE(status, TOKRT_OK) << key << " = " << value;
      EXPECT_NE(message.find("manifest key "), std::string::npos) << message;
    }
}

TEST(Manifest, names_a_number_out_of_range) {
  const std::pair<const char *, uint64_t> cases[] = {
      {"/model/layers", 0},
      {"/model/layers", UINT64_MAX},
      {"/model/width", 0},
      {"/model/width", uint64_t(1) << 40},
      {"/model/vocab", 0},
      {"/model/vocab", uint64_t(1) << 32},
      {"/model/context", 0},
      {"/model/context", uint64_t(1) << 31},
      {"/workspace/row_bytes", UINT64_MAX},
      {"/workspace/fixed_bytes", UINT64_MAX},
      {"/scratch_bytes", UINT64_MAX},
      {"/logits_stride", kFakeVocab - 1},
      {"/logits_stride", UINT64_MAX},
      {"/caches/0/slots", 0},
      {"/caches/1/slots", UINT64_MAX},
      {"/caches/0/page_bytes", 0},
      {"/caches/0/page_bytes", UINT64_MAX},
      {"/schedule/budget", 0},
      {"/schedule/budget", UINT64_MAX},
      {"/weights/bytes", kFakeWeightBytes + 1},
  };
  for (auto [key, value] : cases) {
    json manifest = fakeBundle().manifest;
    manifest[json::json_pointer(key)] = value;
    expectNamed(manifest, key);
  }
}

TEST(Manifest, takes_goldens_and_does_without) {
  EXPECT_EQ(load(withGoldens()), std::pair(TOKRT_OK, std::string()));
  EXPECT_EQ(load(fakeBundle().manifest).first, TOKRT_OK);
}

TEST(Manifest, names_what_is_wrong_with_goldens) {
  const std::string sequence = "/goldens/sequences/0",
                    output = sequence + "/outputs/1";
  json outputs = json::array(), logits = json::array();
  for (int i = 0; i < 65; ++i) {
    logits.push_back({i, 1});
    outputs.push_back(withGoldens()[json::json_pointer(output)]);
  }
  const std::pair<std::string, json> cases[] = {
      {"/goldens", json::array()},
      {"/goldens/producer", 1},
      {"/goldens/passes/0/name", 0},
      {"/goldens/tolerance", -1e-9},
      {"/goldens/tolerance", 1.5},
      {"/goldens/tolerance", "0"},
      {"/goldens/sequences", json::array()},
      {"/goldens/sequences", json::array_t(17, json::object())},
      {"/goldens/sequences/0", 5},
      {sequence + "/ids", json::array()},
      {sequence + "/ids", json::array_t(kFakeContext + 1, 1)},
      {sequence + "/ids/1", kFakeVocab},
      {sequence + "/ids/1", -1},
      {sequence + "/ids/1", 1.5},
      {sequence + "/outputs", json::array()},
      {sequence + "/outputs", outputs},
      {output, "x"},
      {output + "/position", 0}, // that of the one before
      {output + "/position", 3}, // behind the ids
      {output + "/position", UINT64_MAX},
      {output + "/rms", 0},
      {output + "/rms", -1},
      {output + "/rms", 1e39},
      {output + "/logits", json::array()},
      {output + "/logits", logits},
      {output + "/logits/0", 7},
      {output + "/logits/0", {1, 2, 3}},
      {output + "/logits/2/0", kFakeVocab},
      {output + "/logits/2/0", 1.5},
      {output + "/logits/2/1", 3.5}, // above the one before
      {output + "/logits/0/1", 1e39},
      {output + "/logits/2/1", -1e39},
      {output + "/logits/2/1", nullptr},
  };
  for (const auto &[key, value] : cases) {
    json manifest = withGoldens();
    manifest[json::json_pointer(key)] = value;
    expectNamed(manifest, key);
  }
}

TEST(Manifest, takes_probes_and_checks_each) {
  json sound = fakeBundle().manifest;
  sound["probes"] = fakeProbes();
  sound["probes"].push_back({{"kernel", 2}, {"label", "no value"}});
  EXPECT_EQ(load(sound).first, TOKRT_OK);
  const char *const keys[] = {"kernel", "label", "type", "columns", "rows"};
  for (const char *key : keys) {
    json manifest = sound;
    manifest["probes"][1].erase(key);
    expectNamed(manifest, std::string("/probes/1/") + key);
  }
  const std::pair<const char *, json> wrong[] = {
      {"/probes", nullptr},
      {"/probes", json::array()}, // none is no key
      {"/probes", json::object()},
      {"/probes/0", 1},
      {"/probes/0/kernel", -1},
      {"/probes/0/kernel", (1 << 16) + 1},
      {"/probes/0/label", ""},
      {"/probes/0/label", "two\nlines"},
      {"/probes/0/label", std::string(1025, 'x')},
      {"/probes/0/value", ""},
      {"/probes/0/value", "../x"},
      {"/probes/0/value", "a/b"},
      {"/probes/0/value", ".x"},
      {"/probes/0/value", std::string("a\0b", 3)},
      {"/probes/0/value", std::string(129, 'x')},
      {"/probes/0/value", 1},
      {"/probes/0/type", "f64"},
      {"/probes/0/type", ""},
      {"/probes/0/columns", 0},
      {"/probes/0/columns", (1 << 24) + 1},
      {"/probes/0/columns", 0.5},
      {"/probes/0/rows", "all"},
  };
  for (const auto &[key, value] : wrong) {
    json manifest = sound;
    manifest[json::json_pointer(key)] = value;
    expectNamed(manifest, key);
  }
  // Rounded rows come in blocks of 32.
  json manifest = sound;
  manifest["probes"][0]["type"] = "i8x32";
  expectNamed(manifest, "/probes/0/columns");
  manifest["probes"][0]["columns"] = 64;
  EXPECT_EQ(load(manifest).first, TOKRT_OK);
}

TEST(Manifest, refuses_more_probes_than_code_has) {
  json manifest = fakeBundle().manifest;
  json probe = {{"kernel", 0}, {"label", "x"}};
  manifest["probes"] = std::vector<json>((1 << 16) + 1, probe);
  expectNamed(manifest, "/probes");
}

TEST(Manifest, refuses_another_version) {
  json manifest = fakeBundle().manifest;
  manifest["format"] = 2;
  manifest.erase("levels"); // of which nothing else is known
  auto [status, message] = load(manifest);
  EXPECT_EQ(status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(message, ": manifest key format: found 2, expected 1; compile the "
                     "model with the tokopt of this runtime");
}

TEST(Manifest, refuses_another_frame) {
  json sound = fakeBundle().manifest;
  json manifest = sound;
  manifest["frame"].push_back("more");
  EXPECT_EQ(load(manifest).first, TOKRT_UNSUPPORTED);
  manifest = sound;
  manifest["frame"].erase(23);
  EXPECT_EQ(load(manifest).first, TOKRT_UNSUPPORTED);
  manifest = sound;
  std::swap(manifest["frame"][8], manifest["frame"][9]);
  auto [status, message] = load(manifest);
  EXPECT_EQ(status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(message.find(": manifest key frame[8]: found \"pos\", expected "
                         "\"ids\""),
            0u)
      << message;
}

TEST(Manifest, takes_every_schedule) {
  json manifest = fakeBundle().manifest;
  auto status = [&](const json &schedule) {
    manifest["schedule"] = schedule;
    return load(manifest).first;
  };
  EXPECT_EQ(status({{"kind", "whole"}}), TOKRT_OK);
  EXPECT_EQ(status({{"kind", "chunked"}, {"budget", 1}}), TOKRT_OK);
  json layered = {
      {"kind", "layered"}, {"budget", 8}, {"groups", {{0, 2}, {2, 5}}}};
  EXPECT_EQ(status(layered), TOKRT_OK);
  EXPECT_EQ(status({{"kind", "sideways"}}), TOKRT_INVALID_FILE);
  const json wrong[] = {
      json::array(),
      {{0, 5}, {5, 6}},             // beyond the last layer
      {{0, 2}, {3, 5}},             // a gap
      {{0, 3}, {2, 5}},             // an overlap
      {{0, 2}, {2, 4}},             // an end before the last layer
      {{0, 0}, {0, 5}},             // nothing
      {{1, 5}},                     // a late begin
      json::array({json{0, 2, 5}}), // no pair
      json::array({5}),
  };
  for (const json &groups : wrong) {
    layered["groups"] = groups;
    EXPECT_EQ(status(layered), TOKRT_INVALID_FILE) << groups;
  }
}

TEST(Manifest, ignores_unknown_keys) {
  json manifest = fakeBundle().manifest;
  manifest["future"] = {{"deep", {1, 2, {{"er", true}}}}};
  manifest["model"]["more"] = "x";
  EXPECT_EQ(load(manifest).first, TOKRT_OK);
}

TEST(Manifest, refuses_an_entry_outside_the_code) {
  for (uint64_t address :
       {uint64_t(0), uint64_t(0xfff), uint64_t(0x100000), UINT64_MAX}) {
    json manifest = fakeBundle().manifest;
    manifest["levels"][0]["entries"]["step"] = address;
    auto [status, message] = load(manifest);
    EXPECT_EQ(status, TOKRT_INVALID_FILE);
    EXPECT_NE(message.find("is in no executable segment"), std::string::npos);
  }
}

TEST(Manifest, survives_hostile_json) {
  // Nested deeper than any stack, as an unknown key and as a wrong one.
  std::string deep(200000, '['), close(200000, ']');
  std::string sound = fakeBundle().manifest.dump();
  const std::pair<std::string, tokrt_status_t> cases[] = {
      {"", TOKRT_INVALID_FILE},
      {"null", TOKRT_INVALID_FILE},
      {"[]", TOKRT_INVALID_FILE},
      {"{\"format\":1", TOKRT_INVALID_FILE},
      {"{\"format\":1e999}", TOKRT_INVALID_FILE},
      {deep, TOKRT_INVALID_FILE},
      {"{\"format\":" + deep + close + "}", TOKRT_UNSUPPORTED},
      {"{\"x\":" + deep + close + "," + sound.substr(1), TOKRT_OK},
  };
  for (const auto &[text, expected] : cases) {
    BundleParts parts = fakeBundle();
    parts.manifestText = text;
    TemporaryFile file(assemble(parts));
    tokrt_model_t *model = nullptr;
    tokrt_error_t error{};
    tokrt_status_t status =
        tokrt_model_load(file.path(), nullptr, &model, &error);
    tokrt_model_destroy(model);
    EXPECT_EQ(status, expected) << text.substr(0, 40) << error.message;
  }
}
