//===- ParamsTest.cpp - Callers of older and newer headers ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A header of another version is played by the same struct with an end that is
// moved. What stands behind an older header's end is not its caller's: here it
// is filled with values that would be refused, so that reading it shows.
//
//===----------------------------------------------------------------------===//

#include "TestEngine.h"

#include <cstddef>
#include <cstring>

namespace {

/// As large as a future version's parameters.
template <typename Params>
struct Newer {
  Params known;
  uint8_t unknown[64];
};

template <typename Params>
Newer<Params> filled() {
  Newer<Params> params;
  memset(&params, 0xff, sizeof params);
  return params;
}

/// Bytes of `params` from `size` on that are no longer 0xff.
template <typename Params>
size_t touchedBehind(const Newer<Params> &params, size_t size) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(&params);
  size_t touched = 0;
  for (size_t i = size; i < sizeof params; ++i)
    touched += bytes[i] != 0xff;
  return touched;
}

} // namespace

TEST(Params, init_stays_in_the_callers_struct) {
  for (size_t size = sizeof(size_t); size <= sizeof(tokrt_engine_params_t) + 32;
       size += alignof(size_t)) {
    auto params = filled<tokrt_engine_params_t>();
    tokrt_engine_params_init_sized(&params.known, size);
    EXPECT_EQ(params.known.struct_size, size);
    EXPECT_EQ(touchedBehind(params, size), 0u) << size;
    if (size > offsetof(tokrt_engine_params_t, requests))
      EXPECT_EQ(params.known.requests, 64u);
  }
}

TEST(Params, an_older_model_caller_gets_defaults) {
  TemporaryFile file(assemble(fakeBundle()));
  // Only the size and the level: `describe_only` and the others are unknown.
  auto params = filled<tokrt_model_params_t>();
  tokrt_model_params_init_sized(&params.known,
                                offsetof(tokrt_model_params_t, copy_weights));
  ASSERT_NE(params.known.describe_only, 0);
  tokrt_model_t *model = nullptr;
  tokrt_error_t error{};
  ASSERT_EQ(tokrt_model_load(file.path(), &params.known, &model, &error),
            TOKRT_OK)
      << error.message;
  tokrt_engine_t *engine = nullptr;
  EXPECT_EQ(tokrt_engine_create(model, nullptr, &engine, &error), TOKRT_OK)
      << error.message;
  tokrt_engine_destroy(engine);
  tokrt_model_destroy(model);
}

TEST(Params, an_older_engine_caller_gets_defaults) {
  TestEngine test;
  ASSERT_EQ(
      tokrt_model_load(test.file.path(), nullptr, &test.model, &test.error),
      TOKRT_OK);
  auto params = filled<tokrt_engine_params_t>();
  tokrt_engine_params_init_sized(&params.known,
                                 offsetof(tokrt_engine_params_t, step_rows) &
                                     ~(alignof(size_t) - 1));
  params.known.threads = 1;
  ASSERT_EQ(
      tokrt_engine_create(test.model, &params.known, &test.engine, &test.error),
      TOKRT_OK)
      << test.error.message;
  tokrt_engine_info_t info;
  tokrt_engine_info(test.engine, &info);
  EXPECT_EQ(info.threads, 1u);
  EXPECT_EQ(info.requests, 64u);
  TestRequest request;
  request.prompt = makePrompt(1, 5);
  ASSERT_EQ(test.submit(request), TOKRT_OK);
  test.drain();
  EXPECT_EQ(request.tokens, request.expected());
}

TEST(Params, an_older_request_caller_gets_defaults) {
  TestEngine test;
  ASSERT_EQ(test.open(), TOKRT_OK);
  std::vector<int32_t> prompt = makePrompt(2, 5);
  auto params = filled<tokrt_request_params_t>();
  tokrt_request_params_init_sized(&params.known,
                                  offsetof(tokrt_request_params_t, stop));
  params.known.ids = prompt.data();
  params.known.id_count = prompt.size();
  params.known.max_tokens = 3;
  tokrt_request_t request;
  ASSERT_EQ(
      tokrt_engine_submit(test.engine, &params.known, &request, &test.error),
      TOKRT_OK)
      << test.error.message;
  test.drain(); // would call what the callbacks of 0xff point to
  tokrt_request_info_t info;
  ASSERT_EQ(tokrt_engine_request(test.engine, request, &info, &test.error),
            TOKRT_OK);
  EXPECT_EQ(std::vector<int32_t>(info.tokens, info.tokens + info.token_count),
            expectedTokens(prompt, 3, {0, 0, 1, 0, 0}));
}

TEST(Params, a_newer_caller_may_leave_the_unknown_at_zero) {
  TestEngine test;
  ASSERT_EQ(
      tokrt_model_load(test.file.path(), nullptr, &test.model, &test.error),
      TOKRT_OK);
  auto params = filled<tokrt_engine_params_t>();
  tokrt_engine_params_init_sized(&params.known, sizeof params);
  params.known.threads = 1;
  ASSERT_EQ(
      tokrt_engine_create(test.model, &params.known, &test.engine, &test.error),
      TOKRT_OK)
      << test.error.message;
  params.unknown[9] = 1;
  tokrt_engine_t *other = nullptr;
  EXPECT_EQ(tokrt_engine_create(test.model, &params.known, &other, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(other, nullptr);
  std::string message = test.error.message;
  EXPECT_EQ(message.find("tokrt_engine_create: struct_size: found " +
                         std::to_string(sizeof params) +
                         " bytes with a value "
                         "at " +
                         std::to_string(sizeof params.known + 9)),
            0u)
      << message;
}

TEST(Params, refuses_a_size_that_no_header_has) {
  TemporaryFile file(assemble(fakeBundle()));
  for (size_t size : {size_t(0), size_t(4), sizeof(tokrt_model_params_t) - 1,
                      size_t(1) << 20, SIZE_MAX}) {
    tokrt_model_params_t params;
    tokrt_model_params_init(&params);
    params.struct_size = size;
    tokrt_model_t *model = nullptr;
    tokrt_error_t error{};
    EXPECT_EQ(tokrt_model_load(file.path(), &params, &model, &error),
              TOKRT_INVALID_ARGUMENT)
        << size;
    EXPECT_EQ(model, nullptr);
    EXPECT_NE(strstr(error.message, "struct_size: found "), nullptr)
        << error.message;
  }
}
