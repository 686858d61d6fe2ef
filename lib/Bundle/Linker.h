//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From relocatable objects to the loadable part of a bundle.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_LINKER_H
#define TOKOPT_LIB_BUNDLE_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace tokopt {

/// Links `objects` into one shared object by running `linker`, or the linker of
/// PATH if that is empty. The result needs nothing at load time but to be
/// mapped: it has no relocation, no undefined symbol and no writable segment.
/// Anything else is an error.
llvm::Expected<llvm::SmallVector<char, 0>>
linkSharedObject(llvm::ArrayRef<llvm::StringRef> objects,
                 llvm::StringRef linker);

/// Fails if `image` is not such a shared object.
llvm::Error checkSharedObject(llvm::StringRef image);

/// The virtual address of the function called `symbol`, or an error if `image`
/// does not export it.
llvm::Expected<uint64_t> findEntry(llvm::StringRef image,
                                   llvm::StringRef symbol);

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_LINKER_H
