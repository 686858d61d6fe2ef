//===- ScheduleTest.cpp - Rows of many requests in steps ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fake model's tokens depend on every position of a request's history, so
// that equal tokens mean equal scheduling of what matters; what a step looks
// like is read from the trace.
//
//===----------------------------------------------------------------------===//

#include "TestEngine.h"

#include <memory>
#include <random>

namespace {

struct Config {
  tokrt_schedule_t schedule;
  uint32_t stepRows, chunkRows, groupLayers, threads;
};

std::ostream &operator<<(std::ostream &out, const Config &c) {
  return out << "schedule " << c.schedule << ", step rows " << c.stepRows
             << ", chunk rows " << c.chunkRows << ", group layers "
             << c.groupLayers << ", threads " << c.threads;
}

/// What must hold for every step of every schedule.
void checkSteps(const std::vector<TestStep> &steps, const Config &config) {
  uint32_t next = 0; // the layer a chunk is at, 0 if there is none
  for (const TestStep &step : steps) {
    uint32_t rows = 0, full = 0;
    bool ranged = false;
    for (const tokrt_step_part_t &part : step.parts) {
      EXPECT_FALSE(part.full && ranged) << "full rows come first";
      ranged |= !part.full;
      rows += part.rows;
      full += part.full ? part.rows : 0;
      if (config.chunkRows) {
        EXPECT_LE(part.rows, config.chunkRows);
      }
    }
    EXPECT_EQ(rows, step.info.rows);
    EXPECT_EQ(full, step.info.full_rows);
    if (config.stepRows) {
      EXPECT_LE(rows, config.stepRows);
    }
    if (!ranged)
      continue;
    EXPECT_EQ(step.info.layer_begin, next);
    EXPECT_EQ(step.info.layer_end,
              std::min(next + config.groupLayers, uint32_t(kFakeLayers)));
    next = step.info.layer_end % kFakeLayers;
  }
  EXPECT_EQ(next, 0u);
}

class Company : public ::testing::TestWithParam<Config> {};

} // namespace

TEST_P(Company, changes_no_token) {
  const Config &config = GetParam();
  TestEngine engine;
  engine.params.schedule = config.schedule;
  engine.params.step_rows = config.stepRows;
  engine.params.chunk_rows = config.chunkRows;
  engine.params.group_layers = config.groupLayers;
  engine.params.threads = config.threads;
  ASSERT_EQ(engine.open(), TOKRT_OK) << engine.error.message;
  std::vector<TestRequest> requests(17);
  for (uint32_t i = 0; i < requests.size(); ++i) {
    TestRequest &request = requests[i];
    request.prompt = makePrompt(i, 1 + (i * 13) % 60);
    request.maxTokens = 1 + i % 9;
    if (i % 3 == 0)
      request.sampling = {0.7f, 0, 1, 0, i};
    ASSERT_EQ(engine.submit(request), TOKRT_OK) << engine.error.message;
    if (i % 4 == 0) { // some come while others decode
      ASSERT_TRUE(engine.step());
    }
  }
  engine.drain();
  for (const TestRequest &request : requests) {
    EXPECT_EQ(request.tokens, request.expected()) << "request " << request.id;
    EXPECT_EQ(request.finish, TOKRT_FINISH_LENGTH);
    EXPECT_EQ(request.finishes, 1);
  }
  EXPECT_EQ(engine.cacheBytesUsed(), 0u);
  checkSteps(engine.steps, config);
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, Company,
    ::testing::Values(Config{TOKRT_SCHEDULE_WHOLE, 0, 0, 0, 1},
                      Config{TOKRT_SCHEDULE_WHOLE, 30, 0, 0, 1},
                      Config{TOKRT_SCHEDULE_CHUNKED, 1, 0, 0, 1},
                      Config{TOKRT_SCHEDULE_CHUNKED, 2, 0, 0, 2},
                      Config{TOKRT_SCHEDULE_CHUNKED, 64, 1, 0, 1},
                      Config{TOKRT_SCHEDULE_CHUNKED, 64, 7, 0, 3},
                      Config{TOKRT_SCHEDULE_CHUNKED, 512, 64, 0, 2},
                      Config{TOKRT_SCHEDULE_CHUNKED, 512, 0, 0, 1},
                      Config{TOKRT_SCHEDULE_LAYERED, 64, 0, 1, 1},
                      Config{TOKRT_SCHEDULE_LAYERED, 64, 7, 2, 2},
                      Config{TOKRT_SCHEDULE_LAYERED, 19, 0, 3, 3},
                      Config{TOKRT_SCHEDULE_LAYERED, 512, 1, 4, 1},
                      Config{TOKRT_SCHEDULE_LAYERED, 512, 0, 5, 1},
                      Config{TOKRT_SCHEDULE_LAYERED, 1, 0, 2, 1}));

