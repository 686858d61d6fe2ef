//===- TestEngine.h - An engine over the fake model -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_TESTENGINE_H_
#define TEST_RUNTIME_TESTENGINE_H_

#include "BundleWriter.h"
#include "FakeModel.h"
#include "Oracle.h"

#include <gtest/gtest.h>

/// One request and all that was called back for it.
struct TestRequest {
  tokrt_request_t id = 0;
  std::vector<int32_t> prompt;
  tokrt_sampling_t sampling{0, 0, 1, 0, 0};
  uint32_t maxTokens = 8;
  uint32_t logitsFrom = 0;
  int32_t stopAt = -1; // the callback ends the request at this token
  std::vector<int32_t> tokens;
  std::vector<uint32_t> logitPositions;
  std::vector<float> lastLogits;
  int finishes = 0;
  tokrt_finish_t finish = TOKRT_FINISH_NONE;

  std::vector<int32_t> expected() const {
    return expectedTokens(prompt, maxTokens, sampling);
  }
};

/// What one step was, as the trace saw it.
struct TestStep {
  tokrt_step_info_t info;
  std::vector<tokrt_step_part_t> parts;
};

class TestEngine {
public:
  explicit TestEngine(const BundleParts &parts = fakeBundle())
      : file(assemble(parts)) {
    tokrt_engine_params_init(&params);
    params.threads = 1;
    params.requests = 16;
    params.trace_data = this;
    params.trace = [](void *data, const tokrt_step_info_t *step) {
      auto *engine = static_cast<TestEngine *>(data);
      engine->steps.push_back(
          {*step, {step->parts, step->parts + step->part_count}});
    };
  }
  ~TestEngine() {
    tokrt_engine_destroy(engine);
    tokrt_model_destroy(model);
  }

  tokrt_status_t open() {
    tokrt_status_t status =
        tokrt_model_load(file.path(), nullptr, &model, &error);
    return status ? status
                  : tokrt_engine_create(model, &params, &engine, &error);
  }

  /// Submits; `request` must stay where it is.
  tokrt_status_t submit(TestRequest &request, bool wantLogits = false,
                        bool allLogits = false,
                        std::vector<int32_t> stop = {}) {
    tokrt_request_params_t p;
    tokrt_request_params_init(&p);
    p.ids = request.prompt.data();
    p.id_count = request.prompt.size();
    p.max_tokens = request.maxTokens;
    p.sampling = request.sampling;
    p.stop = stop.data();
    p.stop_count = stop.size();
    p.all_logits = allLogits;
    p.logits_from = request.logitsFrom;
    p.data = &request;
    p.on_token = [](void *data, tokrt_request_t, int32_t token) {
      auto *request = static_cast<TestRequest *>(data);
      if (token == request->stopAt)
        return 1;
      request->tokens.push_back(token);
      return 0;
    };
    if (wantLogits)
      p.on_logits = [](void *data, tokrt_request_t, uint32_t position,
                       const float *logits, size_t count) {
        auto *request = static_cast<TestRequest *>(data);
        request->logitPositions.push_back(position);
        request->lastLogits.assign(logits, logits + count);
      };
    p.on_finish = [](void *data, tokrt_request_t, tokrt_finish_t finish) {
      auto *request = static_cast<TestRequest *>(data);
      request->finish = finish;
      ++request->finishes;
    };
    return tokrt_engine_submit(engine, &p, &request.id, &error);
  }

  /// One step; false when there was nothing to do.
  bool step() {
    tokrt_step_info_t info;
    EXPECT_EQ(tokrt_engine_step(engine, &info, &error), TOKRT_OK)
        << error.message;
    return ::testing::Test::HasFailure() ? false : info.rows != 0;
  }
  /// Steps until there is nothing to do: no request may be left then.
  void drain() {
    tokrt_step_info_t info;
    do {
      ASSERT_EQ(tokrt_engine_step(engine, &info, &error), TOKRT_OK)
          << error.message;
    } while (info.rows != 0 && !::testing::Test::HasFailure());
    EXPECT_EQ(info.running + info.waiting, 0u)
        << "a step had no rows while requests were unfinished";
  }
  uint64_t cacheBytesUsed() const {
    tokrt_engine_info_t info;
    tokrt_engine_info(engine, &info);
    return info.cache_bytes_used;
  }

  TemporaryFile file;
  tokrt_engine_params_t params;
  tokrt_model_t *model = nullptr;
  tokrt_engine_t *engine = nullptr;
  tokrt_error_t error{};
  std::vector<TestStep> steps;
};

#endif // TEST_RUNTIME_TESTENGINE_H_
