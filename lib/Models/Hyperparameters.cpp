//===- Hyperparameters.cpp - Reads the numbers of a decoder ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Hyperparameters.h"

#include "dialects/Tok/Bounds.h"
#include "lib/Import/Gguf.h"
#include "lib/Models/Architecture.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tokopt;

// Bounds that no sensible model meets, within those of the dialect.
static constexpr int64_t largestCount = 4096; // layers, heads
static constexpr int64_t largestWidth = tok::kMaxWidth;
static constexpr int64_t largestSize = tok::kMaxCount;  // hidden, head size
static constexpr int64_t largestIndex = tok::kMaxCount; // context, vocabulary
static_assert(largestCount <= tok::kMaxLayers);

namespace {

/// Reads the keys `<arch>.<name>` and remembers which. The first error stays;
/// after it every value is a stand-in.
class KeyReader {
public:
  KeyReader(const gguf::File &file, StringRef arch) : file(file), arch(arch) {}

  int64_t integer(StringRef name, int64_t max,
                  std::optional<int64_t> absent = std::nullopt) {
    std::string key = use(name);
    if (absent && !file.findKey(key))
      return *absent;
    return keep<int64_t>(file.getInteger(key, 1, max), 1);
  }

  double positive(StringRef name, std::optional<double> absent = std::nullopt) {
    std::string key = use(name);
    if (absent && !file.findKey(key))
      return *absent;
    double value = keep<double>(file.getFloat(key), 1.0);
    if (value <= 0)
      fail(name, std::to_string(value), "a positive number");
    return value;
  }

  /// Says that key `name` is consistent with the others only if `holds`.
  void require(bool holds, StringRef name, int64_t found,
               const Twine &expected) {
    if (!holds)
      fail(name, Twine(found), expected);
  }

  /// Marks a key that says nothing beyond the others.
  std::string use(StringRef name) {
    std::string key = (arch + "." + name).str();
    used.insert(key);
    return key;
  }

  void refuseOthers() {
    std::string prefix = (arch + ".").str();
    for (const gguf::KeyValue &value : file.getKeyValues())
      if (value.key.starts_with(prefix) && !used.contains(value.key))
        note(file.makeError("key " + gguf::quote(value.key), "it",
                            "only keys whose meaning for '" + arch +
                                "' is known",
                            "this variant of the architecture is not "
                            "supported"));
  }

  Error takeError() { return std::move(error); }

private:
  template <typename T>
  T keep(Expected<T> value, T instead) {
    if (value)
      return *value;
    note(value.takeError());
    return instead;
  }

  void fail(StringRef name, const Twine &found, const Twine &expected) {
    note(file.makeError("key " + gguf::quote(use(name)), found, expected,
                        "the file is damaged or describes no usable model"));
  }

  void note(Error another) {
    if (error)
      consumeError(std::move(another));
    else
      error = std::move(another);
  }

  const gguf::File &file;
  StringRef arch;
  StringSet<> used;
  Error error = Error::success();
};

} // namespace

/// The number of rows of the embedding is the size of the vocabulary; what
/// else says it must agree.
static Expected<int64_t> readVocab(const gguf::File &file, KeyReader &keys) {
  constexpr StringLiteral embedding = "token_embd.weight";
  constexpr StringLiteral tokens = "tokenizer.ggml.tokens";
  const gguf::Tensor *tensor = file.findTensor(embedding);
  if (!tensor)
    return file.makeError("tensor " + gguf::quote(embedding), "none", "one",
                          "the file is no complete model");
  int64_t vocab = tensor->dims.back();
  if (tensor->dims.size() != 2 || vocab > largestIndex)
    return file.makeError("tensor " + gguf::quote(embedding),
                          Twine(tensor->dims.size()) + " dimensions and " +
                              Twine(vocab) + " rows",
                          "2 dimensions and at most " + Twine(largestIndex) +
                              " rows",
                          "the file is no complete model");
  int64_t stated = keys.integer("vocab_size", largestIndex, vocab);
  keys.require(stated == vocab, "vocab_size", stated,
               "the " + Twine(vocab) + " rows of tensor " +
                   gguf::quote(embedding));
  if (!file.findKey(tokens))
    return vocab;
  Expected<uint64_t> count = file.getArraySize(tokens, gguf::ValueType::String);
  if (!count)
    return count.takeError();
  if (*count != uint64_t(vocab))
    return file.makeError(
        "key " + gguf::quote(tokens), Twine(*count) + " tokens",
        "the " + Twine(vocab) + " rows of tensor " + gguf::quote(embedding),
        "convert the model again with a current converter");
  return vocab;
}

static std::string readName(const gguf::File &file) {
  constexpr StringLiteral key = "general.name";
  const gguf::KeyValue *value = file.findKey(key);
  if (!value || value->type != gguf::ValueType::String)
    return sys::path::stem(file.getPath()).str();
  // It goes into the manifest, which is UTF-8.
  return json::fixUTF8(value->bytes);
}

Expected<Hyperparameters>
tokopt::readHyperparameters(const gguf::File &file,
                            const Architecture &architecture) {
  KeyReader keys(file, architecture.name);
  Hyperparameters h;
  h.name = readName(file);
  h.layers = keys.integer("block_count", largestCount);
  h.context = keys.integer("context_length", largestIndex);
  h.width = keys.integer("embedding_length", largestWidth);
  h.hidden = keys.integer("feed_forward_length", largestSize);
  h.heads = keys.integer("attention.head_count", largestCount);
  h.kvHeads = keys.integer("attention.head_count_kv", largestCount, h.heads);
  keys.require(h.heads % h.kvHeads == 0, "attention.head_count_kv", h.kvHeads,
               "a divisor of the " + Twine(h.heads) + " heads");

  int64_t share = std::max<int64_t>(h.width / h.heads, 1);
  h.headSize = keys.integer("attention.key_length", largestSize, share);
  h.valueSize = keys.integer("attention.value_length", largestSize, share);
  h.normEps = keys.positive(architecture.norm == tok::NormKind::Rms
                                ? "attention.layer_norm_rms_epsilon"
                                : "attention.layer_norm_epsilon");
  h.ropeBase = keys.positive("rope.freq_base", 10000.0);
  h.ropeDims = keys.integer("rope.dimension_count", largestSize, h.headSize);
  keys.require(h.ropeDims <= h.headSize && h.ropeDims % 2 == 0,
               "rope.dimension_count", h.ropeDims,
               "an even number of at most the " + Twine(h.headSize) +
                   " elements of a head");

  Expected<int64_t> vocab = readVocab(file, keys);
  h.vocab = vocab ? *vocab : 1;
  keys.refuseOthers();
  // A bad key explains a bad tensor better than the other way around.
  if (Error error = keys.takeError()) {
    consumeError(vocab.takeError());
    return error;
  }
  if (!vocab)
    return vocab.takeError();
  return h;
}
