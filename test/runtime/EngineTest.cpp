//===- EngineTest.cpp - Requests from submission to release ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestEngine.h"
#include "runtime/cpu/Workers.h"
#include "runtime/src/ControlGroup.h"

#include <cstring>
#include <limits>
#include <sched.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

tokrt_sampling_t sampled(uint64_t seed) {
  return {0.8f, 40, 0.9f, 0.05f, seed};
}

/// Runs one request alone and returns it.
TestRequest runAlone(TestEngine &engine, std::vector<int32_t> prompt,
                     uint32_t maxTokens) {
  TestRequest request;
  request.prompt = std::move(prompt);
  request.maxTokens = maxTokens;
  EXPECT_EQ(engine.submit(request), TOKRT_OK) << engine.error.message;
  engine.drain();
  EXPECT_EQ(request.finishes, 1);
  EXPECT_EQ(engine.cacheBytesUsed(), 0u);
  return request;
}

} // namespace

TEST(Engine, answers_as_the_oracle) {
  for (uint32_t threads : {1, 2, 3}) {
    TestEngine engine;
    engine.params.threads = threads;
    ASSERT_EQ(engine.open(), TOKRT_OK) << engine.error.message;
    TestRequest request = runAlone(engine, makePrompt(threads, 13), 20);
    EXPECT_EQ(request.tokens, request.expected());
    EXPECT_EQ(request.finish, TOKRT_FINISH_LENGTH);
  }
}

TEST(Engine, uses_one_thread_for_each_usable_cpu) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before))
      CPU_SET(cpu, &one);
  for (const cpu_set_t &set : {before, one}) {
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
    TestEngine engine;
    engine.params.threads = 0;
    ASSERT_EQ(engine.open(), TOKRT_OK);
    tokrt_engine_info_t info;
    tokrt_engine_info(engine.engine, &info);
    EXPECT_GE(info.threads, 1u);
    EXPECT_LE(info.threads, unsigned(CPU_COUNT(&set)));
    EXPECT_EQ(info.threads, tokrt::usableCpus());
    TestRequest request = runAlone(engine, makePrompt(1, 5), 3);
    EXPECT_EQ(request.tokens, request.expected());
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Engine, reads_the_control_groups_quota) {
  EXPECT_EQ(tokrt::quotaCpus("200000 100000\n"), 2u);
  EXPECT_EQ(tokrt::quotaCpus("150000 100000\n"), 2u);
  EXPECT_EQ(tokrt::quotaCpus("5000 100000\n"), 1u);
  for (const char *none : {"max 100000\n", "", "100000", "0 0", "1 0", "x"})
    EXPECT_EQ(tokrt::quotaCpus(none), UINT32_MAX) << none;
  EXPECT_EQ(tokrt::quotaMemory("536870912\n"), 512u << 20);
  for (const char *none : {"max\n", "", "0", "99999999999999999999", "x"})
    EXPECT_EQ(tokrt::quotaMemory(none), UINT64_MAX) << none;
}

TEST(Engine, runs_on_copied_weights) {
  TestEngine engine;
  tokrt_model_params_t params;
  tokrt_model_params_init(&params);
  params.copy_weights = 1;
  ASSERT_EQ(tokrt_model_load(engine.file.path(), &params, &engine.model,
                             &engine.error),
            TOKRT_OK);
  ASSERT_EQ(tokrt_engine_create(engine.model, &engine.params, &engine.engine,
                                &engine.error),
            TOKRT_OK);
  TestRequest request = runAlone(engine, makePrompt(5, 9), 6);
  EXPECT_EQ(request.tokens, request.expected());
}

TEST(Engine, fills_the_context_and_no_more) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  // The last token comes from the last position.
  TestRequest whole = runAlone(engine, makePrompt(1, kFakeContext), 5);
  EXPECT_EQ(whole.finish, TOKRT_FINISH_CONTEXT);
  EXPECT_EQ(whole.tokens, expectedTokens(whole.prompt, 1, whole.sampling));
  TestRequest grown = runAlone(engine, makePrompt(2, kFakeContext - 10),
                               std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(grown.finish, TOKRT_FINISH_CONTEXT);
  EXPECT_EQ(grown.tokens, expectedTokens(grown.prompt, 11, grown.sampling));

  TestRequest longer;
  longer.prompt = makePrompt(3, kFakeContext + 1);
  EXPECT_EQ(engine.submit(longer), TOKRT_INVALID_ARGUMENT);
  EXPECT_NE(std::string(engine.error.message)
                .find("prompt: found 97 tokens, expected at most the 96 of the "
                      "model's context; shorten the prompt"),
            std::string::npos)
      << engine.error.message;
}

