//===- TextStream.h - Valid UTF-8 from a stream of tokens -------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TEXTSTREAM_H_
#define TOKRT_TEXT_TEXTSTREAM_H_

#include <string>
#include <string_view>

namespace tokrt::text {

/// Takes bytes in pieces that may end anywhere and gives whole characters.
/// Bytes that belong to no character become U+FFFD, one for each longest start
/// of one.
class TextStream {
public:
  /// Adds bytes and gives what is whole now. Valid until the next call.
  std::string_view push(std::string_view bytes);

  /// Gives what was held back as U+FFFD, and starts anew.
  std::string_view finish();

private:
  std::string held; // the start of a character: at most three bytes
  std::string out;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_TEXTSTREAM_H_
