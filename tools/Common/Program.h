//===- Program.h - What every program needs ---------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_COMMON_PROGRAM_H_
#define TOOLS_COMMON_PROGRAM_H_

#include "tokrt/tokrt.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tools {

/// The exit status of every program.
enum ExitStatus { kSuccess = 0, kBadInput = 1, kBadUsage = 2 };

/// Ends the work on a file: the message is complete.
struct BadInput {
  std::string message;
};

/// Throws `BadInput` with the error's message unless `status` is TOKRT_OK.
void check(tokrt_status_t status, const tokrt_error_t &error);

/// Parses the command line and runs `body`; every error becomes one line on the
/// standard error and an exit status.
int runTool(CLI::App &app, int argc, char **argv,
            const std::function<void()> &body);

/// The whole content of a file; `-` is the standard input.
std::string readFile(const std::string &path);

/// Writes a file whole.
void writeFile(const std::string &path, const std::string &content);

/// For `transform`: accepts the decimal numbers of that range and writes them
/// as the parser reads them. Left alone, it would take 010 for eight, 0x10 for
/// sixteen, and -1 for the largest number.
CLI::Validator wholeNumber(uint64_t least = 0, uint64_t most = UINT64_MAX);

/// The decimal number that `text` begins with: what is behind it stays there.
std::optional<uint64_t> takeNumber(std::string &text);
/// Says that `text` is none of the numbers that are expected.
std::string refuseNumber(const std::string &text, uint64_t least,
                         uint64_t most);

} // namespace tools

#endif // TOOLS_COMMON_PROGRAM_H_
