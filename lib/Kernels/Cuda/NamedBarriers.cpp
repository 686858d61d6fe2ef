//===- NamedBarriers.cpp - Barriers of some of a block's warps ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/NamedBarriers.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

FailureOr<NamedBarriers> NamedBarriers::make(Emitter &e, int64_t count,
                                             int64_t threads, Here here) {
  Location place = e.at(here).getLoc();
  if (threads < kWarp || threads % kWarp || threads > e.threads)
    return emitError(place)
           << "expects the threads of a named barrier to be whole warps of the "
              "block, which has "
           << e.threads << " threads, but got " << threads;
  int64_t left = kNamedBarriers - e.namedBarriers();
  if (count > left)
    return emitError(place)
           << "expects at most " << left << " named barriers, what is left of "
           << "the " << kNamedBarriers << " of a block, but got " << count;
  return NamedBarriers(e, e.takeNamedBarriers(count), threads);
}

void NamedBarriers::sync(Val number, Here here) const {
  Val id = number + kernels::Operand(first, here),
      count = e->i32(threads, here);
  NVVM::BarrierOp::create(e->at(here), TypeRange(), id.value, count.value,
                          NVVM::BarrierReductionAttr(), Value());
}

void NamedBarriers::arrive(Val number, Here here) const {
  Val id = number + kernels::Operand(first, here),
      count = e->i32(threads, here);
  NVVM::BarrierArriveOp::create(e->at(here), id.value, count.value);
}
