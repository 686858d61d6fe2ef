//===- FakeDriver.h - A CUDA driver without a GPU ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library with the entry points that the launcher uses. It keeps objects and
// memory, checks handles and arguments, and records calls; kernels do not
// compute. What a GPU must do that it never does by itself (fail at a call,
// fault, hang) it does when it is told to: through this interface, or through
// the environment variable FAKE_CUDA for programs that open it.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKEDRIVER_H_
#define TEST_RUNTIME_CUDA_FAKEDRIVER_H_

#include <cstdint>

/// How the fake GPU and its driver are.
struct FakeGpu {
  int gpus = 1;
  int driverVersion = 13000;
  int capability = 80;
  int sharedBytes = 163 << 10;
  uint64_t memoryBytes = uint64_t(1) << 30;
  /// The threads that a block of every kernel may have.
  int threads = 1024;
  /// What every kernel has of shared memory by itself.
  int ownSharedBytes = 0;
  /// What the parameters of every kernel take, 8 bytes each but for the last;
  /// 0: the driver does not say, as those from before CUDA 12.4; kOfImage: what
  /// the image says of its kernels, as it is with programs.
  int parameterBytes = 0;
  static constexpr int kOfImage = -1;
};

struct FakeDriver {
  /// Forgets everything, and takes these settings.
  void (*reset)(const FakeGpu *gpu);
  /// Makes the call number `count` of `name`, from 1 on, give `result`.
  void (*failAt)(const char *name, int count, int result);
  /// Makes the entry point `name` one that this driver does not have.
  void (*hide)(const char *name);
  /// How often `name` was called.
  int (*calls)(const char *name);
  /// Objects and blocks of memory that live, but for those in a context with a
  /// kernel that hangs: nothing can take them back.
  int (*live)();
  /// Objects and blocks of memory that nobody had released when their context
  /// was destroyed.
  int (*swept)();
  /// The launches so far, a line each.
  const char *(*launches)();
  /// The context of the thread, which may be another library's.
  void (*setCurrent)(uintptr_t context);
  uintptr_t (*current)();
};

/// Kernels of these names end in a sticky error, which the next call gives, or
/// a call after somebody waited; or never.
inline constexpr char kFaultingKernel[] = "faults",
                      kLateFaultingKernel[] = "faults_late",
                      kHangingKernel[] = "hangs";
/// A kernel of this name is in no module.
inline constexpr char kMissingKernel[] = "missing";

/// The name under which the library exports its `FakeDriver`.
inline constexpr char kFakeDriverSymbol[] = "fakeDriver";

#endif // TEST_RUNTIME_CUDA_FAKEDRIVER_H_
