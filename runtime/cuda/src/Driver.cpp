//===- Driver.cpp - The driver's entry points -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Driver.h"
#include "runtime/cuda/src/Failure.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace tokrt;
using namespace tokrt::cuda;

/// The function that finds all others. Drivers of CUDA 12 and later have its
/// second version, which also says why it found nothing.
static constexpr char kFinder[] = "cuGetProcAddress",
                      kSecondFinder[] = "cuGetProcAddress_v2";
using Finder = Result (*)(const char *, void **, int, uint64_t);
using SecondFinder = Result (*)(const char *, void **, int, uint64_t, int *);

static const char *libraryName(const char *path) {
  if (path)
    return path;
  const char *named = getenv("TOKOPT_CUDA_DRIVER");
  return named && *named ? named : "libcuda.so.1";
}

tokrt_status_t Driver::open(const char *path, tokrt_error_t *error) {
  const char *name = libraryName(path);
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(error, TOKRT_UNSUPPORTED,
                "%s: cannot open the CUDA driver: %s; install NVIDIA's driver, "
                "or run where there is a GPU",
                name, dlerror());
  auto first = reinterpret_cast<Finder>(dlsym(library, kFinder));
  auto second = reinterpret_cast<SecondFinder>(dlsym(library, kSecondFinder));
  if (!first && !second)
    return fail(error, TOKRT_UNSUPPORTED,
                "%s: found no %s, expected a driver of CUDA %d.%d or later; "
                "update NVIDIA's driver",
                name, kFinder, kOldestDriver / 1000, kOldestDriver % 1000 / 10);
  auto resolve = [&](auto &entry) {
    void *address = nullptr;
    int why;
    Result result = second
                        ? second(entry.name, &address, entry.version, 0, &why)
                        : first(entry.name, &address, entry.version, 0);
    if (result == kSuccess && address) {
      entry.function = reinterpret_cast<decltype(entry.function)>(address);
      return TOKRT_OK;
    }
    if (entry.version > kOldestDriver)
      return TOKRT_OK; // those who call it look whether it is there
    return fail(error, TOKRT_UNSUPPORTED,
                "%s: %s: found no %s (CUresult %d), expected a driver of CUDA "
                "%d.%d or later; update NVIDIA's driver",
                name, kFinder, entry.name, result, kOldestDriver / 1000,
                kOldestDriver % 1000 / 10);
  };
#define TOKRT_CUDA_RESOLVE(member, ...)                                        \
  if (tokrt_status_t status = resolve(member))                                 \
    return status;
  TOKRT_CUDA_ENTRIES(TOKRT_CUDA_RESOLVE)
#undef TOKRT_CUDA_RESOLVE
  return TOKRT_OK;
}
