//===- Reference.h - The reference backend ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op on values is defined by a decomposition to upstream ops. The
// reference backend compiles those decompositions and nothing else, so that
// what kernels compute has something to be compared with.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_REFERENCE_H
#define TOKOPT_REFERENCE_H

namespace tokopt {

/// Registers the passes of the reference backend.
void registerReferencePasses();

} // namespace tokopt

#endif // TOKOPT_REFERENCE_H