TEST(Engine, ends_at_a_stop_token) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(4, 6);
  request.maxTokens = 10;
  std::vector<int32_t> all = request.expected();
  ASSERT_EQ(engine.submit(request, false, false, {-7, all[4]}), TOKRT_OK);
  engine.drain();
  EXPECT_EQ(request.finish, TOKRT_FINISH_STOP);
  EXPECT_EQ(request.tokens, std::vector<int32_t>(all.begin(), all.begin() + 4));

  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = request.prompt.data();
  params.id_count = request.prompt.size();
  params.max_tokens = 10;
  params.stop = &all[4];
  params.stop_count = 1;
  params.ignore_stop = 1;
  tokrt_request_t id;
  ASSERT_EQ(tokrt_engine_submit(engine.engine, &params, &id, &engine.error),
            TOKRT_OK);
  engine.drain();
  tokrt_request_info_t info;
  ASSERT_EQ(tokrt_engine_request(engine.engine, id, &info, &engine.error),
            TOKRT_OK);
  EXPECT_EQ(std::vector<int32_t>(info.tokens, info.tokens + info.token_count),
            all);
  EXPECT_EQ(info.finish, TOKRT_FINISH_LENGTH);
  EXPECT_EQ(info.prompt_tokens, 6u);
}

TEST(Engine, ends_when_the_callback_says_so) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(4, 6);
  std::vector<int32_t> all = request.expected();
  request.stopAt = all[4];
  ASSERT_EQ(engine.submit(request), TOKRT_OK);
  engine.drain();
  EXPECT_EQ(request.finish, TOKRT_FINISH_STOP);
  EXPECT_EQ(request.tokens, std::vector<int32_t>(all.begin(), all.begin() + 4));
  tokrt_request_info_t info;
  ASSERT_EQ(
      tokrt_engine_request(engine.engine, request.id, &info, &engine.error),
      TOKRT_OK);
  EXPECT_EQ(info.token_count, 4u);
}

TEST(Engine, draws_by_seed_and_position) {
  std::vector<std::vector<int32_t>> drawn;
  for (uint64_t seed : {1, 2}) {
    TestEngine engine;
    ASSERT_EQ(engine.open(), TOKRT_OK);
    TestRequest request;
    request.prompt = makePrompt(1, 5);
    request.sampling = sampled(seed);
    ASSERT_EQ(engine.submit(request), TOKRT_OK);
    engine.drain();
    EXPECT_EQ(request.tokens, request.expected());
    drawn.push_back(request.tokens);
  }
  EXPECT_NE(drawn[0], drawn[1]);
}

TEST(Engine, reads_a_prompt_without_drawing) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest silent = runAlone(engine, makePrompt(1, 9), 0);
  EXPECT_TRUE(silent.tokens.empty());
  EXPECT_EQ(silent.finish, TOKRT_FINISH_LENGTH);
  TestRequest heard;
  heard.prompt = makePrompt(1, 9);
  heard.maxTokens = 0;
  ASSERT_EQ(engine.submit(heard, /*wantLogits=*/true), TOKRT_OK);
  engine.drain();
  EXPECT_TRUE(heard.tokens.empty());
  EXPECT_EQ(heard.logitPositions, std::vector<uint32_t>{8});
}

TEST(Engine, gives_the_logits_of_every_prompt_position) {
  TestEngine engine;
  engine.params.step_rows = 7;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(8, 25);
  request.maxTokens = 2;
  ASSERT_EQ(engine.submit(request, /*wantLogits=*/true, /*allLogits=*/true),
            TOKRT_OK);
  for (uint32_t seen = 0; engine.step();) {
    for (; seen < request.logitPositions.size(); ++seen)
      EXPECT_EQ(request.logitPositions[seen], seen);
    // The last ones were kept: of a row that the oracle knows.
    std::vector<int32_t> ids = request.prompt;
    ids.insert(ids.end(), request.tokens.begin(), request.tokens.end());
    uint64_t row = fakeRows(ids)[seen - 1];
    ASSERT_EQ(request.lastLogits.size(), size_t(kFakeVocab));
    for (uint64_t token = 0; token < kFakeVocab; ++token)
      ASSERT_EQ(request.lastLogits[token], fakeLogit(row, token));
  }
  EXPECT_EQ(request.logitPositions.size(), 26u); // the prompt and one decode
  EXPECT_EQ(request.tokens, request.expected());
}

TEST(Engine, gives_logits_from_a_position_on) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = makePrompt(8, 20);
  request.maxTokens = 0;
  request.logitsFrom = 17;
  ASSERT_EQ(engine.submit(request, /*wantLogits=*/true, /*allLogits=*/true),
            TOKRT_OK);
  engine.drain();
  EXPECT_EQ(request.logitPositions, (std::vector<uint32_t>{17, 18, 19}));
}

