//===- Model.h - A loaded bundle --------------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_MODEL_H_
#define TOKRT_SRC_MODEL_H_

#include "Elf.h"
#include "Frame.h"
#include "Manifest.h"
#include "Memory.h"

/// The public handle. Immutable after it was loaded.
struct tokrt_model_s {
  std::string path;
  uint64_t fileBytes = 0;
  tokrt::ElfFile elf;
  tokrt::Manifest manifest;
  /// `[0, weights.offset)` of the file, and the text of the manifest in it.
  tokrt::Mapping head;
  const char *manifestText = nullptr;
  size_t manifestSize = 0;
  tokrt::Mapping weights;
  tokrt::Mapping code;
  const tokrt::ManifestLevel *level = nullptr;
  tokrt::StepFn step = nullptr;
};

#endif // TOKRT_SRC_MODEL_H_
