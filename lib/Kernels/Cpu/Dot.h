//===- Dot.h - Sums of products of bytes ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_DOT_H
#define TOKOPT_KERNELS_CPU_DOT_H

#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

/// The exact integer sum over k of w[lane, k] * x[k], four k at a time: one
/// `vpdpbusd` where the target has it, else pairs summed to i16 as long as they
/// cannot overflow.
/// How the products of four columns are summed where no instruction does.
struct Pairs {
  /// No weight is larger than `largest`.
  Pairs(const TargetDescription &target, int64_t largest);

  /// Bytes above 127 would overflow a pair, so they are made signed first.
  bool makeSigned;
  /// Products that are summed in 16 bits before they are in 32.
  int64_t thatFit;
};

/// Vector operations of `Dot::add`, with its part of what some of them end in.
double countDotOperations(const TargetDescription &target, int64_t largest);

class Dot {
public:
  /// `bias` was added to the weights to make them unsigned, none is larger than
  /// `largest`; `sum` is the sum of all x that will be added (i32, scalar).
  Dot(Emitter &e, int64_t lanes, int64_t bias, int64_t largest, Val sum);

  /// Adds four columns: `weights` are unsigned bytes, `x` holds four signed
  /// bytes in each 32-bit lane.
  void add(Val weights, Val x);
  /// The sum with the bias taken out again, i32.
  Val finish();

private:
  /// Moves the pairs summed so far into the i32 sum.
  void flush();

  Emitter &e;
  int64_t lanes;
  Pairs how;
  int64_t pending = 0;
  Val pairs, total;
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_DOT_H
