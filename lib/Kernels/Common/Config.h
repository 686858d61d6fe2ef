//===- Config.h - What a template reads of its kernel -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_CONFIG_H
#define TOKOPT_KERNELS_COMMON_CONFIG_H

#include "dialects/Tok/TokOps.h"

namespace tokopt::kernels {

/// Bytes from one row of a buffer to the next.
int64_t rowBytes(mlir::Type memref);

/// Columns of a buffer.
int64_t columnsOf(mlir::Type memref);

/// An integer of a kernel's configuration; it must be there.
int64_t configInt(tok::KernelOp op, llvm::StringRef name);
/// A name of a kernel's configuration, or empty.
llvm::StringRef configName(tok::KernelOp op, llvm::StringRef name);
double configFloat(tok::KernelOp op, llvm::StringRef name);

/// `op`'s configuration with `entries` added.
mlir::DictionaryAttr extendConfig(tok::KernelOp op,
                                  llvm::ArrayRef<mlir::NamedAttribute> entries);
/// The same where it says nothing.
mlir::DictionaryAttr
completeConfig(tok::KernelOp op,
               llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> choices);

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_CONFIG_H
