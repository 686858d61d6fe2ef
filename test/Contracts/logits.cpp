//===- logits.cpp - The logits of every position of some ids --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Feeds the ids to a bundle in chunks and writes the logits of all positions to
// the standard output as f32, so that a test can compare bits. All ids are
// given: nothing is sampled, so a difference never sends two bundles different
// ways.
//
//   logits BUNDLE IDS THREADS CHUNK
//
//===----------------------------------------------------------------------===//

#include "tokrt/tokrt.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

[[noreturn]] static void fail(const tokrt_error_t &error) {
  std::fprintf(stderr, "error: %s\n", error.message);
  std::exit(2);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: logits BUNDLE IDS THREADS CHUNK\n");
    return 2;
  }
  std::vector<int32_t> ids;
  std::istringstream list(argv[2]);
  for (int32_t id; list >> id; list.ignore(1, ','))
    ids.push_back(id);

  tokrt_error_t error;
  tokrt_model_params_t loading;
  tokrt_model_params_init(&loading);
  tokrt_model_t *model;
  if (tokrt_model_load(argv[1], &loading, &model, &error) != TOKRT_OK)
    fail(error);
  tokrt_engine_params_t scheduling;
  tokrt_engine_params_init(&scheduling);
  scheduling.threads =
      static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10));
  scheduling.schedule = TOKRT_SCHEDULE_CHUNKED;
  scheduling.chunk_rows =
      static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10));
  tokrt_engine_t *engine;
  if (tokrt_engine_create(model, &scheduling, &engine, &error) != TOKRT_OK)
    fail(error);

  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = ids.data();
  params.id_count = ids.size();
  params.max_tokens = 0;
  params.all_logits = 1;
  params.on_logits = [](void *, tokrt_request_t, uint32_t, const float *logits,
                        size_t count) {
    std::fwrite(logits, sizeof(float), count, stdout);
  };
  tokrt_request_t request;
  if (tokrt_engine_submit(engine, &params, &request, &error) != TOKRT_OK)
    fail(error);
  tokrt_step_info_t step;
  do {
    if (tokrt_engine_step(engine, &step, &error) != TOKRT_OK)
      fail(error);
  } while (step.rows);
  tokrt_engine_destroy(engine);
  tokrt_model_destroy(model);
  return std::fflush(stdout) ? 1 : 0;
}
