//===- CommandLine.h - What programs do with their arguments ----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_COMMANDLINE_H
#define TOKOPT_COMMANDLINE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace tokopt {

/// How every program ends.
enum ExitStatus { Success = 0, BadInput = 1, BadUsage = 2 };

/// Reads the arguments into LLVM's options. Where LLVM would print what is
/// wrong with them, on several lines, and exit with 1, this says it in one
/// line and returns false.
bool parseCommandLine(int argc, char **argv, llvm::StringRef overview);

/// Lets --version name `tool`, its version and that of LLVM. For programs whose
/// command line upstream reads; `parseCommandLine` does it for the others.
void setVersionPrinter(llvm::StringRef tool);

/// Prints `tool: error: ...` in one line and returns `status`.
int reportError(llvm::StringRef tool, llvm::Error error, ExitStatus status);

} // namespace tokopt

#endif // TOKOPT_COMMANDLINE_H
