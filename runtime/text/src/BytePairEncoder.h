//===- BytePairEncoder.h - From a word to its tokens ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_BYTEPAIRENCODER_H_
#define TOKRT_TEXT_BYTEPAIRENCODER_H_

#include "MergeTable.h"
#include "Vocabulary.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tokrt::text {

/// Encodes words one by one and keeps its buffers between them. Begins with one
/// token a byte and carries out the merge of lowest rank, leftmost first, until
/// none is left: O(n log n) in the length of the word, which may be a whole
/// file of one letter.
class BytePairEncoder {
public:
  BytePairEncoder(const Vocabulary &vocabulary, const MergeTable &merges)
      : vocabulary(vocabulary), merges(merges) {}

  /// Appends the tokens of `word`, of less than 2^31 bytes.
  void encode(std::string_view word, std::vector<int32_t> &out);

private:
  /// A token of the word so far; those that are left form a list.
  struct Symbol {
    int32_t id; // `kAbsent` or `kMerged` for one that takes part in no merge
    uint32_t previous, next;
  };

  /// A merge that was possible when it was found.
  struct Candidate {
    uint64_t order; // rank, then position: the lowest is next
    int32_t left, right;
    int32_t token;
  };

  static constexpr int32_t kAbsent = kNoToken; // no token for this byte
  static constexpr int32_t kMerged = -2;       // went into the symbol before it
  static constexpr uint32_t kEnd = UINT32_MAX;

  void consider(uint32_t position);
  void apply(const Candidate &candidate);

  const Vocabulary &vocabulary;
  const MergeTable &merges;
  std::vector<Symbol> symbols;
  std::vector<Candidate> candidates; // a heap
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_BYTEPAIRENCODER_H_
