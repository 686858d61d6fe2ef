//===- AttentionState.cpp - What a row knows of its slots so far ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/AttentionState.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kMasked;

int64_t cpu::stateBytes(int64_t heads, int64_t valueSize) {
  return heads * (64 + 4 * llvm::alignTo(valueSize, kAttentionLanes));
}

void cpu::clearState(AttentionKernel &kernel, Val row, bool isTotal) {
  Emitter &e = kernel.e;
  Type values = e.vec(kernel.valueLanes, e.f32());
  for (int64_t h = 0; h < kernel.heads; ++h) {
    e.store(e.constant(kMasked, e.f32()), row,
            kernel.scratch.maximum(h, isTotal));
    e.store(e.zero(e.f32()), row, kernel.scratch.sum(h, isTotal));
    for (int64_t d = 0; d < kernel.valueSize; d += kernel.valueLanes)
      e.store(e.zero(values), row,
              kernel.scratch.accumulator(h, isTotal) + 4 * d);
  }
}

/// With m the larger maximum, for the sum and each element of the accumulator:
///
///   total = fma(total, exp(m_total - m), segment * exp(m_segment - m))
void cpu::mergeSegment(AttentionKernel &kernel, Val row) {
  Emitter &e = kernel.e;
  const RowScratch &scratch = kernel.scratch;
  Type values = e.vec(kernel.valueLanes, e.f32());
  int64_t width = scratch.width();
  for (int64_t first = 0; first < kernel.heads; first += width) {
    Type numbers = e.vec(width, e.f32());
    Val before = e.load(numbers, row, scratch.maximum(first, true)),
        own = e.load(numbers, row, scratch.maximum(first, false));
    Val maximum = e.max(before, own);
    Val old = e.exp(before - maximum), added = e.exp(own - maximum);
    Val sum = e.load(numbers, row, scratch.sum(first, true)),
        ownSum = e.load(numbers, row, scratch.sum(first, false));
    e.store(e.fma(sum, old, ownSum * added), row, scratch.sum(first, true));
    e.store(maximum, row, scratch.maximum(first, true));
    for (int64_t h = first; h < std::min(first + width, kernel.heads); ++h) {
      Val wideOld = e.splat(e.part(old, h - first, 1), kernel.valueLanes),
          wideAdded = e.splat(e.part(added, h - first, 1), kernel.valueLanes);
      e.loop(e.i64(0), e.i64(kernel.valueSize), kernel.valueLanes, [&](Val d) {
        Val at = e.offset(row, d * 4);
        Val total = e.load(values, at, scratch.accumulator(h, true));
        Val segment = e.load(values, at, scratch.accumulator(h, false));
        e.store(e.fma(total, wideOld, segment * wideAdded), at,
                scratch.accumulator(h, true));
      });
    }
  }
}

/// Copies between a row's scratch and the state at `shared`.
static void moveSegment(AttentionKernel &kernel, Val row, Val shared,
                        bool isSaved) {
  Emitter &e = kernel.e;
  auto move = [&](Type type, Val inScratch, Val inShared) {
    e.store(e.load(type, isSaved ? inScratch : inShared),
            isSaved ? inShared : inScratch);
  };
  Type values = e.vec(kernel.valueLanes, e.f32());
  for (int64_t h = 0; h < kernel.heads; ++h) {
    Val state = e.offset(shared, stateBytes(h, kernel.valueSize));
    move(e.f32(), e.offset(row, kernel.scratch.maximum(h, false)), state);
    move(e.f32(), e.offset(row, kernel.scratch.sum(h, false)),
         e.offset(state, 4));
    Val accumulator = e.offset(row, kernel.scratch.accumulator(h, false));
    e.loop(e.i64(0), e.i64(kernel.valueSize), kernel.valueLanes, [&](Val d) {
      move(values, e.offset(accumulator, d * 4),
           e.offset(e.offset(state, 64), d * 4));
    });
  }
}

void cpu::saveSegment(AttentionKernel &kernel, Val row, Val shared) {
  moveSegment(kernel, row, shared, /*isSaved=*/true);
}

void cpu::loadSegment(AttentionKernel &kernel, Val row, Val shared) {
  moveSegment(kernel, row, shared, /*isSaved=*/false);
}

/// lse = m + log l. As in every buffer, what fills the row up is zero.
static void storeLse(AttentionKernel &kernel, Val row, Val number, Val g) {
  Emitter &e = kernel.e;
  Type type = kernel.op.getOutputs()[1].getType();
  Val out = e.offset(kernel.arguments.outputs[1], number * rowBytes(type));
  Val own = e.offset(out, g * (4 * kernel.heads));
  for (int64_t h = 0; h < kernel.heads; ++h) {
    Val maximum = e.load(e.f32(), row, kernel.scratch.maximum(h, true));
    Val sum = e.load(e.f32(), row, kernel.scratch.sum(h, true));
    e.store(maximum + e.log(sum), own, 4 * h);
  }
  int64_t written = kernel.heads * kernel.cache.getHeads(),
          columns = rowBytes(type) / 4;
  if (written < columns)
    e.when(e.equal(g, e.i64(0)), [&] {
      for (int64_t c = written; c < columns; ++c)
        e.store(e.zero(e.f32()), out, 4 * c);
    });
}

void cpu::storeResult(AttentionKernel &kernel, Val row, Val number, Val g) {
  Emitter &e = kernel.e;
  Type values = e.vec(kernel.valueLanes, e.f32());
  Val out = e.offset(kernel.arguments.outputs[0],
                     number * rowBytes(kernel.op.getOutputs()[0].getType()) +
                         g * (4 * kernel.heads * kernel.valueSize));
  for (int64_t h = 0; h < kernel.heads; ++h) {
    Val sum = e.load(e.f32(), row, kernel.scratch.sum(h, true));
    Val inverse =
        e.splat(e.divide(e.constant(1.0, e.f32()), sum), kernel.valueLanes);
    e.loop(e.i64(0), e.i64(kernel.valueSize), kernel.valueLanes, [&](Val d) {
      Val total = e.load(values, e.offset(row, d * 4),
                         kernel.scratch.accumulator(h, true));
      e.store(total * inverse, e.offset(out, d * 4), 4 * h * kernel.valueSize);
    });
  }
  if (kernel.op.getOutputs().size() > 1)
    storeLse(kernel, row, number, g);
}
