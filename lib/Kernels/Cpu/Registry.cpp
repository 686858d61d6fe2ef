//===- Registry.cpp - Finds CPU templates, targets and slots by name ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace tokopt;
using namespace tokopt::cpu;

const KernelTemplate *tokopt::findCpuTemplate(llvm::StringRef family) {
  for (const KernelTemplate *candidate :
       {&embedTemplate(), &anglesTemplate(), &rowwiseTemplate(),
        &linearTemplate(), &attentionTemplate(), &sampleTemplate()})
    if (candidate->getFamily() == family)
      return candidate;
  return nullptr;
}

int64_t tokopt::getCpuPageBytes(tok::CacheType cache) {
  return kernels::PageLayout(cache).pageBytes;
}

std::optional<TargetDescription> tokopt::findTarget(llvm::StringRef name) {
  static constexpr TargetDescription kTargets[] = {
      {"avx512amx", /*vectorBits=*/512, /*vectorRegisters=*/32,
       /*hasDotProduct=*/true, /*hasTiles=*/true},
      {"avx512vnni", /*vectorBits=*/512, /*vectorRegisters=*/32,
       /*hasDotProduct=*/true},
      {"avx2", /*vectorBits=*/256, /*vectorRegisters=*/16,
       /*hasDotProduct=*/false},
  };
  for (const TargetDescription &target : kTargets)
    if (target.name == name)
      return target;
  return std::nullopt;
}

std::optional<Slot> tokopt::findSlot(llvm::StringRef name) {
  static constexpr llvm::StringLiteral kNames[] = {
      "workers", "barrier",   "yield",       "weights",
      "rows",    "full_rows", "layer_begin", "layer_end",
      "ids",     "pos",       "seq",         "outs",
      "out",     "logits",    "sampling",    "seeds",
      "tokens",  "frontier",  "workspace",   "capacity",
      "scratch", "caches",    "instrument",  "instrument_data"};
  for (auto [index, candidate] : llvm::enumerate(kNames))
    if (candidate == name)
      return static_cast<Slot>(index);
  return std::nullopt;
}
