//===- Schedule.cpp - Which rows go into the next step --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Schedule.h"

#include <algorithm>

using namespace tokrt;

void Schedule::create(SchedulePolicy thePolicy, std::vector<Pages> &theCaches) {
  policy = std::move(thePolicy);
  caches = &theCaches;
  for (uint32_t slot = policy.requests; slot-- > 0;)
    freeSlots.push_back(slot);
  chunk.reserve(policy.requests);
}

void Schedule::add(Request *request) { active.push_back(request); }

/// Starts a request, if the pages for all its tokens are free: whoever starts
/// earlier takes pages from those that run.
bool Schedule::admit(Request &request) {
  if (freeSlots.empty())
    return false;
  for (const Pages &pages : *caches)
    if (pages.pagesFor(request.length()) > pages.freePages())
      return false;
  request.slot = static_cast<int32_t>(freeSlots.back());
  freeSlots.pop_back();
  ++runningCount;
  return true;
}

/// Takes a running request's pages; it starts again when there is room.
void Schedule::preempt(Request &request) {
  auto slot = static_cast<uint32_t>(request.slot);
  for (Pages &pages : *caches)
    pages.release(slot);
  freeSlots.push_back(slot);
  request.slot = -1;
  request.cached = 0;
  --runningCount;
}

/// Gets the pages for the first `positions` positions, from younger requests if
/// none are free. False if the request itself had to give way.
bool Schedule::takePages(Request &request, uint32_t positions) {
  auto grow = [&] {
    for (Pages &pages : *caches)
      if (!pages.grow(static_cast<uint32_t>(request.slot), positions))
        return false;
    return true;
  };
  while (!grow()) {
    auto victim = std::find_if(active.rbegin(), active.rend(), [](Request *r) {
      return r->running() && !r->packed && !r->inChunk;
    });
    // `request` is such a one itself, so there is a victim.
    preempt(**victim);
    if (*victim == &request)
      return false;
  }
  return true;
}

void Schedule::packDecodes(Plan &out, uint32_t &left) {
  for (Request *request : active) {
    if (left == 0)
      return;
    if (!request->running() || request->inChunk || request->pending() != 1 ||
        !takePages(*request, request->length()))
      continue;
    request->packed = true;
    out.parts.push_back({request, request->cached, 1, true});
    --left;
  }
}

void Schedule::packPrompts(std::vector<Part> &parts, uint32_t left, bool full) {
  uint32_t most = left;
  // Nobody starts before one who waits. Those that run go on: what they hold
  // comes back only when they end.
  bool isWaiting = false;
  for (Request *request : active) {
    if (left == 0)
      return;
    if (request->packed)
      continue;
    if (!request->running() && (isWaiting || !admit(*request))) {
      isWaiting = true;
      continue;
    }
    uint32_t rows = std::min({request->pending(), left, policy.chunkRows});
    if (policy.kind == TOKRT_SCHEDULE_WHOLE && rows < request->pending() &&
        left < most && policy.chunkRows >= request->pending())
      return; // it has a better chance of one piece in the next step
    if (!takePages(*request, request->cached + rows)) {
      isWaiting = true;
      continue;
    }
    request->packed = true;
    parts.push_back({request, request->cached, rows, full});
    left -= rows;
  }
}

void Schedule::plan(Plan &out) {
  out.parts.clear();
  for (Request *request : active)
    request->packed = false;
  uint32_t left = policy.stepRows;
  for (const Part &part : chunk)
    left -= part.rows;
  packDecodes(out, left);
  out.layerBegin = 0;
  out.layerEnd = policy.layers;
  if (policy.kind != TOKRT_SCHEDULE_LAYERED)
    packPrompts(out.parts, left, /*full=*/true);
  out.rows = 0;
  for (const Part &part : out.parts)
    out.rows += part.rows;
  out.fullRows = out.rows;
  if (policy.kind != TOKRT_SCHEDULE_LAYERED)
    return;

  if (chunk.empty()) {
    packPrompts(chunk, left, /*full=*/false);
    group = 0;
  }
  if (chunk.empty())
    return;
  out.layerBegin = policy.groups[group].first;
  out.layerEnd = policy.groups[group].second;
  for (const Part &part : chunk) {
    part.request->inChunk = true;
    out.parts.push_back(part);
    out.rows += part.rows;
  }
}

void Schedule::commit(const Plan &plan) {
  bool last = plan.layerEnd == policy.layers;
  for (const Part &part : plan.parts)
    if (part.full || last)
      part.request->cached += part.rows;
  if (chunk.empty())
    return;
  ++group;
  if (!last)
    return;
  for (const Part &part : chunk)
    part.request->inChunk = false;
  chunk.clear();
}

Schedule::Dropped Schedule::remove(Request *request) {
  Dropped dropped;
  if (request->inChunk) {
    size_t index = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (chunk[i].request == request) {
        dropped.first = dropped.total;
        dropped.rows = chunk[i].rows;
        index = i;
      }
      dropped.total += chunk[i].rows;
    }
    chunk.erase(chunk.begin() + static_cast<ptrdiff_t>(index));
    request->inChunk = false;
  }
  if (request->running())
    preempt(*request);
  active.erase(std::find(active.begin(), active.end(), request));
  return dropped;
}
