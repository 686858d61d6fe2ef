//===- Manifest.h - What a bundle says about itself -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest's keys as a struct, every one typed and in range. The text of
// docs/bundle.md is the definition; no header is shared with the compiler.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_MANIFEST_H_
#define TOKRT_SRC_MANIFEST_H_

#include "tokrt/tokrt.h"

#include <string>
#include <utility>
#include <vector>

namespace tokrt {

struct ManifestLevel {
  std::string name;
  std::vector<std::string> features;
  uint64_t step = 0; // address of the entry in the object
};

struct ManifestCache {
  std::string name;
  uint32_t slots = 0; // positions a page holds
  uint64_t pageBytes = 0;
};

struct ManifestSchedule {
  tokrt_schedule_t kind = TOKRT_SCHEDULE_WHOLE;
  uint32_t budget = 0;                               // 0: none
  std::vector<std::pair<uint32_t, uint32_t>> groups; // [begin, end)
};

/// What a probe of instrumented code looks at.
struct ManifestProbe {
  enum class Type { None, F32, F16, I32, I8x32 };
  uint32_t kernel = 0;
  std::string label;
  std::string value; // empty: no value, and nothing below
  Type type = Type::None;
  uint32_t columns = 0;
  bool perOutput = false; // its rows are those that ask for logits

  /// Bytes that the columns of a row fill at least.
  uint64_t leastRowBytes() const;
};

/// The name of a type, as the manifest has it.
const char *probeTypeName(ManifestProbe::Type type);

struct Manifest {
  std::string producer, machine, backend, arch, name;
  uint32_t layers = 0, width = 0, vocab = 0, context = 0;
  std::vector<ManifestLevel> levels;
  uint64_t rowBytes = 0, fixedBytes = 0, scratchBytes = 0;
  uint32_t logitsStride = 0;
  std::vector<ManifestCache> caches;
  ManifestSchedule schedule;
  std::vector<ManifestProbe> probes; // by number; none: not instrumented
  uint64_t weightBytes = 0;
  std::string weightHash; // 32 hex digits
};

/// Reads `size` bytes of JSON. `path` is for messages.
tokrt_status_t parseManifest(const char *text, size_t size, const char *path,
                             Manifest *out, tokrt_error_t *error);

} // namespace tokrt

#endif // TOKRT_SRC_MANIFEST_H_
