//===- Runs.h - Cases on a GPU ----------------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_LAUNCH_RUNS_H_
#define TOOLS_TOKOPT_LAUNCH_RUNS_H_

#include "tools/KernelCases/Case.h"
#include "tools/tokopt-launch/Device.h"

#include <map>
#include <memory>
#include <optional>

namespace tools {

/// The numbers of a case did not come out; the message is complete.
struct Wrong {
  std::string message;
};

/// A case is not for this GPU; the message says why.
struct Skipped {
  std::string message;
};

/// How long a case took.
struct Times {
  double median, least; // milliseconds
  uint32_t splits;      // blocks in z with which it was fastest
};

/// A case with its memory on a GPU.
class CaseRun {
public:
  /// Loads the best image that the driver takes for this GPU from `folder`, of
  /// PTX that later GPUs run too if `onlyPtx`, and fills all buffers. Throws
  /// `Skipped` where there is none by design.
  CaseRun(Device &device, const std::string &folder, const cases::Case &given,
          bool onlyPtx);

  /// Runs the kernel and compares with what is expected; throws `Wrong`.
  /// Returns the largest part of what numbers may be off that was needed.
  /// Where any number of splits gives the same bits, that is compared too.
  double check();
  /// Runs it `runs` times, each with `flush` written before, so that the L2
  /// holds nothing of the case.
  Times time(Block &flush, int runs);
  const std::string &imageName() const { return image->name; }
  /// The bytes of each check, by buffer.
  std::map<std::string, std::string> record();

private:
  void load(bool onlyPtx);
  void launch(uint32_t splits);
  std::vector<std::vector<uint8_t>> readChecked();

  Device &device;
  const std::string &folder;
  const cases::Case &given;
  const cases::Image *image = nullptr;
  std::unique_ptr<Kernel> kernel;
  std::map<std::string, Block> blocks;
  std::vector<uint64_t> arguments;
  std::vector<tokrt_cuda_tensor_map_t> maps;
  /// Where each of these is.
  std::vector<const void *> parameters;
};

} // namespace tools

#endif // TOOLS_TOKOPT_LAUNCH_RUNS_H_