/// Rows of each step, alone in the engine.
static std::vector<uint32_t> rowsOf(const TestEngine &engine) {
  std::vector<uint32_t> rows;
  for (const TestStep &step : engine.steps)
    rows.push_back(step.info.rows);
  return rows;
}

TEST(Schedule, whole_takes_a_prompt_in_one_step) {
  TestEngine engine;
  engine.params.schedule = TOKRT_SCHEDULE_WHOLE;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(1, kFakeContext - 5);
  request.maxTokens = 3;
  ASSERT_EQ(engine.submit(request), TOKRT_OK);
  engine.drain();
  EXPECT_EQ(rowsOf(engine), (std::vector<uint32_t>{kFakeContext - 5, 1, 1}));
}

TEST(Schedule, chunked_fills_the_budget_decodes_first) {
  BundleParts parts = fakeBundle();
  parts.manifest["schedule"] = {{"kind", "chunked"}, {"budget", 8}};
  TestEngine engine(parts);
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest first, second;
  first.prompt = makePrompt(1, 5);
  second.prompt = makePrompt(2, 20);
  first.maxTokens = second.maxTokens = 4;
  ASSERT_EQ(engine.submit(first), TOKRT_OK);
  ASSERT_EQ(engine.submit(second), TOKRT_OK);
  engine.drain();
  // 5 + 3, then a decode beside 7 rows of the longer prompt...
  EXPECT_EQ(rowsOf(engine), (std::vector<uint32_t>{8, 8, 8, 4, 1, 1, 1}));
  for (uint32_t i : {1, 2, 3}) {
    ASSERT_EQ(engine.steps[i].parts.size(), 2u);
    EXPECT_EQ(engine.steps[i].parts[0].request, first.id);
    EXPECT_EQ(engine.steps[i].parts[0].rows, 1u);
  }
  EXPECT_EQ(first.tokens, first.expected());
  EXPECT_EQ(second.tokens, second.expected());
}

TEST(Schedule, layered_passes_a_group_a_step) {
  BundleParts parts = fakeBundle();
  parts.manifest["schedule"] = {{"kind", "layered"},
                                {"budget", 64},
                                {"groups", {{0, 2}, {2, 3}, {3, 5}}}};
  TestEngine engine(parts);
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest first, second;
  first.prompt = makePrompt(1, 5);
  second.prompt = makePrompt(2, 9);
  first.maxTokens = 6;
  second.maxTokens = 1;
  ASSERT_EQ(engine.submit(first), TOKRT_OK);
  for (int i = 0; i < 3; ++i) // its prompt
    ASSERT_TRUE(engine.step());
  ASSERT_EQ(first.tokens.size(), 1u);
  ASSERT_EQ(engine.submit(second), TOKRT_OK);
  engine.drain();
  const uint32_t groups[][2] = {{0, 2}, {2, 3}, {3, 5}};
  for (uint32_t i = 0; i < 6; ++i) {
    const tokrt_step_info_t &step = engine.steps[i].info;
    EXPECT_EQ(step.layer_begin, groups[i % 3][0]);
    EXPECT_EQ(step.layer_end, groups[i % 3][1]);
    // While the second prompt passes, the first request gets a token a step.
    EXPECT_EQ(step.full_rows, i < 3 ? 0u : 1u);
    EXPECT_EQ(step.rows, i < 3 ? 5u : 10u);
  }
  EXPECT_EQ(first.tokens, first.expected());
  EXPECT_EQ(second.tokens, second.expected());
}

