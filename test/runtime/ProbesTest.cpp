//===- ProbesTest.cpp - What instrumented code tells ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestEngine.h"

#include <cstring>

using nlohmann::json;

namespace {

BundleParts instrumented() {
  BundleParts parts = fakeBundle();
  parts.manifest["probes"] = fakeProbes();
  return parts;
}

struct Heard {
  tokrt_probe_event_t event;
  std::vector<int32_t> positions;
  std::vector<uint64_t> values; // of probe 0: the rows of the fake model
  float firstLogit = 0;         // of probe 1, if it has rows
};

struct Listener {
  std::vector<Heard> heard;

  static void listen(void *data, const tokrt_probe_event_t *event) {
    Heard next{*event, {event->positions, event->positions + event->rows}, {}};
    const auto *rows = static_cast<const uint8_t *>(event->data);
    for (uint32_t i = 0; event->probe == 0 && i < event->rows; ++i) {
      uint64_t value;
      memcpy(&value, rows + i * event->row_bytes, sizeof value);
      next.values.push_back(value);
    }
    if (event->probe == 1 && event->rows)
      memcpy(&next.firstLogit, rows, sizeof next.firstLogit);
    static_cast<Listener *>(data)->heard.push_back(std::move(next));
  }
};

} // namespace

TEST(Probes, are_described) {
  TestEngine test(instrumented());
  ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
  ASSERT_EQ(tokrt_model_probe_count(test.model), 2u);
  tokrt_probe_t probe;
  tokrt_model_probe(test.model, 1, &probe);
  EXPECT_EQ(probe.kernel, 1u);
  EXPECT_STREQ(probe.label, "fake logits");
  EXPECT_STREQ(probe.value, "logits");
  EXPECT_STREQ(probe.type, "f32");
  EXPECT_EQ(probe.columns, uint32_t(kFakeVocab));
  EXPECT_NE(probe.per_output, 0);
}

TEST(Probes, without_a_value_have_no_type) {
  BundleParts parts = fakeBundle();
  parts.manifest["probes"] = {{{"kernel", 0}, {"label", "x"}}};
  TestEngine test(parts);
  ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
  tokrt_probe_t probe;
  tokrt_model_probe(test.model, 0, &probe);
  EXPECT_EQ(probe.value, nullptr);
  EXPECT_EQ(probe.type, nullptr);
}

TEST(Probes, are_silent_unless_somebody_listens) {
  TestEngine test(instrumented());
  ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
  TestRequest request;
  request.prompt = makePrompt(3, 9);
  ASSERT_EQ(test.submit(request), TOKRT_OK);
  test.drain();
  EXPECT_EQ(request.tokens, request.expected());
}

TEST(Probes, are_asked_of_a_bundle_that_has_none) {
  TestEngine test;
  Listener listener;
  test.params.probe = Listener::listen;
  test.params.probe_data = &listener;
  EXPECT_EQ(test.open(), TOKRT_INVALID_ARGUMENT);
  EXPECT_NE(strstr(test.error.message, "manifest key probes: found nothing"),
            nullptr)
      << test.error.message;
  EXPECT_NE(strstr(test.error.message, "tokopt-compile --instrument"), nullptr);
}

TEST(Probes, tell_layer_rows_and_positions) {
  for (uint32_t threads : {1, 3}) {
    TestEngine test(instrumented());
    Listener listener;
    test.params.probe = Listener::listen;
    test.params.probe_data = &listener;
    test.params.threads = threads;
    ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
    TestRequest request;
    request.prompt = makePrompt(5, 4);
    request.maxTokens = 2;
    ASSERT_EQ(test.submit(request), TOKRT_OK);
    test.drain();
    EXPECT_EQ(request.tokens, request.expected());
    // Two steps of all layers and the logits.
    ASSERT_EQ(listener.heard.size(), 2u * (kFakeLayers + 1));
    for (size_t i = 0; i < listener.heard.size(); ++i) {
      const Heard &heard = listener.heard[i];
      size_t layer = i % (kFakeLayers + 1);
      bool second = i > kFakeLayers;
      std::vector<int32_t> positions = {0, 1, 2, 3};
      if (second)
        positions = {4};
      if (layer == kFakeLayers) {
        EXPECT_EQ(heard.event.probe, 1u);
        EXPECT_EQ(heard.event.layer, TOKRT_NO_LAYER);
        positions = {second ? 4 : 3};
        // The token that was drawn has 32, all others less.
        EXPECT_EQ(heard.firstLogit == 32, request.tokens[second] == 0);
      } else {
        EXPECT_EQ(heard.event.probe, 0u);
        EXPECT_EQ(heard.event.layer, layer);
      }
      EXPECT_EQ(heard.positions, positions);
    }
    // What the last layer leaves is what the token is made of.
    const Heard &last = listener.heard[kFakeLayers - 1];
    EXPECT_EQ(fakeToken(last.values.back(), 0, 0, 0), request.tokens[0]);
  }
}

TEST(Probes, of_a_group_of_layers_have_the_rows_that_pass_it) {
  TestEngine test(instrumented());
  Listener listener;
  test.params.probe = Listener::listen;
  test.params.probe_data = &listener;
  test.params.schedule = TOKRT_SCHEDULE_LAYERED;
  test.params.group_layers = 3;
  ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
  TestRequest request;
  request.prompt = makePrompt(6, 7);
  request.maxTokens = 1;
  ASSERT_EQ(test.submit(request), TOKRT_OK);
  test.drain();
  EXPECT_EQ(request.tokens, request.expected());
  // The first step passes layers 0 to 2, the second 3 and 4.
  size_t rows[2] = {};
  for (size_t i = 0; i < listener.heard.size(); ++i) {
    const tokrt_probe_event_t &event = listener.heard[i].event;
    if (event.probe == 0 && event.rows)
      ++rows[i > kFakeLayers];
  }
  EXPECT_EQ(rows[0], 3u);
  EXPECT_EQ(rows[1], 2u);
}

TEST(Probes, are_checked_against_the_manifest) {
  // A probe that is not listed; rows that are longer than they are apart; more
  // rows than ask for logits.
  json unlisted = fakeProbes(), wide = fakeProbes(), many = fakeProbes();
  unlisted.erase(1);
  wide[0]["columns"] = 1 + kFakeRowBytes / 4;
  many[0]["rows"] = "outputs";
  const std::pair<json, const char *> cases[] = {{unlisted, "found probe 1 "},
                                                 {wide, "found probe 0 "},
                                                 {many, "found probe 0 "}};
  for (const auto &[probes, found] : cases) {
    BundleParts parts = fakeBundle();
    parts.manifest["probes"] = probes;
    TestEngine test(parts);
    Listener listener;
    test.params.probe = Listener::listen;
    test.params.probe_data = &listener;
    ASSERT_EQ(test.open(), TOKRT_OK) << test.error.message;
    TestRequest request;
    request.prompt = makePrompt(5, 4);
    ASSERT_EQ(test.submit(request), TOKRT_OK);
    tokrt_step_info_t info;
    EXPECT_EQ(tokrt_engine_step(test.engine, &info, &test.error),
              TOKRT_INVALID_FILE);
    EXPECT_NE(strstr(test.error.message, found), nullptr) << test.error.message;
    for (const Heard &heard : listener.heard)
      EXPECT_NE(heard.event.probe, uint32_t(found[12] - '0'));
  }
}
