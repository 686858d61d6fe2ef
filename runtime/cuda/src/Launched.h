//===- Launched.h - The names of what was launched --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_LAUNCHED_H_
#define TOKRT_CUDA_LAUNCHED_H_

#include <cstddef>
#include <cstdint>

namespace tokrt::cuda {

/// A list of names in a message. Its size leaves place in a `tokrt_error_t` for
/// the error and for what to do.
template <size_t bytes>
struct Text {
  char data[bytes] = {};
};

/// What was launched and has not ended yet, or what a capture recorded: an
/// error that comes later is told with these names. Only the last few are kept.
/// Nothing is allocated, since errors are told where there is no memory left.
class Launched {
public:
  /// `name` lives as long as `owner`, which is forgotten before it goes.
  void add(const void *stream, const void *owner, const char *name);
  /// Forgets the launches on a stream up to a number.
  void forgetStream(const void *stream, uint64_t upTo = UINT64_MAX);
  void forgetOwner(const void *owner);
  void clear() { *this = {}; }
  /// The number of the last launch; they count on.
  uint64_t last() const { return number; }

  /// "kernel a", or "one of the kernels a, b and 3 more launches", or "the GPU"
  /// where there is none.
  Text<400> describe() const;
  /// "a, b and 3 more launches", short enough to be a name in `describe`.
  Text<200> list() const;

private:
  struct Launch {
    const void *stream, *owner;
    const char *name;
    uint64_t times, last; // launches, and the number of the last
  };
  static constexpr size_t kMost = 8;
  Launch launches[kMost] = {};
  size_t count = 0;
  uint64_t dropped = 0; // launches before these
  uint64_t number = 0;

  template <typename Predicate>
  void forgetIf(Predicate &&matches);
  void append(char *text, size_t bytes) const;
};

} // namespace tokrt::cuda

#endif // TOKRT_CUDA_LAUNCHED_H_