TEST(Engine, cancels_between_steps) {
  TestEngine engine;
  engine.params.requests = 2;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest runs, stays, waits;
  for (TestRequest *request : {&runs, &stays, &waits}) {
    request->prompt = makePrompt(request == &runs, 6);
    request->maxTokens = 12;
    ASSERT_EQ(engine.submit(*request), TOKRT_OK);
  }
  ASSERT_TRUE(engine.step());
  ASSERT_TRUE(engine.step());
  uint64_t before = engine.cacheBytesUsed();
  tokrt_engine_cancel(engine.engine, waits.id);
  EXPECT_EQ(engine.cacheBytesUsed(), before);
  tokrt_engine_cancel(engine.engine, runs.id);
  EXPECT_EQ(engine.cacheBytesUsed(), before / 2);
  tokrt_engine_cancel(engine.engine, runs.id); // again, to no effect
  tokrt_engine_cancel(engine.engine, 12345);
  engine.drain();
  EXPECT_EQ(runs.finish, TOKRT_FINISH_CANCEL);
  EXPECT_EQ(runs.tokens.size(), 2u);
  EXPECT_EQ(runs.finishes, 1);
  EXPECT_EQ(waits.finish, TOKRT_FINISH_CANCEL);
  EXPECT_TRUE(waits.tokens.empty());
  EXPECT_EQ(stays.tokens, stays.expected());
}

TEST(Engine, cancels_from_a_callback) {
  struct Canceller {
    TestEngine engine;
    tokrt_request_t self = 0, other = 0;
    int tokens = 0, finishes = 0;
    tokrt_status_t submitted = TOKRT_OK, stepped = TOKRT_OK;
  } test;
  ASSERT_EQ(test.engine.open(), TOKRT_OK);
  std::vector<int32_t> prompt = makePrompt(3, 4);
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = prompt.data();
  params.id_count = prompt.size();
  params.data = &test;
  params.on_token = [](void *data, tokrt_request_t id, int32_t) {
    auto *test = static_cast<Canceller *>(data);
    if (id != test->self || ++test->tokens < 3)
      return 0;
    tokrt_engine_cancel(test->engine.engine, test->self);
    tokrt_engine_cancel(test->engine.engine, test->other);
    // What is not allowed is refused.
    tokrt_request_params_t more;
    tokrt_request_params_init(&more);
    tokrt_request_t ignored;
    test->submitted =
        tokrt_engine_submit(test->engine.engine, &more, &ignored, nullptr);
    tokrt_step_info_t info;
    test->stepped = tokrt_engine_step(test->engine.engine, &info, nullptr);
    tokrt_engine_release(test->engine.engine, test->self);
    return 0;
  };
  params.on_finish = [](void *data, tokrt_request_t, tokrt_finish_t finish) {
    EXPECT_EQ(finish, TOKRT_FINISH_CANCEL);
    ++static_cast<Canceller *>(data)->finishes;
  };
  tokrt_error_t error;
  ASSERT_EQ(
      tokrt_engine_submit(test.engine.engine, &params, &test.self, &error),
      TOKRT_OK);
  ASSERT_EQ(
      tokrt_engine_submit(test.engine.engine, &params, &test.other, &error),
      TOKRT_OK);
  test.engine.drain();
  EXPECT_EQ(test.tokens, 3);
  EXPECT_EQ(test.finishes, 2);
  EXPECT_EQ(test.submitted, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.stepped, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.engine.cacheBytesUsed(), 0u);
  tokrt_request_info_t info;
  EXPECT_EQ(tokrt_engine_request(test.engine.engine, test.self, &info, &error),
            TOKRT_OK);
}

TEST(Engine, forgets_released_requests) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest first, second;
  first.prompt = second.prompt = makePrompt(1, 5);
  ASSERT_EQ(engine.submit(first), TOKRT_OK);
  ASSERT_EQ(engine.submit(second), TOKRT_OK);
  ASSERT_TRUE(engine.step());
  tokrt_engine_release(engine.engine, first.id);
  EXPECT_EQ(first.finish, TOKRT_FINISH_CANCEL);
  tokrt_request_info_t info;
  EXPECT_EQ(tokrt_engine_request(engine.engine, first.id, &info, &engine.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_NE(std::string(engine.error.message).find("found no 1"),
            std::string::npos);
  engine.drain();
  EXPECT_EQ(second.tokens, second.expected());
  TestRequest third;
  third.prompt = second.prompt;
  ASSERT_EQ(engine.submit(third), TOKRT_OK);
  EXPECT_EQ(third.id, 3u);
}

TEST(Engine, refuses_bad_requests) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  auto refused = [&](std::vector<int32_t> prompt, tokrt_sampling_t sampling,
                     const char *part) {
    TestRequest request;
    request.prompt = std::move(prompt);
    request.sampling = sampling;
    EXPECT_EQ(engine.submit(request), TOKRT_INVALID_ARGUMENT);
    EXPECT_NE(std::string(engine.error.message).find(part), std::string::npos)
        << engine.error.message;
  };
  tokrt_sampling_t greedy{0, 0, 1, 0, 0};
  refused({}, greedy, "found no tokens");
  refused({1, kFakeVocab}, greedy, "found id 997 at 1");
  refused({-1}, greedy, "found id -1 at 0");
  float nan = std::numeric_limits<float>::quiet_NaN();
  refused({1}, {nan, 0, 1, 0, 0}, "sampling.temperature");
  refused({1}, {-1, 0, 1, 0, 0}, "sampling.temperature");
  refused({1}, {1, 0xffffffff, 1, 0, 0}, "sampling.top_k");
  refused({1}, {1, 0, 1.5f, 0, 0}, "sampling.top_p");
  refused({1}, {1, 0, nan, 0, 0}, "sampling.top_p");
  refused({1}, {1, 0, 1, -0.5f, 0}, "sampling.min_p");
  EXPECT_FALSE(engine.step()); // none of them got in
}

