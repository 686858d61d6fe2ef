//===- AttentionKernel.cpp - What all parts of attention share ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/AttentionKernel.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kBlock;

static tok::CacheType cacheOf(tok::KernelOp op) {
  return cast<tok::CacheType>(op.getInputs()[1].getType());
}

int64_t AttentionKernel::headsOf(tok::KernelOp op) {
  return configInt(op, "heads") / cacheOf(op).getHeads();
}

int64_t AttentionKernel::blockBytes(tok::CacheType cache) {
  int64_t columns = 0;
  if (!cache.getKType().isF32())
    columns = cache.getKSize();
  if (!cache.getVType().isF32())
    columns = std::max(columns, cache.getVSize());
  return llvm::alignTo(4 * kBlock * columns, 64);
}

int64_t AttentionKernel::scratchBytes(tok::KernelOp op) {
  tok::CacheType cache = cacheOf(op);
  return blockBytes(cache) +
         kLargestTile * RowScratch(headsOf(op), cache.getVSize()).bytes();
}

AttentionKernel::AttentionKernel(Emitter &e, tok::KernelOp op, Block &entry)
    : e(e), op(op), arguments(e, op, entry), cache(cacheOf(op)), layout(cache),
      heads(headsOf(op)), keySize(cache.getKSize()),
      valueSize(cache.getVSize()),
      valueLanes(valueSize % kAttentionLanes ? 1 : kAttentionLanes),
      window(configInt(op, "window")), isFull(op.getConfig().contains("full")),
      scratch(heads, valueSize) {
  scratchBase =
      e.scratch(arguments.frame, arguments.worker, configInt(op, "scratch"));
}

Val AttentionKernel::rowScratch(Val number) {
  return e.offset(e.offset(scratchBase, blockBytes(cache)),
                  number * scratch.bytes());
}

Val AttentionKernel::query(Val row, Val g) {
  return e.offset(arguments.inputs[0],
                  row * queryBytes() + g * (4 * heads * keySize));
}

Val AttentionKernel::column(Slot slot, Val row) {
  Val base = e.slot(arguments.frame, slot, e.ptr());
  return e.convert(e.load(e.i32(), e.offset(base, row * 4)), e.i64());
}

Val AttentionKernel::lastOf(Val sequence) {
  return e.loop(arguments.rowBegin, arguments.rowEnd, 1, {e.i64(0)},
                [&](Val row, ArrayRef<Val> carried) {
                  Val isMember = e.equal(column(Slot::Seq, row), sequence);
                  Val position =
                      e.select(isMember, column(Slot::Pos, row), e.i64(0));
                  return Vals{e.max(carried[0], position)};
                })[0];
}

Visible AttentionKernel::visible(Val row, Val end) {
  Val position = column(Slot::Pos, row);
  return {window ? e.max(e.i64(0), position + (1 - window)) : e.i64(0),
          isFull ? end : position};
}
