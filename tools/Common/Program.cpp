//===- Program.cpp - What every program needs -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/Common/Program.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace tools;

void tools::check(tokrt_status_t status, const tokrt_error_t &error) {
  if (status != TOKRT_OK)
    throw BadInput{error.message};
}

int tools::runTool(CLI::App &app, int argc, char **argv,
                   const std::function<void()> &body) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &success) { // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError &error) {
    fprintf(stderr, "%s: error: %s; see %s --help\n", app.get_name().c_str(),
            error.what(), app.get_name().c_str());
    return kBadUsage;
  }
  try {
    body();
    if (fflush(stdout) != 0 || ferror(stdout))
      throw BadInput{std::string("cannot write the output: ") +
                     strerror(errno)};
    return kSuccess;
  } catch (const BadInput &error) {
    fprintf(stderr, "%s: error: %s\n", app.get_name().c_str(),
            error.message.c_str());
  } catch (const std::bad_alloc &) {
    fprintf(stderr, "%s: error: out of memory\n", app.get_name().c_str());
  }
  return kBadInput;
}

/// A file of ids or text that is larger is none: no context holds it.
static constexpr size_t kMostBytes = size_t(1) << 28;

std::string tools::readFile(const std::string &path) {
  FILE *file = path == "-" ? stdin : fopen(path.c_str(), "rb");
  if (!file)
    throw BadInput{path + ": cannot open the file: " + strerror(errno)};
  std::string content;
  char buffer[1 << 14];
  for (size_t got; content.size() <= kMostBytes &&
                   (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
    content.append(buffer, got);
  bool failed = ferror(file);
  int code = errno;
  if (file != stdin)
    fclose(file);
  if (failed)
    throw BadInput{path + ": cannot read the file: " + strerror(code)};
  if (content.size() > kMostBytes)
    throw BadInput{path + ": found more than " + std::to_string(kMostBytes) +
                   " bytes, expected a text or token ids; give a smaller file"};
  return content;
}

void tools::writeFile(const std::string &path, const std::string &content) {
  FILE *file = fopen(path.c_str(), "wb");
  if (!file)
    throw BadInput{path + ": cannot open the file: " + strerror(errno)};
  bool written =
      fwrite(content.data(), 1, content.size(), file) == content.size();
  written &= fclose(file) == 0;
  if (!written)
    throw BadInput{path + ": cannot write the file: " + strerror(errno)};
}

std::optional<uint64_t> tools::takeNumber(std::string &text) {
  size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  errno = 0;
  uint64_t value = strtoull(text.substr(0, digits).c_str(), nullptr, 10);
  if (digits == 0 || errno)
    return std::nullopt;
  text.erase(0, digits);
  return value;
}

std::string tools::refuseNumber(const std::string &text, uint64_t least,
                                uint64_t most) {
  return "found " + text + ", expected a whole number from " +
         std::to_string(least) + " to " +
         (most == UINT64_MAX ? "2^64-1" : std::to_string(most));
}

CLI::Validator tools::wholeNumber(uint64_t least, uint64_t most) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        std::string rest = text;
        std::optional<uint64_t> value = takeNumber(rest);
        if (!value || !rest.empty() || *value < least || *value > most)
          return refuseNumber(text, least, most);
        text = std::to_string(*value);
        return "";
      },
      "");
}
