//===- Barrier.cpp - Waits for the other workers --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A counter and a generation on two cache lines. The last to arrive resets the
// counter and starts the next generation; the others spin, and call the frame's
// `yield` when it takes long, since the cores may not be ours alone.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Templates.h"
#include "lib/Kernels/Cpu/Vocabulary.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

/// Spins before the first yield: some tens of microseconds.
static constexpr int64_t kSpins = 4000;

func::FuncOp cpu::emitBarrier(ModuleOp module) {
  MLIRContext *context = module.getContext();
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto function =
      func::FuncOp::create(builder, builder.getUnknownLoc(), kBarrierName,
                           builder.getFunctionType({pointer}, {}));
  function.setPrivate();
  TargetDescription target{"any", 128, 16, false, {}};
  Emitter e(function.addEntryBlock(), target);
  Val frame = e.wrap(function.getArgument(0));
  Val workers = e.slot(frame, Slot::Workers, e.i64());
  Val arrivals = e.slot(frame, Slot::Barrier, e.ptr());
  Val generation = e.offset(arrivals, 64);

  auto loadGeneration = [&](LLVM::AtomicOrdering ordering) {
    return e.wrap(LLVM::LoadOp::create(e.at({}), e.i32(), generation.value,
                                       /*alignment=*/4, false, false, false,
                                       false, ordering));
  };
  auto storeAtomic = [&](Val value, Val at, LLVM::AtomicOrdering ordering) {
    LLVM::StoreOp::create(e.at({}), value.value, at.value, /*alignment=*/4,
                          false, false, false, ordering);
  };
  Val now = loadGeneration(LLVM::AtomicOrdering::monotonic);
  Val before = e.wrap(LLVM::AtomicRMWOp::create(
      e.at({}), LLVM::AtomicBinOp::add, arrivals.value,
      e.constant(int64_t(1), e.i32()).value, LLVM::AtomicOrdering::acq_rel,
      StringRef(), /*alignment=*/4));
  Val last = e.equal(before, e.convert(workers, e.i32()) - 1);
  e.choose(
      last, {},
      [&] {
        storeAtomic(e.zero(e.i32()), arrivals, LLVM::AtomicOrdering::monotonic);
        storeAtomic(now + 1, generation, LLVM::AtomicOrdering::release);
        return Vals();
      },
      [&] {
        auto loop = scf::WhileOp::create(e.at({}), TypeRange{e.i64()},
                                         ValueRange{e.i64(0).value});
        OpBuilder::InsertionGuard guard(e.builder);
        Block *test = e.builder.createBlock(&loop.getBefore(), {}, {e.i64()},
                                            {e.builder.getLoc()});
        Val same = e.equal(loadGeneration(LLVM::AtomicOrdering::acquire), now);
        scf::ConditionOp::create(e.at({}), same.value, test->getArguments());
        Block *wait = e.builder.createBlock(&loop.getAfter(), {}, {e.i64()},
                                            {e.builder.getLoc()});
        LLVM::CallIntrinsicOp::create(
            e.at({}), e.builder.getStringAttr("llvm.x86.sse2.pause"),
            ValueRange{});
        Val spins = e.wrap(wait->getArgument(0)) + 1;
        e.when(e.less(e.i64(kSpins), spins), [&] {
          Val yield = e.slot(frame, Slot::Yield, e.ptr());
          auto type =
              LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {});
          LLVM::CallOp::create(e.at({}), type, ValueRange{yield.value});
        });
        scf::YieldOp::create(e.at({}), ValueRange{spins.value});
        return Vals();
      });
  e.ret();
  return function;
}
