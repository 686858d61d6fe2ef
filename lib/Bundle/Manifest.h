//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest as JSON.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_MANIFEST_H
#define TOKOPT_LIB_BUNDLE_MANIFEST_H

#include "tokopt/Bundle.h"

namespace tokopt {

/// What is known of a level after linking.
struct ManifestLevel {
  std::string name;
  std::vector<std::string> features;
  /// Name and virtual address.
  std::vector<std::pair<std::string, int64_t>> entries;
};

/// The JSON text. Its length does not depend on the digits of `weightHash`, so
/// the place of what follows is known before the weights are.
std::string printManifest(const Manifest &manifest,
                          llvm::ArrayRef<ManifestLevel> levels,
                          int64_t weightBytes, llvm::StringRef weightHash);

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_MANIFEST_H
