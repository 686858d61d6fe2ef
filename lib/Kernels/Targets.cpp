//===- Targets.cpp - All targets, and their machines by name --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Templates.h"
#include "lib/Kernels/Cuda/Templates.h"

using namespace mlir;
using namespace tokopt;

ArrayRef<const KernelTarget *> tokopt::getKernelTargets() {
  static const KernelTarget *const targets[] = {&cpu::target(),
                                                &cuda::target()};
  return targets;
}

FailureOr<const KernelTarget *> tokopt::findKernelTarget(Operation *op,
                                                         StringRef name) {
  for (const KernelTarget *target : getKernelTargets())
    if (target->getName() == name)
      return target;
  // At the place only: an operation's error would print the whole module.
  InFlightDiagnostic error = emitError(op->getLoc())
                             << "has no target '" << name << "'";
  StringRef before = "; expected ";
  for (const KernelTarget *target : getKernelTargets()) {
    error << before << target->getName();
    before = " or ";
  }
  return error;
}

FailureOr<Machine> tokopt::findMachine(Operation *op, StringRef name) {
  for (const KernelTarget *target : getKernelTargets())
    for (const TargetDescription &machine : target->getMachines())
      if (machine.name == name)
        return Machine{target, &machine};
  // At the place only: an operation's error would print the whole module.
  InFlightDiagnostic error = emitError(op->getLoc())
                             << "has no target '" << name << "'";
  StringRef before = "; expected ";
  for (const KernelTarget *target : getKernelTargets()) {
    for (const TargetDescription &machine : target->getMachines()) {
      error << before << machine.name;
      before = ", ";
    }
    error << " (" << target->getName() << ")";
  }
  return error;
}
