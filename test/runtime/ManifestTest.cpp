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

} // namespace

TEST(Manifest, names_a_missing_key) {
  for (const std::string &key : allKeys()) {
    json manifest = fakeBundle().manifest;
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
