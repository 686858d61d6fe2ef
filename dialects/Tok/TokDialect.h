//===- TokDialect.h - The tok dialect ---------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKDIALECT_H
#define TOK_TOKDIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/Tok/TokDialect.h.inc"

namespace tokopt::tok {

/// Marks a private function that is one kind of layer.
inline constexpr llvm::StringLiteral kKindAttrName = "tok.kind";
/// Module attribute: what the model is (`#tok.model`).
inline constexpr llvm::StringLiteral kModelAttrName = "tok.model";
/// Module attribute: the file's own key/value records (`#tok.source`).
inline constexpr llvm::StringLiteral kMetadataAttrName = "tok.metadata";
/// Module attribute: what lowering found out for the manifest (a dictionary:
/// `row_bytes`, `scratch_bytes`, `logits_stride`, `caches` as `[{name, slots,
/// page_bytes}]`, `kernels` as `[{name, family, config}]`).
inline constexpr llvm::StringLiteral kProgramAttrName = "tok.program";
/// Module attribute: what each `tok.probe` looks at, by its number (an array of
/// dictionaries: `kernel`, which kernels are counted by, and `label`; for a
/// value also `value`, its name, `type` (`f32`, `f16`, `i32`, `i8x32`),
/// `columns`, and `rows`: `step` or `outputs`).
inline constexpr llvm::StringLiteral kProbesAttrName = "tok.probes";
/// Argument and result attribute of an entry: its role, a name of
/// docs/bundle.md's frame.
inline constexpr llvm::StringLiteral kSlotAttrName = "tok.slot";
/// Function attribute: a CUDA kernel and how it is launched (a dictionary:
/// `threads` of a block, `shared` bytes of a block, and for generated kernels
/// `rows`, how many rows a block takes).
inline constexpr llvm::StringLiteral kLaunchAttrName = "tok.launch";
/// Function and argument attribute: what `tokopt-sim` runs a kernel with
/// (docs/simulator.md).
inline constexpr llvm::StringLiteral kSimAttrName = "tok.sim";

} // namespace tokopt::tok

#endif // TOK_TOKDIALECT_H
