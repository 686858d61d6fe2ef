//===- AttentionHead.h - One query head of one row --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Softmax attention of a single head of a single row over the pages that the
// row sees. Scores are computed anew wherever they are needed, so that no
// memory grows with the context but that of results which do.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_ATTENTIONHEAD_H
#define TOKOPT_LIB_REFERENCE_ATTENTIONHEAD_H

#include "CacheLayout.h"
#include "Emit.h"

namespace tokopt::reference {

/// What a row reads, and which positions of it: [first, end).
struct AttentionRow {
  Term layer, sequence, first, end;
};

/// What the scores of a head come to: output [D], largest score and sum of
/// exp(score - largest), both of rank 0.
struct Softmax {
  mlir::Value output, most, sum;
};

class AttentionHead {
public:
  /// `query` is [D], `head` one of the cache's.
  AttentionHead(tok::CacheType type, const CacheParts &parts, float scale,
                mlir::Value query, Term head, const AttentionRow &row)
      : type(type), parts(parts), scale(scale), query(query), head(head),
        row(row) {}

  Softmax run(Emitter &b) const;

  /// The log of the sum of the exponentials of scores.
  static Term logSum(Emitter &b, const Softmax &softmax);

  /// `sums` `[_, _, S]` with the probabilities of the positions added to
  /// `sums[i, j, ...]`.
  mlir::Value addProbabilities(Emitter &b, const Softmax &softmax,
                               mlir::Value sums, Term i, Term j) const;

private:
  Term getPage(Emitter &b, Term entry) const;
  mlir::Value slicePlane(Emitter &b, mlir::Value plane, Term page,
                         llvm::ArrayRef<int64_t> shape) const;
  Term sees(Emitter &b, Term entry, Term slot) const;
  mlir::Value score(Emitter &b, Term entry) const;
  mlir::Value findMost(Emitter &b) const;
  /// The pages that hold positions the row sees: [first, end).
  std::pair<Term, Term> getPages() const;

  tok::CacheType type;
  const CacheParts &parts;
  float scale;
  mlir::Value query;
  Term head;
  AttentionRow row;
};

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_ATTENTIONHEAD_H
