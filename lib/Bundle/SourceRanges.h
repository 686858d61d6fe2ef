//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is checked of a range of a model file before a byte is read.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_SOURCERANGES_H
#define TOKOPT_LIB_BUNDLE_SOURCERANGES_H

#include "tokopt/Bundle.h"

namespace tokopt {

/// An error that names the file and the tensor.
llvm::Error makeError(const SourceRange &range, const llvm::Twine &message);

/// The bytes of `range`, which must be as many as its shape needs and lie in
/// the file.
llvm::Expected<llvm::ArrayRef<uint8_t>> getRangeBytes(const SourceRange &range,
                                                      int64_t expected);

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_SOURCERANGES_H
