//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of instruction-set levels.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Target.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace tokopt;
using llvm::StringLiteral;

// LLVM may use any feature of the CPU it is told, so each must be checked at
// load. Left out are those that every x86-64 has, and four that every AVX2
// machine has and that no generated code can reach: LLVM uses them for 128-bit
// atomics and for intrinsics that Intrinsics.cpp refuses. A test compares with
// LLVM's own table.
#define X86_64_V3                                                              \
  "sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "avx", "avx2", "bmi", "bmi2", \
      "f16c", "fma", "lzcnt", "movbe"
#define X86_64_V4                                                              \
  X86_64_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"

static constexpr StringLiteral kAvx2Features[] = {X86_64_V3};
static constexpr StringLiteral kAvx512VnniFeatures[] = {X86_64_V4,
                                                        "avx512vnni"};
static constexpr StringLiteral kAvx512AmxFeatures[] = {X86_64_V4, "avx512vnni",
                                                       "amx-tile", "amx-int8"};

#undef X86_64_V3
#undef X86_64_V4

static constexpr IsaLevel kLevels[] = {
    {"avx512amx", "x86-64-v4", "+avx512vnni,+amx-tile,+amx-int8", 512,
     kAvx512AmxFeatures},
    {"avx512vnni", "x86-64-v4", "+avx512vnni", 512, kAvx512VnniFeatures},
    {"avx2", "x86-64-v3", "", 256, kAvx2Features},
};

llvm::ArrayRef<IsaLevel> tokopt::getIsaLevels() { return kLevels; }

const IsaLevel *tokopt::findIsaLevel(llvm::StringRef name) {
  const auto *level = llvm::find_if(
      kLevels, [&](const IsaLevel &level) { return level.name == name; });
  return level == std::end(kLevels) ? nullptr : level;
}

std::string tokopt::listIsaLevels() {
  return llvm::join(
      llvm::map_range(kLevels,
                      [](const IsaLevel &level) { return level.name; }),
      ", ");
}
