//===- Architecture.cpp - The architectures there are ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Architecture.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace tokopt;

ArrayRef<const Architecture *> tokopt::getArchitectures() {
  static const Architecture *const all[] = {&llama, &qwen2};
  return all;
}

const Architecture *tokopt::lookupArchitecture(StringRef name) {
  auto it = find_if(getArchitectures(),
                    [&](const Architecture *a) { return a->name == name; });
  return it == getArchitectures().end() ? nullptr : *it;
}
