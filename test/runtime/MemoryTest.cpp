//===- MemoryTest.cpp - Every allocation may fail -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The n-th allocation of a call fails, for every n. The call says so, leaves
// nothing behind, and what was there before goes on working.
//
//===----------------------------------------------------------------------===//

#include "Allocations.h"
#include "TestEngine.h"

#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace {

/// The number that the next file to be opened gets: larger if one was left
/// open.
int nextDescriptor() {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(fd);
  return fd;
}

/// Mappings of files in memory, which are what tests load bundles from.
unsigned mappedBundles() {
  std::ifstream maps("/proc/self/maps");
  unsigned count = 0;
  for (std::string line; std::getline(maps, line);)
    count += line.find("memfd:") != std::string::npos;
  return count;
}

} // namespace

TEST(Memory, load_survives_every_failing_allocation) {
  BundleParts parts = fakeBundle();
  // Values that hold others, which destroying must not need memory for.
  parts.manifest["future"] = {{"deep", {{"er", {1, 2, {3, "text"}}}}}};
  TemporaryFile file(assemble(parts));
  int descriptor = nextDescriptor();
  tokrt_model_t *model = nullptr;
  uint64_t failed = failEachAllocation(
      [&](tokrt_error_t *error) {
        return tokrt_model_load(file.path(), nullptr, &model, error);
      },
      [&] {
        EXPECT_EQ(model, nullptr);
        EXPECT_EQ(nextDescriptor(), descriptor);
        EXPECT_EQ(mappedBundles(), 0u);
      });
  EXPECT_GT(failed, 100u);
  ASSERT_NE(model, nullptr);
  tokrt_model_destroy(model);
}

TEST(Memory, a_refusal_survives_every_failing_allocation) {
  BundleParts parts = fakeBundle();
  parts.manifest["levels"][0]["features"] = {"no-such-extension"};
  TemporaryFile file(assemble(parts));
  uint64_t failed = failEachAllocation(
      [&](tokrt_error_t *error) {
        tokrt_model_t *model;
        tokrt_status_t status =
            tokrt_model_load(file.path(), nullptr, &model, error);
        return status == TOKRT_UNSUPPORTED ? TOKRT_OK : status;
      },
      [] {});
  EXPECT_GT(failed, 100u);
}

TEST(Memory, create_survives_every_failing_allocation) {
  TestEngine test;
  ASSERT_EQ(
      tokrt_model_load(test.file.path(), nullptr, &test.model, &test.error),
      TOKRT_OK);
  test.params.threads = 3;
  test.params.schedule = TOKRT_SCHEDULE_LAYERED;
  test.params.step_rows = 16;
  uint64_t failed = failEachAllocation(
      [&](tokrt_error_t *error) {
        return tokrt_engine_create(test.model, &test.params, &test.engine,
                                   error);
      },
      [&] { EXPECT_EQ(test.engine, nullptr); });
  EXPECT_GT(failed, 8u);
  TestRequest request;
  request.prompt = makePrompt(1, 9);
  ASSERT_EQ(test.submit(request), TOKRT_OK);
  test.drain();
  EXPECT_EQ(request.tokens, request.expected());
}

/// Submits requests, each with all failures before it, and expects the answers
/// of an engine that never failed.
static void submitWithFailures() {
  TestEngine test;
  test.params.requests = 4;
  ASSERT_EQ(test.open(), TOKRT_OK);
  std::vector<int32_t> prompt = makePrompt(7, 9), stop = {5, 6, 7};
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = prompt.data();
  params.id_count = prompt.size();
  params.stop = stop.data();
  params.stop_count = stop.size();
  params.max_tokens = 6;
  uint64_t failed = 0;
  tokrt_request_t last = 0;
  // As many as make the engine's own lists grow more than once.
  for (int i = 0; i < 40; ++i) {
    tokrt_request_t id = 0;
    failed += failEachAllocation(
        [&](tokrt_error_t *error) {
          return tokrt_engine_submit(test.engine, &params, &id, error);
        },
        [&] { EXPECT_EQ(id, 0u); },
        /*mayStay=*/1); // a list that has grown
    ASSERT_EQ(id, last + 1) << "a failed one took a name";
    last = id;
    if (i % 8 == 0)
      ASSERT_TRUE(test.step());
  }
  EXPECT_GT(failed, 40u * 3);
  test.drain();
  std::vector<int32_t> expected =
      expectedTokens(prompt, params.max_tokens, params.sampling);
  for (tokrt_request_t id = 1; id <= last; ++id) {
    tokrt_request_info_t info;
    ASSERT_EQ(tokrt_engine_request(test.engine, id, &info, &test.error),
              TOKRT_OK);
    EXPECT_EQ(info.finish, TOKRT_FINISH_LENGTH);
    EXPECT_EQ(std::vector<int32_t>(info.tokens, info.tokens + info.token_count),
              expected);
  }
}

TEST(Memory, submit_survives_every_failing_allocation) {
  int64_t before = liveAllocations();
  submitWithFailures();
  EXPECT_EQ(liveAllocations(), before);
}

TEST(Memory, steps_and_queries_need_none) {
  for (tokrt_schedule_t schedule :
       {TOKRT_SCHEDULE_WHOLE, TOKRT_SCHEDULE_CHUNKED, TOKRT_SCHEDULE_LAYERED}) {
    // Of an instrumented bundle, too.
    BundleParts parts = fakeBundle();
    parts.manifest["probes"] = fakeProbes();
    TestEngine test(parts);
    uint64_t events = 0;
    test.params.probe = [](void *data, const tokrt_probe_event_t *) {
      ++*static_cast<uint64_t *>(data);
    };
    test.params.probe_data = &events;
    test.params.schedule = schedule;
    test.params.threads = 2;
    test.params.step_rows = 11;
    test.params.group_layers = 2;
    test.params.trace = nullptr; // it would allocate
    // Small enough for requests to give way to each other.
    test.params.cache_bytes = 16 * (kFakePageBytes + kFakeAuxPageBytes);
    ASSERT_EQ(test.open(), TOKRT_OK);
    std::vector<TestRequest> requests(7);
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].prompt = makePrompt(uint32_t(i), 5 + 2 * i);
      requests[i].maxTokens = 15;
      requests[i].tokens.reserve(15);
      ASSERT_EQ(test.submit(requests[i]), TOKRT_OK);
    }
    uint64_t before = allocationCount();
    tokrt_status_t status = TOKRT_OK;
    {
      FailingAllocations failing(0);
      tokrt_step_info_t step;
      for (int i = 0; status == TOKRT_OK; ++i) {
        status = tokrt_engine_step(test.engine, &step, &test.error);
        if (i == 3)
          tokrt_engine_cancel(test.engine, requests.back().id);
        if (step.rows == 0)
          break;
      }
      tokrt_engine_info_t info;
      tokrt_engine_info(test.engine, &info);
      tokrt_engine_release(test.engine, requests.back().id);
    }
    EXPECT_EQ(status, TOKRT_OK) << test.error.message;
    EXPECT_EQ(allocationCount(), before);
    EXPECT_GT(events, 0u);
    EXPECT_EQ(requests.back().finish, TOKRT_FINISH_CANCEL);
    requests.pop_back();
    for (const TestRequest &request : requests)
      EXPECT_EQ(request.tokens, request.expected());
  }
}
