//===- Engine.h - Running requests over a model -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_ENGINE_H_
#define TOKRT_SRC_ENGINE_H_

#include "../cpu/Workers.h"
#include "Model.h"
#include "Probes.h"
#include "Schedule.h"

#include <memory>

/// The public handle.
struct tokrt_engine_s {
  const tokrt_model_t *model = nullptr;
  tokrt::Workers workers;
  std::vector<tokrt::Pages> caches;
  tokrt::Schedule schedule;
  tokrt::SchedulePolicy policy;
  uint64_t cacheLimit = 0;
  tokrt_trace_fn trace = nullptr;
  void *traceData = nullptr;
  tokrt::Probes probes;

  // What the frame points to; see docs/bundle.md for the shapes.
  uint64_t frame[tokrt::kFrameSlots] = {};
  tokrt::Mapping columns; // barrier and the arrays of one element a row
  int32_t *ids = nullptr, *pos = nullptr, *seq = nullptr;
  int32_t *out = nullptr, *tokens = nullptr;
  float *sampling = nullptr;
  int64_t *seeds = nullptr;
  std::vector<tokrt::FrameCache> frameCaches;
  tokrt::Mapping logits, frontier, workspace, scratch;
  uint64_t frontierStride = 0; // bytes of a row

  // Requests, in order of their ids, until they are released.
  std::vector<std::unique_ptr<tokrt::Request>> requests;
  tokrt_request_t nextId = 1;

  // The step that is running, kept to allocate nothing in it.
  tokrt::Plan plan;
  struct Output {
    tokrt::Request *request;
    uint32_t position;
  };
  std::vector<Output> outputs;
  std::vector<tokrt_step_part_t> parts;
  uint64_t steps = 0;
  bool stepping = false;
  bool broken = false;  // a step failed; requests may miss a token
  uint32_t cancels = 0; // asked for by callbacks of the running step

  tokrt::Request *find(tokrt_request_t id) const;
  /// Ends a request: its pages are free, `on_finish` is called.
  void finish(tokrt::Request &request, tokrt_finish_t reason);
  /// Takes the token that was drawn for `request`.
  void accept(tokrt::Request &request, int32_t token);
};

#endif // TOKRT_SRC_ENGINE_H_
