//===- CasesFuzzer.cpp - Any bytes, offered as a file of cases ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is read has no problem, is written as it was read, and small buffers of
// it are filled.
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Content.h"

#include <cstdlib>

using namespace cases;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Folder folder, again;
  std::string error;
  if (!fromJson(std::string(reinterpret_cast<const char *>(data), size), folder,
                error)) {
    if (error.empty())
      abort();
    return 0;
  }
  if (!findProblem(folder).empty() || !fromJson(toJson(folder), again, error) ||
      toJson(again) != toJson(folder))
    abort();
  constexpr uint64_t kSmall = 1 << 16;
  for (const Case &given : folder.cases)
    for (const Buffer &buffer : given.buffers)
      if (buffer.bytes <= kSmall || (buffer.period && buffer.period <= kSmall))
        if (contentsOf(buffer, [](const std::string &) { return 0; }).empty())
          abort();
  return 0;
}
