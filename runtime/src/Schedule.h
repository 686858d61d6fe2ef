//===- Schedule.h - Which rows go into the next step ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Continuous batching: every step packs rows of many requests, first come first
// served. Requests that decode come first, because somebody waits for each of
// their tokens; prompts fill the rest by the schedule:
//
//   whole    a prompt's rows in one step
//   chunked  as many rows as the step has left
//   layered  a chunk of rows passes one group of layers a step, beside the
//            decodes, which pass all layers in each. Its activations wait in
//            the frontier between two steps.
//
// None of this changes a result: by the rule of the generated code, a row's
// value does not depend on its company.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_SCHEDULE_H_
#define TOKRT_SRC_SCHEDULE_H_

#include "Pages.h"
#include "Request.h"

#include <utility>
#include <vector>

namespace tokrt {

/// Consecutive positions of one request in a step.
struct Part {
  Request *request;
  uint32_t position;
  uint32_t rows;
  bool full;
};

struct Plan {
  std::vector<Part> parts; // full ones first
  uint32_t rows = 0;
  uint32_t fullRows = 0;
  uint32_t layerBegin = 0;
  uint32_t layerEnd = 0;
};

struct SchedulePolicy {
  tokrt_schedule_t kind = TOKRT_SCHEDULE_WHOLE;
  uint32_t layers = 0;
  uint32_t stepRows = 0;  // of a step
  uint32_t chunkRows = 0; // of one request in a step
  uint32_t requests = 0;  // that run at the same time
  std::vector<std::pair<uint32_t, uint32_t>> groups;
};

class Schedule {
public:
  /// Keeps a reference to `caches`.
  void create(SchedulePolicy policy, std::vector<Pages> &caches);

  void add(Request *request);
  uint32_t running() const { return runningCount; }
  uint32_t waiting() const {
    return static_cast<uint32_t>(active.size()) - runningCount;
  }

  /// Packs the next step. The plan is empty if there is nothing to do.
  void plan(Plan &out);
  /// Notes that the step ran: its rows are in the cache.
  void commit(const Plan &plan);

  /// Rows that `drop` took out of a chunk between two groups of layers:
  /// `[first, first + rows)` of `total`, counted from the chunk's first.
  struct Dropped {
    uint32_t first = 0, rows = 0, total = 0;
  };
  /// Takes the request out of all lists and its pages back.
  Dropped remove(Request *request);

private:
  bool admit(Request &request);
  bool takePages(Request &request, uint32_t positions);
  void preempt(Request &request);
  void packDecodes(Plan &out, uint32_t &left);
  void packPrompts(std::vector<Part> &parts, uint32_t left, bool full);

  SchedulePolicy policy;
  std::vector<Pages> *caches = nullptr;
  std::vector<Request *> active; // not finished, in order of arrival
  std::vector<uint32_t> freeSlots;
  uint32_t runningCount = 0;
  std::vector<Part> chunk; // of the layered schedule, between its groups
  uint32_t group = 0;      // the one the chunk passes next
};

} // namespace tokrt

#endif // TOKRT_SRC_SCHEDULE_H_
