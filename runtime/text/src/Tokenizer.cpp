//===- Tokenizer.cpp - The parts of a tokenizer put together --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tokenizer.h"

#include "BytePairEncoder.h"
#include "Failure.h"

#include <algorithm>
#include <cinttypes>

namespace tokrt::text {

/// The tokens of the file, if its tokenizer is one that this library knows.
static StringArray supportedTokens(const Metadata &metadata) {
  std::string_view model = metadata.getString("tokenizer.ggml.model");
  if (model != "gpt2")
    raise(TOKRT_UNSUPPORTED,
          "metadata key 'tokenizer.ggml.model': found '%s', expected 'gpt2' "
          "(byte-level BPE)",
          excerpt(model).c_str());
  return metadata.getStrings("tokenizer.ggml.tokens");
}

Tokenizer::Tokenizer(const Metadata &metadata)
    : Tokenizer(metadata, TokenTexts(supportedTokens(metadata))) {}

Tokenizer::Tokenizer(const Metadata &metadata, const TokenTexts &texts)
    : tokens(texts, metadata.findInts("tokenizer.ggml.token_type")),
      merges(texts, tokens, metadata.getStrings("tokenizer.ggml.merges")),
      preTokenizer(metadata.getString("tokenizer.ggml.pre")),
      userDefined(tokens, /*withControl=*/false),
      allSpecial(tokens, /*withControl=*/true),
      begin(findId(metadata, "tokenizer.ggml.bos_token_id")),
      end(findId(metadata, "tokenizer.ggml.eos_token_id")),
      addBegin(
          metadata.findBool("tokenizer.ggml.add_bos_token").value_or(false)) {
  if (addBegin && begin == kNoToken)
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.add_bos_token': found true, but there "
          "is no 'tokenizer.ggml.bos_token_id'");
  findEnds(metadata);
}

int32_t Tokenizer::findId(const Metadata &metadata,
                          std::string_view key) const {
  std::optional<uint64_t> id = metadata.findUnsigned(key);
  if (!id)
    return kNoToken;
  if (*id >= static_cast<uint64_t>(tokens.size()))
    raise(TOKRT_INVALID_FILE,
          "metadata key '%s': found %" PRIu64 ", expected less than %d, the "
          "number of tokens",
          excerpt(key).c_str(), *id, tokens.size());
  return static_cast<int32_t>(*id);
}

void Tokenizer::findEnds(const Metadata &metadata) {
  auto add = [&](int32_t id) {
    if (id != kNoToken)
      ends.push_back(id);
  };
  add(end);
  add(findId(metadata, "tokenizer.ggml.eot_token_id"));
  add(findId(metadata, "tokenizer.ggml.eom_token_id"));
  // A file has room for one end of sequence, yet chat models are trained to end
  // a turn with one token and a document with another, and write either.
  for (int32_t id = 0; id < tokens.size(); ++id)
    if (tokens.type(id) == TokenType::Control &&
        (tokens.bytes(id) == "<|endoftext|>" ||
         tokens.bytes(id) == "<|im_end|>"))
      add(id);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       bool parseControl) const {
  if (text.size() > INT32_MAX)
    raise(TOKRT_INVALID_ARGUMENT,
          "text: found %zu bytes, expected at most %d; encode it in parts",
          text.size(), INT32_MAX);
  const SpecialTokens &special = parseControl ? allSpecial : userDefined;
  BytePairEncoder encoder(tokens, merges);
  std::vector<int32_t> ids;
  for (size_t position = 0; position < text.size();) {
    SpecialTokens::Match match = special.find(text, position);
    PreTokenizer::Words words(preTokenizer,
                              text.substr(position, match.position - position));
    for (std::string_view word; words.next(word);)
      encoder.encode(word, ids);
    if (match.size)
      ids.push_back(match.id);
    position = match.position + match.size;
  }
  // A chat template may have written it already.
  if (addBegin && (ids.empty() || ids.front() != begin))
    ids.insert(ids.begin(), begin);
  return ids;
}

std::string_view Tokenizer::decode(int32_t id) const {
  if (!tokens.contains(id))
    raise(TOKRT_INVALID_ARGUMENT, "text: found token id %d, expected 0 to %d",
          id, tokens.size() - 1);
  return tokens.bytes(id);
}

} // namespace tokrt::text
