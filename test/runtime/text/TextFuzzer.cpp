//===- TextFuzzer.cpp - Any metadata, any text ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Input: a byte that is odd to parse control tokens, a byte with the length of
// the text, the metadata, the text.
//
//===----------------------------------------------------------------------===//

#include "tokrt/text.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

void require(bool condition) {
  if (!condition)
    abort();
}

std::vector<int32_t> encode(const tokrt_text_t *text, std::string_view bytes,
                            int parseSpecial) {
  int32_t *ids;
  size_t count;
  require(tokrt_text_encode(text, bytes.data(), bytes.size(), parseSpecial,
                            &ids, &count, nullptr) == TOKRT_OK);
  std::vector<int32_t> list(ids, ids + count);
  tokrt_text_free(ids);
  return list;
}

/// Whether some byte of `bytes` has no token, so that encoding drops it. An
/// empty text gives what stands before every text.
bool losesBytes(const tokrt_text_t *text, std::string_view bytes,
                int parseSpecial) {
  size_t before = encode(text, "", parseSpecial).size();
  for (char byte : bytes)
    if (encode(text, {&byte, 1}, parseSpecial).size() == before)
      return true;
  return false;
}

/// Decodes both ways: token by token, and as a stream, which must be valid.
std::string decode(const tokrt_text_t *text, const std::vector<int32_t> &ids) {
  tokrt_text_stream_t *stream;
  require(tokrt_text_stream_create(text, 1, &stream, nullptr) == TOKRT_OK);
  std::string out;
  const char *bytes;
  size_t size;
  for (int32_t id : ids) {
    require(tokrt_text_decode_token(text, id, &bytes, &size, nullptr) ==
            TOKRT_OK);
    out.append(bytes, size);
    require(tokrt_text_stream_push(stream, id, &bytes, &size, nullptr) ==
            TOKRT_OK);
  }
  require(tokrt_text_stream_finish(stream, &bytes, &size, nullptr) == TOKRT_OK);
  tokrt_text_stream_destroy(stream);
  return out;
}

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  int parseSpecial = data[0] & 1;
  std::string_view rest(reinterpret_cast<const char *>(data) + 2, size - 2);
  size_t textSize = data[1] < rest.size() ? data[1] : rest.size();
  std::string_view metadata = rest.substr(0, rest.size() - textSize);
  // A copy of exactly this size, so that reading past its end is seen.
  std::vector<char> records(metadata.begin(), metadata.end());
  std::string bytes(rest.substr(metadata.size()));

  tokrt_text_t *text;
  tokrt_error_t error;
  if (tokrt_text_create(records.data(), records.size(), &text, &error) !=
      TOKRT_OK)
    return 0;
  std::vector<int32_t> ids = encode(text, bytes, parseSpecial);
  std::string decoded = decode(text, ids);
  if (!losesBytes(text, bytes, parseSpecial))
    require(endsWith(decoded, bytes));

  char *prompt;
  size_t promptSize;
  if (tokrt_text_apply_chat(text, bytes.c_str(), &prompt, &promptSize,
                            &error) == TOKRT_OK)
    tokrt_text_free(prompt);
  tokrt_text_destroy(text);
  return 0;
}
