//===- Request.h - One request ----------------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_REQUEST_H_
#define TOKRT_SRC_REQUEST_H_

#include "tokrt/tokrt.h"

#include <vector>

namespace tokrt {

/// A request from submission to release. Prompt and generated tokens are one
/// list, so that reading a prompt, decoding, and reading again after the pages
/// were taken away are the same thing: rows for the positions that are not in
/// the cache yet.
struct Request {
  tokrt_request_t id = 0;
  std::vector<int32_t> ids; // prompt, then generated; never reallocated
  uint32_t prompt = 0;
  uint32_t maxTokens = 0;
  tokrt_sampling_t sampling{};
  std::vector<int32_t> stop; // empty if they are to be ignored
  bool allLogits = false;
  tokrt_token_fn onToken = nullptr;
  tokrt_logits_fn onLogits = nullptr;
  tokrt_finish_fn onFinish = nullptr;
  void *data = nullptr;

  uint32_t cached = 0;    // positions in the cache
  int32_t slot = -1;      // row of the page tables while it runs
  bool packed = false;    // has rows in the step that is being packed
  bool inChunk = false;   // has rows between two groups of layers
  bool cancelled = false; // to be ended when the step ends
  tokrt_finish_t finish = TOKRT_FINISH_NONE;
  uint32_t logitsFrom = 0; // positions before this one need not report logits

  uint32_t length() const { return static_cast<uint32_t>(ids.size()); }
  uint32_t generated() const { return length() - prompt; }
  uint32_t pending() const { return length() - cached; }
  bool running() const { return slot >= 0; }

  /// Whether a row at `position` asks for logits: the last one, to draw the
  /// next token from, and the others if somebody wants to see them.
  bool wantsLogits(uint32_t position) const {
    if (position + 1 == length())
      return maxTokens > 0 || onLogits;
    return allLogits && onLogits && position < prompt && position >= logitsFrom;
  }
};

} // namespace tokrt

#endif // TOKRT_SRC_REQUEST_H_
