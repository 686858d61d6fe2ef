//===- ValueNames.h - What the values of a model are called -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whoever compares what two backends, or two versions of a pass, made of a
// model needs names that both give to the same value. They come from the model
// alone: from the weights that an op reads, which no lowering renames, and from
// the op itself.
//
//===----------------------------------------------------------------------===//

#ifndef TOK_VALUENAMES_H
#define TOK_VALUENAMES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace tokopt::tok {

/// Whether `name` may be one: 1 to 128 letters, digits, dots, dashes and
/// underscores, no dot first. So it can be a part of a file's name.
bool isValueName(llvm::StringRef name);

/// `text` as the label of a probe: one line of at most 1024 characters, which
/// is what the runtime takes.
std::string makeProbeLabel(llvm::StringRef text);

/// Whether `value` holds rows of a step that an op computed: what has a name.
bool isNamedValue(mlir::Value value);

/// The names of the named values of `function`, a kind of layer or an entry of
/// a model. No two are equal.
///
/// - What an entry returns is called by its slot (`logits`).
/// - What an op makes with a weight is called by its (first) weight: `attn_q`.
/// - Attention is called `attention`, what else it gives `attention.lse` and
///   `attention.window_probs`.
/// - Everything else is called by the value that was computed last of those it
///   reads, and by its op: `attn_q.rope`, `ffn_up.gated`, `attn_output.addf`.
///
/// A name that is taken gets a number: `attn_q.2`.
llvm::DenseMap<mlir::Value, std::string>
nameValues(mlir::func::FuncOp function);

} // namespace tokopt::tok

#endif // TOK_VALUENAMES_H
