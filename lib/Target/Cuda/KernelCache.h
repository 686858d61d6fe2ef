//===- KernelCache.h - Kernels that were built before -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_CUDA_KERNELCACHE_H
#define TOKOPT_LIB_TARGET_CUDA_KERNELCACHE_H

#include "tokopt/CudaTarget.h"

#include <optional>
#include <string>

namespace tokopt {

/// A folder of built kernels, a file each, that processes may share. A file
/// that is damaged counts as none. Threads may use one cache at a time.
class KernelCache {
public:
  /// `folder` may be empty: nothing is kept.
  explicit KernelCache(llvm::StringRef folder) : folder(folder) {}

  /// The name of what `parts` make: what a kernel is made of and what makes it.
  static std::string keyOf(llvm::ArrayRef<llvm::StringRef> parts);

  /// All of an image but its kernel, or nothing.
  std::optional<CudaImage> find(llvm::StringRef key) const;

  llvm::Error keep(llvm::StringRef key, const CudaImage &image) const;

  /// Drops what was not used for longest until the rest has `limit` bytes.
  void prune(uint64_t limit) const;

private:
  std::string pathOf(llvm::StringRef key) const;

  std::string folder;
};

/// Names the program that runs with the libraries that it has loaded: a change
/// of any of them makes another name.
std::string getProgramIdentity();

} // namespace tokopt

#endif // TOKOPT_LIB_TARGET_CUDA_KERNELCACHE_H
