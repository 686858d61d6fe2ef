//===- Front.h - What is in front of a point in a stream --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_FRONT_H_
#define TOKRT_CUDA_FRONT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tokrt::cuda {

/// What has ended when a point in a stream has come: of each stream that it is
/// behind, the launches up to a number. A vector clock, in other words.
class Front {
public:
  struct Part {
    const void *stream;
    uint64_t upTo; // the number of the last launch
  };

  void add(const void *stream, uint64_t upTo) {
    for (Part &part : parts)
      if (part.stream == stream) {
        part.upTo = std::max(part.upTo, upTo);
        return;
      }
    parts.push_back({stream, upTo});
  }
  void add(const Front &other) {
    for (const Part &part : other.parts)
      add(part.stream, part.upTo);
  }
  /// Nothing is left to wait for of a stream.
  void forget(const void *stream) {
    parts.erase(
        std::remove_if(parts.begin(), parts.end(),
                       [&](const Part &part) { return part.stream == stream; }),
        parts.end());
  }
  void clear() { parts.clear(); }
  bool empty() const { return parts.empty(); }
  auto begin() const { return parts.begin(); }
  auto end() const { return parts.end(); }

private:
  std::vector<Part> parts;
};

} // namespace tokrt::cuda

#endif // TOKRT_CUDA_FRONT_H_
