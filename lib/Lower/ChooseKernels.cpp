//===- ChooseKernels.cpp - Complete the configuration of every kernel -----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace tokopt {
#define GEN_PASS_DEF_CHOOSEKERNELSPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

static void printChoice(StringRef family, const KernelChoice &choice) {
  auto printCost = [&](double cost) {
    if (!choice.unit.empty())
      llvm::errs() << ", " << llvm::format("%.4g", cost) << " " << choice.unit;
  };
  llvm::errs() << family << " " << choice.config << ": " << choice.chosen;
  printCost(choice.cost);
  llvm::errs() << " (runner-up: " << choice.runnerUp;
  printCost(choice.runnerUpCost);
  llvm::errs() << "): " << choice.reason << "\n";
}

namespace {

struct ChooseKernelsPass
    : tokopt::impl::ChooseKernelsPassBase<ChooseKernelsPass> {
  using ChooseKernelsPassBase::ChooseKernelsPassBase;

  void runOnOperation() override {
    FailureOr<Machine> machine = findMachine(getOperation(), target);
    if (failed(machine))
      return signalPassFailure();
    if (print)
      llvm::errs() << "kernels for " << machine->description->name << ":\n";
    WalkResult result = getOperation().walk([&](tok::KernelOp kernel) {
      FailureOr<const KernelTemplate *> generator =
          findKernelTemplate(kernel, *machine->target);
      if (failed(generator))
        return WalkResult::interrupt();
      FailureOr<KernelChoice> choice =
          (*generator)->choose(kernel, *machine->description);
      if (failed(choice))
        return WalkResult::interrupt();
      kernel.setConfigAttr(choice->config);
      if (print)
        printChoice(kernel.getFamily(), *choice);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
