//===- Decode.cpp - What an intrinsic of the GPU stands for ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Program.h"

#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace tokopt;
using namespace tokopt::sim;

static std::optional<Operation> decodeRegister(StringRef name) {
  auto dimension = StringSwitch<int>(name.take_back(2))
                       .Case(".x", 0)
                       .Case(".y", 1)
                       .Case(".z", 2)
                       .Default(-1);
  auto opcode = StringSwitch<std::optional<Opcode>>(name.drop_back(2))
                    .Case("tid", Opcode::ThreadId)
                    .Case("ctaid", Opcode::BlockId)
                    .Case("ntid", Opcode::ThreadCount)
                    .Case("nctaid", Opcode::BlockCount)
                    .Default(std::nullopt);
  if (dimension < 0 || !opcode)
    return std::nullopt;
  return Operation{*opcode, static_cast<uint8_t>(dimension)};
}

static std::optional<Operation> decodeShuffle(StringRef name) {
  auto [kind, type] = name.split('.');
  auto detail = StringSwitch<std::optional<ShuffleKind>>(kind)
                    .Case("bfly", ShuffleKind::Xor)
                    .Case("up", ShuffleKind::Up)
                    .Case("down", ShuffleKind::Down)
                    .Case("idx", ShuffleKind::Index)
                    .Default(std::nullopt);
  if (!detail ||
      (type != "i32" && type != "f32" && type != "i32p" && type != "f32p"))
    return std::nullopt;
  return Operation{Opcode::Shuffle, static_cast<uint8_t>(*detail),
                   type.ends_with("p")};
}

static std::optional<Operation> decodeVote(StringRef name) {
  auto detail = StringSwitch<std::optional<VoteKind>>(name)
                    .Case("all.sync", VoteKind::All)
                    .Case("any.sync", VoteKind::Any)
                    .Case("uni.sync", VoteKind::Uniform)
                    .Case("ballot.sync", VoteKind::Ballot)
                    .Default(std::nullopt);
  if (!detail)
    return std::nullopt;
  return Operation{Opcode::Vote, static_cast<uint8_t>(*detail)};
}

static std::optional<Operation> decodeCopy(StringRef name) {
  if (name == "commit.group")
    return Operation{Opcode::CopyCommit};
  if (name == "wait.group")
    return Operation{Opcode::CopyWait};
  if (name == "wait.all")
    return Operation{Opcode::CopyWaitAll};
  Operation copy{Opcode::CopyAsync};
  copy.hasSize = name.consume_back(".s");
  if (!name.consume_front("ca.shared.global.") &&
      !name.consume_front("cg.shared.global."))
    return std::nullopt;
  if (name.getAsInteger(10, copy.detail))
    return std::nullopt;
  return copy;
}

/// Matrices of 8 x 8 elements of 16 bits, from shared memory.
static std::optional<Operation> decodeLoadMatrix(StringRef name) {
  if (!name.consume_front("x") || !name.consume_back(".b16.p3"))
    return std::nullopt;
  Operation load{Opcode::LoadMatrix};
  load.isTransposed = name.consume_back(".trans");
  if (name.getAsInteger(10, load.detail))
    return std::nullopt;
  return load;
}

static std::optional<Operation> decodeMultiply(StringRef name) {
  if (name == "f32.f32")
    return Operation{Opcode::MultiplyMatrix};
  if (name == "bf16")
    return Operation{Opcode::MultiplyMatrix, /*detail=*/1};
  return std::nullopt;
}

/// A box of a tensor, from global to shared memory or back.
static std::optional<Operation> decodeTensorCopy(Opcode opcode,
                                                 StringRef name) {
  Operation copy{opcode};
  if (!name.consume_back("d") || name.getAsInteger(10, copy.detail))
    return std::nullopt;
  return copy;
}

/// Groups of boxes to global memory.
static std::optional<Operation> decodeBulkGroup(StringRef name) {
  auto opcode = StringSwitch<std::optional<Opcode>>(name)
                    .Case("commit.group", Opcode::StoreCommit)
                    .Case("wait.group", Opcode::StoreWait)
                    .Case("wait.group.read", Opcode::StoreWaitRead)
                    .Default(std::nullopt);
  if (!opcode)
    return std::nullopt;
  return Operation{*opcode};
}

