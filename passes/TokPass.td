//===- TokPass.td - A pass with a contract -----------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_PASSES_TOKPASS_TD
#define TOKOPT_PASSES_TOKPASS_TD

include "mlir/Pass/PassBase.td"

/// What a pass may do to the numbers (docs/architecture.md, "Contracts"). `tokopt-opt --list-contracts` prints them,
/// test/Contracts enforces them.
class Contract<string kindName> {
  string kind = kindName;
  /// Bound of `tolerance`: largest difference over the root mean square of the reference.
  string bound = "";
  /// Option of `lossy` and its value at which the same code path is exact.
  string knob = "";
  string neutral = "";
}

/// Same values bit for bit, on the reference backend and on the compiled f32 path.
def Exact : Contract<"exact">;
class Tolerance<string relative> : Contract<"tolerance"> { let bound = relative; }
class Lossy<string option, string value> : Contract<"lossy"> {
  let knob = option;
  let neutral = value;
}

class TokPass<string argument, Contract kind, string anchor = "::mlir::ModuleOp"> : Pass<argument, anchor> {
  Contract contract = kind;
  /// Whether a second run changes nothing.
  bit idempotent = 0;
}

#endif // TOKOPT_PASSES_TOKPASS_TD
