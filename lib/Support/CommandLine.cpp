//===- CommandLine.cpp - What programs do with their arguments ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/CommandLine.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace tokopt;
using namespace llvm;

/// `text` as one line: its lines, less what LLVM begins them with.
static std::string joinLines(StringRef text, StringRef tool) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef &line : lines) {
    line.consume_front(tool);
    line.consume_front(":");
    line = line.trim();
  }
  return join(lines, "; ");
}

void tokopt::setVersionPrinter(StringRef tool) {
  cl::SetVersionPrinter([name = tool.str()](raw_ostream &os) {
    os << name << " " TOKOPT_VERSION "\nLLVM " LLVM_VERSION_STRING "\n";
  });
}

/// What LLVM would print over several lines, with a stack, and abort.
static void endOnFatalError(void *tool, const char *reason, bool) {
  // A stream that cannot be written says so when it is closed, if nobody asks.
  bool isOurs = !StringRef(reason).starts_with("IO failure on output stream");
  WithColor::error(errs(), *static_cast<std::string *>(tool))
      << joinLines(reason, "")
      << (isOurs ? "; this should have been refused earlier, please report it"
                 : "")
      << '\n';
  // Files that are not whole go away.
  sys::RunInterruptHandlers();
  _exit(BadInput);
}

bool tokopt::parseCommandLine(int argc, char **argv, StringRef overview) {
  StringRef tool = sys::path::filename(argv[0]);
  setVersionPrinter(tool);
  static std::string name = tool.str();
  remove_fatal_error_handler();
  install_fatal_error_handler(endOnFatalError, &name);
  std::string text;
  raw_string_ostream errors(text);
  if (cl::ParseCommandLineOptions(argc, argv, overview, &errors))
    return true;
  // What is wrong with the value of one option LLVM prints in any case, in one
  // line.
  if (!text.empty())
    WithColor::error(errs(), tool) << joinLines(text, tool) << '\n';
  return false;
}

int tokopt::reportError(StringRef tool, Error error, ExitStatus status) {
  WithColor::error(errs(), tool)
      << joinLines(toString(std::move(error)), tool) << '\n';
  return status;
}