TEST(Engine, refuses_bad_parameters) {
  auto refused = [](auto change, tokrt_status_t status, const char *part) {
    TestEngine engine;
    change(engine.params);
    EXPECT_EQ(engine.open(), status);
    EXPECT_NE(std::string(engine.error.message).find(part), std::string::npos)
        << engine.error.message;
    EXPECT_EQ(engine.engine, nullptr);
  };
  refused([](auto &p) { p.threads = 100000; }, TOKRT_INVALID_ARGUMENT,
          "threads: found 100000");
  refused([](auto &p) { p.requests = 0; }, TOKRT_INVALID_ARGUMENT, "requests");
  refused([](auto &p) { p.step_rows = 0xffffffff; }, TOKRT_INVALID_ARGUMENT,
          "step_rows");
  refused(
      [](auto &p) {
        unsigned nonsense = 9;
        memcpy(&p.schedule, &nonsense, sizeof nonsense);
      },
      TOKRT_INVALID_ARGUMENT, "schedule");
  refused([](auto &p) { p.struct_size = 0; }, TOKRT_INVALID_ARGUMENT,
          "struct_size: found 0");
  refused([](auto &p) { p.cache_bytes = 100; }, TOKRT_EXHAUSTED,
          "cache_bytes: found 100");
  EXPECT_EQ(tokrt_engine_create(nullptr, nullptr, nullptr, nullptr),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(tokrt_engine_submit(nullptr, nullptr, nullptr, nullptr),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(tokrt_engine_request(nullptr, 0, nullptr, nullptr),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(tokrt_engine_step(nullptr, nullptr, nullptr),
            TOKRT_INVALID_ARGUMENT);
  tokrt_engine_destroy(nullptr);
  tokrt_model_destroy(nullptr);
}

TEST(Engine, refuses_buffers_beyond_any_memory) {
  BundleParts parts = fakeBundle();
  parts.manifest["workspace"]["row_bytes"] = uint64_t(1) << 38;
  parts.manifest["schedule"]["budget"] = 1 << 24;
  TestEngine engine(parts);
  EXPECT_EQ(engine.open(), TOKRT_OUT_OF_MEMORY);
  EXPECT_NE(std::string(engine.error.message).find("lower step_rows"),
            std::string::npos);
}

TEST(Engine, stops_at_a_token_out_of_the_vocabulary) {
  BundleParts parts = fakeBundle();
  parts.manifest["model"]["vocab"] = 1;
  TestEngine engine(parts);
  ASSERT_EQ(engine.open(), TOKRT_OK);
  TestRequest request;
  request.prompt = {0, 0, 0};
  ASSERT_EQ(engine.submit(request), TOKRT_OK);
  tokrt_step_info_t info;
  ASSERT_EQ(tokrt_engine_step(engine.engine, &info, &engine.error),
            TOKRT_INVALID_FILE);
  EXPECT_NE(std::string(engine.error.message).find("entry step: found token"),
            std::string::npos);
  EXPECT_EQ(tokrt_engine_step(engine.engine, &info, &engine.error),
            TOKRT_INVALID_FILE);
  EXPECT_TRUE(request.tokens.empty());
}

#if defined(__x86_64__)
TEST(Engine, leaves_the_callers_float_mode_alone) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK);
  unsigned before = _mm_getcsr();
  ASSERT_EQ(before & 0x8040, 0u);
  // The fake model refuses to work if denormals are not flushed.
  TestRequest request = runAlone(engine, makePrompt(1, 5), 3);
  EXPECT_EQ(request.tokens, request.expected());
  EXPECT_EQ(_mm_getcsr() & 0x8040, 0u);
}
#endif
