//===- Case.h - What a kernel is run with -----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_TOKOPT_SIM_CASE_H
#define TOKOPT_TOOLS_TOKOPT_SIM_CASE_H

#include "tokopt/CudaTarget.h"
#include "tokopt/Sim.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tokopt {

/// What buffers hold before a kernel runs.
enum class Fill { Nothing, Zero, Uniform, Ascending };

/// An argument of a kernel: a buffer, a number, or the map of a tensor.
struct CaseArgument {
  std::string name;
  std::optional<CudaTensorMap> map;
  mlir::RankedTensorType buffer;
  Fill fill = Fill::Nothing;
  uint64_t number = 0;
};

/// A kernel and what `tok.sim` says of it and of its arguments
/// (docs/simulator.md).
struct Case {
  std::string kernel;
  sim::Launch launch;
  std::vector<CaseArgument> arguments;
  /// The function that defines the results, or empty.
  std::string reference;
  /// The largest difference from the reference, relative to the root mean
  /// square of its values.
  double tolerance = 0;
};

/// Reads the case of `kernel`; errors are reported at it.
mlir::FailureOr<Case> readCase(mlir::func::FuncOp kernel);

/// Bytes of a buffer, and its contents. Nothing is random twice: the same
/// numbers come out every time.
uint64_t getBytes(mlir::RankedTensorType type);
void fill(uint8_t *data, const CaseArgument &argument);

/// The value of element `index`, as a double.
double getElement(const uint8_t *data, mlir::Type element, uint64_t index);

} // namespace tokopt

#endif // TOKOPT_TOOLS_TOKOPT_SIM_CASE_H
