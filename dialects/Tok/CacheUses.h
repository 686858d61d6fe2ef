//===- CacheUses.h - Who may use a cache value ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_CACHEUSES_H
#define TOK_CACHEUSES_H

#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"

namespace tokopt::tok {

/// Checks that `cache` can be updated in place: it has at most one consuming
/// use, in the region that defines it, after all reads of it. Whatever is no
/// `CacheUserInterface` (return, yield, stack) consumes. The error stands at
/// the user that breaks the rule.
mlir::LogicalResult verifyCacheUses(mlir::Value cache);

} // namespace tokopt::tok

#endif // TOK_CACHEUSES_H