TEST(Schedule, cancels_between_two_groups) {
  // The one that is cancelled stands first, in the middle and last.
  for (size_t victim : {0, 1, 2}) {
    TestEngine engine;
    engine.params.schedule = TOKRT_SCHEDULE_LAYERED;
    engine.params.group_layers = 2;
    ASSERT_EQ(engine.open(), TOKRT_OK);
    std::vector<TestRequest> requests(3);
    for (uint32_t i = 0; i < 3; ++i) {
      requests[i].prompt = makePrompt(i, 4 + 3 * i);
      ASSERT_EQ(engine.submit(requests[i]), TOKRT_OK);
    }
    ASSERT_TRUE(engine.step());
    tokrt_engine_cancel(engine.engine, requests[victim].id);
    engine.drain();
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(requests[i].tokens,
                i == victim ? std::vector<int32_t>() : requests[i].expected());
    EXPECT_EQ(engine.cacheBytesUsed(), 0u);
  }
}

TEST(Schedule, cancels_a_whole_chunk) {
  TestEngine engine;
  engine.params.schedule = TOKRT_SCHEDULE_LAYERED;
  engine.params.group_layers = 2;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest gone, next;
  gone.prompt = makePrompt(1, 7);
  next.prompt = makePrompt(2, 5);
  ASSERT_EQ(engine.submit(gone), TOKRT_OK);
  ASSERT_TRUE(engine.step());
  tokrt_engine_cancel(engine.engine, gone.id);
  EXPECT_FALSE(engine.step());
  ASSERT_EQ(engine.submit(next), TOKRT_OK);
  engine.drain();
  EXPECT_EQ(next.tokens, next.expected());
}

TEST(Schedule, serves_in_order_of_arrival) {
  TestEngine engine;
  engine.params.requests = 2;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  std::vector<TestRequest> requests(5);
  for (uint32_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = makePrompt(i, 8);
    ASSERT_EQ(engine.submit(requests[i]), TOKRT_OK);
  }
  while (engine.step())
    for (size_t i = 1; i < requests.size(); ++i)
      EXPECT_GE(requests[i - 1].tokens.size(), requests[i].tokens.size());
  for (const TestStep &step : engine.steps)
    EXPECT_LE(step.info.running, 2u);
}

TEST(CacheLimit, ends_a_request_that_outgrows_it) {
  TestEngine engine;
  engine.params.cache_bytes = 3 * kFakePageBytes + 2 * kFakeAuxPageBytes;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(1, 7);
  request.maxTokens = 50;
  ASSERT_EQ(engine.submit(request), TOKRT_OK);
  engine.drain();
  EXPECT_EQ(request.finish, TOKRT_FINISH_CACHE);
  // 12 positions have their keys, and each of the last gave a token.
  EXPECT_EQ(request.tokens,
            expectedTokens(request.prompt, 6, request.sampling));

  TestRequest longer;
  longer.prompt = makePrompt(2, 13);
  EXPECT_EQ(engine.submit(longer), TOKRT_EXHAUSTED);
  EXPECT_NE(std::string(engine.error.message).find("raise cache_bytes"),
            std::string::npos);
}

TEST(CacheLimit, makes_the_youngest_give_way) {
  for (tokrt_schedule_t schedule :
       {TOKRT_SCHEDULE_WHOLE, TOKRT_SCHEDULE_CHUNKED, TOKRT_SCHEDULE_LAYERED}) {
    TestEngine engine;
    engine.params.schedule = schedule;
    engine.params.step_rows = 20;
    engine.params.group_layers = 2;
    engine.params.cache_bytes = 12 * (kFakePageBytes + kFakeAuxPageBytes);
    ASSERT_EQ(engine.open(), TOKRT_OK);
    std::vector<TestRequest> requests(8);
    for (uint32_t i = 0; i < requests.size(); ++i) {
      requests[i].prompt = makePrompt(i, 6 + i);
      requests[i].maxTokens = 20;
      ASSERT_EQ(engine.submit(requests[i], true, true), TOKRT_OK);
    }
    bool gaveWay = false;
    uint32_t running = 0;
    while (engine.step()) {
      EXPECT_LE(engine.cacheBytesUsed(), engine.params.cache_bytes);
      const tokrt_step_info_t &info = engine.steps.back().info;
      gaveWay |= info.running < running && info.waiting > 0;
      running = info.running;
    }
    EXPECT_TRUE(gaveWay);
    for (const TestRequest &request : requests) {
      EXPECT_EQ(request.tokens, request.expected()) << request.id;
      // No position's logits come twice, although it is read twice.
      ASSERT_EQ(request.logitPositions.size(), request.prompt.size() + 19);
      for (uint32_t p = 0; p < request.logitPositions.size(); ++p)
        EXPECT_EQ(request.logitPositions[p], p);
    }
  }
}

