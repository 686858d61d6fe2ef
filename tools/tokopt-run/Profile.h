//===- Profile.h - Time by kernel -------------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_RUN_PROFILE_H_
#define TOOLS_TOKOPT_RUN_PROFILE_H_

#include "tools/Common/Common.h"

#include <cstdio>
#include <nlohmann/json.hpp>

/// Sums the time of each kernel over layers and steps.
class Profile {
public:
  explicit Profile(const tokrt_model_t *model);

  void add(const tokrt_probe_event_t &event);

  /// Kernels that ran, by falling share: number, label, calls, microseconds,
  /// share of all.
  nlohmann::ordered_json toJson() const;
  /// The same as a table.
  void print(FILE *out) const;

private:
  struct Kernel {
    uint32_t number = 0;
    const char *label = "";
    uint64_t calls = 0, nanoseconds = 0;
  };

  std::vector<Kernel> ranked() const;
  uint64_t total() const;

  std::vector<Kernel> kernels;
  /// By probe: its kernel's place in `kernels`, and whether it is the kernel's
  /// first.
  std::vector<std::pair<size_t, bool>> probes;
};

#endif // TOOLS_TOKOPT_RUN_PROFILE_H_
