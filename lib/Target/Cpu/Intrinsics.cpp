//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which processor intrinsics a level has. LLVM checks this while it selects
// instructions, and there a missing one ends the process.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Cpu/Cpu.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Module.h"

using namespace llvm;
using namespace tokopt;

namespace {

/// Intrinsics whose name starts so need the feature.
struct IntrinsicFamily {
  StringLiteral prefix;
  StringLiteral feature;
};

} // namespace

/// The longest prefix counts. What is not listed is not available.
static constexpr IntrinsicFamily kFamilies[] = {
    {"llvm.x86.sse.", ""},
    {"llvm.x86.sse2.", ""},
    {"llvm.x86.rdtsc", ""},
    {"llvm.x86.sse3.", "sse3"},
    {"llvm.x86.ssse3.", "ssse3"},
    {"llvm.x86.sse41.", "sse4.1"},
    {"llvm.x86.sse42.", "sse4.2"},
    {"llvm.x86.sse42.crc32.", "crc32"},
    {"llvm.x86.avx.", "avx"},
    {"llvm.x86.avx2.", "avx2"},
    {"llvm.x86.avx2.vpdpb", "avxvnniint8"},
    {"llvm.x86.avx2.vpdpw", "avxvnniint16"},
    {"llvm.x86.bmi.", "bmi2"},
    {"llvm.x86.fma.", "fma"},
    {"llvm.x86.vcvtps2ph.", "f16c"},
    {"llvm.x86.avx512.", "avx512vl"},
    {"llvm.x86.avx512.conflict.", "avx512cd"},
    {"llvm.x86.avx512.vpdp", "avx512vnni"},
    {"llvm.x86.avx512.permvar.qi.", "avx512vbmi"},
    {"llvm.x86.avx512.vpermi2var.qi.", "avx512vbmi"},
    {"llvm.x86.avx512.pmultishift.", "avx512vbmi"},
    {"llvm.x86.avx512.vpmadd52", "avx512ifma"},
    {"llvm.x86.avx512.vp2intersect.", "avx512vp2intersect"},
    {"llvm.x86.avx512.vpshufbitqmb.", "avx512bitalg"},
    {"llvm.x86.avx512bf16.", "avx512bf16"},
    {"llvm.x86.avx512fp16.", "avx512fp16"},
    {"llvm.x86.tile", "amx-tile"},
    {"llvm.x86.tdpb", "amx-int8"},
};

/// The feature that `name` needs, or nothing if it is not listed.
static std::optional<StringRef> getFeature(StringRef name) {
  const IntrinsicFamily *best = nullptr;
  for (const IntrinsicFamily &family : kFamilies)
    if (name.starts_with(family.prefix) &&
        (!best || family.prefix.size() > best->prefix.size()))
      best = &family;
  if (!best)
    return std::nullopt;
  return best->feature;
}

Error tokopt::checkIntrinsics(const Module &module, const IsaLevel &level) {
  for (const Function &function : module) {
    StringRef name = function.getName();
    if (!name.starts_with("llvm.x86."))
      continue;
    std::optional<StringRef> feature = getFeature(name);
    if (feature && (feature->empty() || is_contained(level.features, *feature)))
      continue;
    return makeCodeError(
        level.name, "the intrinsic " + name +
                        (feature ? " needs the feature " + *feature +
                                       ", which this level does not have"
                                 : Twine(" is not one that any level has")));
  }
  return Error::success();
}
