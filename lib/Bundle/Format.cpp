//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of formats. Sizes of source blocks are those of ggml's files, sizes
// of packed blocks those of docs/bundle.md.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Bundle.h"
#include "llvm/ADT/STLExtras.h"

using namespace tokopt;

static constexpr FormatInfo kFormats[] = {
    // name, columns, source bytes, packed bytes; in the order of the enum
    {"f32", 1, 4, 64},     {"f16", 1, 2, 32},        {"bf16", 1, 2, 32},
    {"q4_0", 32, 18, 288}, {"q4_1", 32, 20, 320},    {"q5_0", 32, 22, 352},
    {"q8_0", 32, 34, 544}, {"q4_k", 256, 144, 2368}, {"q6_k", 256, 210, 3360},
};

const FormatInfo &tokopt::getFormatInfo(Format format) {
  return kFormats[static_cast<unsigned>(format)];
}

std::optional<Format> tokopt::parseFormat(llvm::StringRef name) {
  for (auto [index, info] : llvm::enumerate(kFormats))
    if (info.name == name)
      return static_cast<Format>(index);
  return std::nullopt;
}