/// A request that gave its pages away must not be kept from coming back by
/// younger ones that took them and wait for it.
TEST(CacheLimit, goes_on_when_a_prompt_gives_way) {
  TestEngine engine;
  engine.params.schedule = TOKRT_SCHEDULE_CHUNKED;
  engine.params.step_rows = 8;
  engine.params.chunk_rows = 2;
  engine.params.cache_bytes = 3 * kFakePageBytes + 2 * kFakeAuxPageBytes;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  const uint32_t shapes[][2] = {{7, 7}, {4, 3}, {4, 1}};
  std::vector<TestRequest> requests(3);
  for (uint32_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = makePrompt(i, shapes[i][0]);
    requests[i].maxTokens = shapes[i][1];
    ASSERT_EQ(engine.submit(requests[i]), TOKRT_OK);
  }
  engine.drain();
  for (const TestRequest &request : requests)
    EXPECT_EQ(request.finishes, 1) << request.id;
}

/// Caches of a few pages, where nearly every step takes pages from someone.
TEST(CacheLimit, leaves_nobody_behind_when_it_is_tight) {
  for (uint32_t seed = 0; seed < 600; ++seed) {
    std::mt19937 random(seed);
    auto upTo = [&](uint32_t n) { return uint32_t(random() % (n + 1)); };
    TestEngine engine;
    engine.params.schedule =
        static_cast<tokrt_schedule_t>(1 + seed % TOKRT_SCHEDULE_LAYERED);
    engine.params.requests = 2 + upTo(6);
    engine.params.step_rows = 1 + upTo(15);
    engine.params.chunk_rows = 1 + upTo(7);
    engine.params.group_layers = 1 + upTo(kFakeLayers - 1);
    engine.params.cache_bytes =
        (3 + upTo(3)) * (kFakePageBytes + kFakeAuxPageBytes);
    ASSERT_EQ(engine.open(), TOKRT_OK) << engine.error.message;
    std::vector<TestRequest> requests(2 + upTo(4));
    for (TestRequest &request : requests) {
      request.prompt = makePrompt(random(), 1 + upTo(8));
      request.maxTokens = 1 + upTo(7);
      ASSERT_EQ(engine.submit(request), TOKRT_OK) << engine.error.message;
      if (upTo(2) == 0)
        engine.step();
    }
    engine.drain();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    for (const TestRequest &request : requests)
      EXPECT_EQ(request.finishes, 1) << "seed " << seed;
  }
}

TEST(Schedule, survives_a_random_day) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    auto upTo = [&](uint32_t n) { return uint32_t(random() % (n + 1)); };
    TestEngine engine;
    engine.params.schedule =
        static_cast<tokrt_schedule_t>(1 + seed % TOKRT_SCHEDULE_LAYERED);
    engine.params.requests = 1 + upTo(8);
    engine.params.step_rows = 1 + upTo(40);
    engine.params.chunk_rows = upTo(9);
    engine.params.group_layers = 1 + upTo(kFakeLayers);
    engine.params.cache_bytes =
        (10 + upTo(40)) * (kFakePageBytes + kFakeAuxPageBytes);
    ASSERT_EQ(engine.open(), TOKRT_OK) << engine.error.message;
    std::vector<std::unique_ptr<TestRequest>> requests;
    for (int round = 0; round < 120; ++round) {
      if (upTo(3) == 0) {
        auto request = std::make_unique<TestRequest>();
        request->prompt = makePrompt(random(), 1 + upTo(25));
        request->maxTokens = upTo(12);
        if (upTo(1))
          request->sampling = {1, 0, 1, 0, random()};
        ASSERT_EQ(engine.submit(*request), TOKRT_OK) << engine.error.message;
        requests.push_back(std::move(request));
      }
      if (!requests.empty() && upTo(9) == 0)
        tokrt_engine_cancel(engine.engine,
                            requests[upTo(uint32_t(requests.size()) - 1)]->id);
      engine.step();
    }
    engine.drain();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    for (const auto &request : requests) {
      EXPECT_EQ(request->finishes, 1) << "seed " << seed;
      std::vector<int32_t> expected = request->expected();
      if (request->finish == TOKRT_FINISH_CANCEL)
        expected.resize(request->tokens.size());
      EXPECT_EQ(request->tokens, expected)
          << "seed " << seed << ", request " << request->id;
    }
    EXPECT_EQ(engine.cacheBytesUsed(), 0u);
  }
}