static std::optional<Operation> decodeFence(StringRef scope) {
  if (scope != "cta" && scope != "gl" && scope != "sys")
    return std::nullopt;
  return Operation{Opcode::Fence,
                   static_cast<uint8_t>(kAcquire | kRelease |
                                        (scope == "cta" ? 0 : kDevice))};
}

static std::optional<Operation> decodeProxyFence(StringRef kind) {
  auto memory = StringSwitch<int>(kind)
                    .Case("async", kSharedMemory | kGlobalMemory)
                    .Case("async.shared_cta", kSharedMemory)
                    .Case("async.global", kGlobalMemory)
                    .Default(0);
  if (!memory)
    return std::nullopt;
  return Operation{Opcode::FenceProxy, static_cast<uint8_t>(memory)};
}

std::optional<Operation> tokopt::sim::decode(StringRef name) {
  if (name.consume_front("read.ptx.sreg."))
    return decodeRegister(name);
  if (name.consume_front("shfl.sync."))
    return decodeShuffle(name);
  if (name.consume_front("vote."))
    return decodeVote(name);
  if (name.consume_front("cp.async.bulk.tensor.g2s.tile."))
    return decodeTensorCopy(Opcode::CopyTensor, name);
  if (name.consume_front("cp.async.bulk.tensor.s2g.tile."))
    return decodeTensorCopy(Opcode::StoreTensor, name);
  if (name.consume_front("cp.async.bulk."))
    return decodeBulkGroup(name);
  if (name.consume_front("cp.async."))
    return decodeCopy(name);
  if (name.consume_front("ldmatrix.sync.aligned.m8n8."))
    return decodeLoadMatrix(name);
  if (name.consume_front("mma.m16n8k16.row.col."))
    return decodeMultiply(name);
  if (name.consume_front("membar."))
    return decodeFence(name);
  if (name.consume_front("fence.proxy."))
    return decodeProxyFence(name);
  // The forms without registers.
  if (name == "wgmma.fence.sync.aligned")
    return Operation{Opcode::WarpgroupFence};
  if (name == "wgmma.wait_group.sync.aligned") {
    Operation wait{Opcode::WarpgroupWait};
    wait.hasSize = true;
    wait.assembly.kind = CudaAssembly::Kind::Wait;
    return wait;
  }
  auto opcode =
      StringSwitch<std::optional<Opcode>>(name)
          .Case("barrier.cta.sync.aligned.all", Opcode::Barrier)
          .Case("barrier.cta.sync.aligned.count", Opcode::BarrierCount)
          .Case("barrier.cta.arrive.aligned.count", Opcode::BarrierArrive)
          .Case("bar.warp.sync", Opcode::WarpBarrier)
          .Cases({"ff2f16x2.rn", "ff2bf16x2.rn"}, Opcode::PackPair)
          .Case("mbarrier.init.shared", Opcode::MbarrierInit)
          .Case("mbarrier.arrive.shared", Opcode::MbarrierArrive)
          .Case("mbarrier.arrive.expect.tx.scope.cta.space.cta",
                Opcode::MbarrierExpect)
          .Case("mbarrier.try.wait.parity.scope.cta.space.cta",
                Opcode::MbarrierTryWait)
          .Case("fence.mbarrier_init.release.cluster",
                Opcode::FenceMbarrierInit)
          .Case("wgmma.commit_group.sync.aligned", Opcode::WarpgroupCommit)
          .Case("setmaxnreg.dec.sync.aligned.u32", Opcode::ReleaseRegisters)
          .Case("setmaxnreg.inc.sync.aligned.u32", Opcode::ClaimRegisters)
          .Case("prefetch.tensormap.p0", Opcode::Hint)
          .Default(std::nullopt);
  if (!opcode)
    return std::nullopt;
  return Operation{*opcode, name.starts_with("ff2bf16x2")};
}
