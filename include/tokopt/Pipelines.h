//===- Pipelines.h - Everything tokopt registers ----------------*- C++ -*-===//

#ifndef TOKOPT_PIPELINES_H
#define TOKOPT_PIPELINES_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tokopt {

/// Adds the tok dialect and the upstream dialects that models, programs and
/// kernels are written in.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers every tokopt pass and pipeline by its command line name.
void registerPasses();

} // namespace tokopt

#endif // TOKOPT_PIPELINES_H
