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

struct Manifest {
  std::string producer, machine, backend, arch, name;
  uint32_t layers = 0, width = 0, vocab = 0, context = 0;
  std::vector<ManifestLevel> levels;
  uint64_t rowBytes = 0, fixedBytes = 0, scratchBytes = 0;
  uint32_t logitsStride = 0;
  std::vector<ManifestCache> caches;
  ManifestSchedule schedule;
  uint64_t weightBytes = 0;
  std::string weightHash; // 32 hex digits
};

/// Reads `size` bytes of JSON. `path` is for messages.
tokrt_status_t parseManifest(const char *text, size_t size, const char *path,
                             Manifest *out, tokrt_error_t *error);

} // namespace tokrt

#endif // TOKRT_SRC_MANIFEST_H_
