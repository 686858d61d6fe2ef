//===- Mutate.h - Breaks kernels on purpose ---------------------*- C++ -*-===//

#ifndef TOKOPT_TOOLS_MUTATE_H
#define TOKOPT_TOOLS_MUTATE_H

#include "mlir/IR/BuiltinOps.h"

namespace tokopt {

/// Replaces every f32 constant of `module` that is nearest to `from` by `to`;
/// returns how many there were.
int64_t mutateConstants(mlir::ModuleOp module, double from, double to);

} // namespace tokopt

#endif // TOKOPT_TOOLS_MUTATE_H
