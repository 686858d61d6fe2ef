//===- Accesses.cpp - What instructions do to memory ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Accesses.h"

#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace llvm;
using namespace tokopt::sim;

std::string tokopt::sim::locationOf(const Instruction &instruction) {
  const DebugLoc &location = instruction.getDebugLoc();
  if (!location) {
    StringRef name = instruction.getFunction()->getName();
    name.consume_front(kKernelPrefix);
    return (name + ":?").str();
  }
  StringRef folder = location->getDirectory();
  return (folder + (folder.empty() ? "" : "/") + location->getFilename() + ":" +
          Twine(location.getLine()))
      .str();
}

Error tokopt::sim::noSimulation(const Instruction &instruction,
                                const Twine &what) {
  return createStringError(inconvertibleErrorCode(),
                           locationOf(instruction) +
                               ": error: no simulation for " + what);
}

uint32_t tokopt::sim::flagsOf(AtomicOrdering ordering, SyncScope::ID scope,
                              LLVMContext &context) {
  SmallVector<StringRef> names;
  context.getSyncScopeNames(names);
  uint32_t flags = 0;
  // There is no model of clusters, so one reaches no further than a block.
  if (names[scope] == "device" || scope == SyncScope::System)
    flags |= kDevice;
  if (isAcquireOrStronger(ordering))
    flags |= kAcquire;
  if (isReleaseOrStronger(ordering))
    flags |= kRelease;
  return flags;
}

/// The flags of accesses to memory of an address space, nothing for one
/// without a model.
static std::optional<uint32_t> flagsOfSpace(unsigned space) {
  switch (space) {
  case kGenericSpace:
    return 0;
  case kGlobalSpace:
    return kGlobal;
  case kSharedSpace:
    return kShared;
  default:
    return std::nullopt;
  }
}

Error tokopt::sim::collectAccesses(Instruction &instruction,
                                   SmallVectorImpl<Access> &accesses) {
  const DataLayout &layout = instruction.getModule()->getDataLayout();
  auto flags = [&](AtomicOrdering ordering, SyncScope::ID scope) {
    return kAtomic | flagsOf(ordering, scope, instruction.getContext());
  };
  auto atomicFlags = [&](const auto &access) {
    return access.isAtomic()
               ? flags(access.getOrdering(), access.getSyncScopeID())
               : 0u;
  };
  auto sizeOf = [&](Type *type) -> uint64_t {
    return layout.getTypeStoreSize(type).getFixedValue();
  };
  if (auto *load = dyn_cast<LoadInst>(&instruction))
    accesses.push_back(
        {load->getPointerOperand(), sizeOf(load->getType()), nullptr,
         kRead | atomicFlags(*load) |
             (load->hasMetadata(LLVMContext::MD_invariant_load) ? kInvariant
                                                                : 0u),
         load->getAlign().value(), "load"});
  else if (auto *store = dyn_cast<StoreInst>(&instruction))
    accesses.push_back({store->getPointerOperand(),
                        sizeOf(store->getValueOperand()->getType()), nullptr,
                        kWrite | atomicFlags(*store), store->getAlign().value(),
                        "store"});
  else if (auto *atomic = dyn_cast<AtomicRMWInst>(&instruction))
    accesses.push_back(
        {atomic->getPointerOperand(), sizeOf(atomic->getType()), nullptr,
         kWrite | kUpdate |
             flags(atomic->getOrdering(), atomic->getSyncScopeID()),
         atomic->getAlign().value(), "atomic"});
  else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction))
    accesses.push_back(
        {exchange->getPointerOperand(),
         sizeOf(exchange->getNewValOperand()->getType()), nullptr,
         kWrite | kUpdate |
             flags(exchange->getMergedOrdering(), exchange->getSyncScopeID()),
         exchange->getAlign().value(), "atomic"});
  else if (auto *copy = dyn_cast<MemTransferInst>(&instruction)) {
    accesses.push_back({copy->getRawSource(), 0, copy->getLength(),
                        kRead | kLoop,
                        copy->getSourceAlign().valueOrOne().value(), "copy"});
    accesses.push_back({copy->getRawDest(), 0, copy->getLength(),
                        kWrite | kLoop,
                        copy->getDestAlign().valueOrOne().value(), "copy"});
  } else if (auto *fill = dyn_cast<MemSetInst>(&instruction))
    accesses.push_back({fill->getRawDest(), 0, fill->getLength(),
                        kWrite | kLoop,
                        fill->getDestAlign().valueOrOne().value(), "fill"});
  else if (instruction.mayReadOrWriteMemory() && !isa<CallBase>(instruction) &&
           !isa<FenceInst>(instruction))
    return noSimulation(instruction,
                        Twine("'") + instruction.getOpcodeName() + "'");
  for (Access &access : accesses) {
    unsigned space = access.pointer->getType()->getPointerAddressSpace();
    std::optional<uint32_t> memory = flagsOfSpace(space);
    if (!memory)
      return noSimulation(instruction,
                          "memory of address space " + Twine(space));
    access.flags |= *memory;
    // PTX ISA, "atom": whatever the code says of its address.
    if (access.flags & kAtomic)
      access.alignment = std::max(access.alignment, access.bytes);
  }
  return Error::success();
}
