//===- Dot.cpp - Sums of products of bytes --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Dot.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

Pairs::Pairs(const TargetDescription &target, int64_t largest)
    : makeSigned(!target.hasDotProduct && largest > 127) {
  // A pair of products of at most `largest * 127` each, in 16 bits with sign.
  int64_t magnitude = makeSigned ? 128 : largest;
  thatFit = std::max<int64_t>(1, 32767 / (2 * magnitude * 127));
}

double cpu::countDotOperations(const TargetDescription &target,
                               int64_t largest) {
  if (target.hasDotProduct)
    return 1;
  Pairs how(target, largest);
  // The sign of the inputs, the products, their sum; then 32 bits and theirs.
  return how.makeSigned + 1 + (how.thatFit - 1.0 + 2) / how.thatFit;
}

Dot::Dot(Emitter &e, int64_t lanes, int64_t bias, int64_t largest, Val sum)
    : e(e), lanes(lanes), how(e.target, largest) {
  if (bias && !how.makeSigned)
    total = e.splat(sum * e.constant(-bias, e.i32()), lanes);
}

void Dot::add(Val weights, Val x) {
  Type words = e.vec(lanes, e.i32());
  if (e.target.hasDotProduct) {
    if (!total.value)
      total = e.zero(words);
    total = e.call("llvm.x86.avx512.vpdpbusd.512", words, {total, weights, x});
    return;
  }
  if (how.makeSigned) {
    // |w| * (x with w's sign): the first operand of pmaddubsw must be unsigned.
    Type bytes = e.vec(4 * lanes, e.i8());
    Val signedWeights = e.xorBits(weights, 0x80);
    x = e.call("llvm.x86.avx2.psign.b", bytes, {x, signedWeights});
    weights =
        e.call("llvm.x86.avx2.psign.b", bytes, {signedWeights, signedWeights});
  }
  Val products = e.call("llvm.x86.avx2.pmadd.ub.sw", e.vec(2 * lanes, e.i16()),
                        {weights, x});
  pairs = pending ? pairs + products : products;
  if (++pending == how.thatFit)
    flush();
}

void Dot::flush() {
  Type halves = e.vec(2 * lanes, e.i16());
  Val sums = e.call("llvm.x86.avx2.pmadd.wd", e.vec(lanes, e.i32()),
                    {pairs, e.constant(int64_t(1), halves)});
  total = total.value ? total + sums : sums;
  pending = 0;
}

Val Dot::finish() {
  if (pending)
    flush();
  return total;
}
