//===- Machine.cpp - Runs the blocks of a grid ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's own frames have no destructors, so a block is abandoned by not
// continuing its fibers.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

using namespace llvm;
using namespace tokopt::sim;

thread_local Machine *Machine::current = nullptr;

Machine::Machine(const Program &program, const Memory &memory, Shadow &shadow,
                 Agents &agents, Locals &locals, Stacks &stacks,
                 const Launch &launch, ArrayRef<uint64_t> arguments,
                 const Options &options)
    : program(program), memory(memory), shadow(shadow), agents(agents),
      locals(locals), stacks(stacks), launch(launch), arguments(arguments),
      options(options), random(options.seed) {}

/// Blocks of a grid have no order; the first seed takes the one that counts.
static std::vector<uint32_t> orderOfBlocks(uint32_t count, uint32_t seed) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (seed)
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return order;
}

Result Machine::run() {
  current = this;
  shadow.order();
  agents.begin(launch.threads, launch.threads / kWarpgroupThreads);
  for (uint32_t number : orderOfBlocks(blockCount(), options.seed)) {
    block = number;
    runBlock();
    // The others will hardly end either.
    if (isEndless)
      break;
  }
  landLateTensorStores();
  current = nullptr;
  result.statistics.counts = counter.take(program.sites);
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void Machine::fiberMain() {
  Machine &machine = *current;
  machine.program.entry(machine.arguments.data());
  machine.checkCopiesLanded();
  machine.checkTensorStoresRead();
  Thread &thread = machine.threads[machine.running];
  thread.state = State::Done;
  tokopt_sim_switch(&thread.continuation, machine.scheduler);
  abort(); // a thread that is done is not continued
}

void Machine::startThreads() {
  threads.clear();
  threads.resize(launch.threads);
  for (uint32_t i = 0; i < launch.threads; ++i) {
    threads[i].continuation = prepareFiber(stacks.top(i), fiberMain);
    threads[i].view.clock.assign(launch.threads, 0);
    threads[i].view.clock[i] = 1;
  }
  warps.assign(divideCeil(launch.threads, kWarpThreads), {});
  barriers.assign(kBarriers, {});
  mbarriers.clear();
  sharedMessages.clear();
  warpgroups.assign(launch.threads / kWarpgroupThreads, {});
  for (Warpgroup &warpgroup : warpgroups)
    warpgroup.registers = firstRegisters();
  pool = 0;
  products.clear();
}

bool Machine::runReadyThread() {
  // Another seed now and then goes on with another warp.
  if (options.seed) {
    random = random * 1664525 + 1013904223;
    if (random >> 28 == 0)
      running = (random >> 8) % warps.size() * kWarpThreads;
  }
  for (uint32_t i = 0; i < launch.threads; ++i) {
    Thread &thread = threads[running];
    if (thread.state == State::Ready) {
      tokopt_sim_switch(&scheduler, thread.continuation);
      return true;
    }
    running = running + 1 == launch.threads ? 0 : running + 1;
  }
  return false;
}

void Machine::wait(State state) {
  Thread &thread = threads[running];
  thread.state = state;
  tokopt_sim_switch(&thread.continuation, scheduler);
}

void Machine::pass() {
  Thread &thread = threads[running];
  running = running + 1 == launch.threads ? 0 : running + 1;
  tokopt_sim_switch(&thread.continuation, scheduler);
}

void Machine::abandon() {
  isAbandoned = true;
  wait(State::Done);
  abort(); // a thread that is done is not continued
}

/// After so many steps a thread lets others go on: it may wait for what they do
/// without saying so.
static constexpr uint64_t kMostAtOnce = uint64_t(1) << 14;

void Machine::runBlock() {
  isAbandoned = false;
  steps = looks = 0;
  nextPass = kMostAtOnce;
  running = 0;
  shadow.forget(memory.sharedBase(), kSharedMost);
  std::memset(reinterpret_cast<void *>(memory.sharedBase()), kPoison,
              sharedBytes());
  startThreads();
  counter.begin(warps.size(), program.sites.size());
  while (!isAbandoned && runReadyThread()) {
  }
  if (!isAbandoned) {
    reportStuckThreads();
    checkBarriersOpened();
    checkTensorCopiesLanded();
    checkProductsAwaited();
  }
  dropCopies();
  dropTensorCopies();
  leaveTensorStores();
  counter.meetAll();
}

std::string Machine::describeWait(const Thread &thread) const {
  std::string waits = "waits for ever";
  if (thread.state == State::AtBarrier) {
    uint32_t number = findBarrier(thread);
    const Barrier &barrier = barriers[number];
    if (barrier.isNamed(number, launch.threads))
      waits += " at barrier " + std::to_string(number) + ", which has " +
               std::to_string(barrier.arrivals) + " of " +
               std::to_string(barrier.needed) + " arrivals";
    return waits;
  }
  if (thread.state == State::AtPool) {
    const Warpgroup &warpgroup =
        warpgroups[(&thread - threads.data()) / kWarpgroupThreads];
    return waits + " for " +
           std::to_string((warpgroup.claimed - warpgroup.registers) *
                          kWarpgroupThreads) +
           " registers: the pool of the block has " + std::to_string(pool);
  }
  if (thread.state != State::AtMbarrier)
    return waits;
  const Mbarrier &barrier = mbarriers.at(thread.awaited);
  waits += " at " + memory.describe(thread.awaited) + ": phase " +
           std::to_string(barrier.phase) + " has " +
           std::to_string(barrier.count - barrier.pending) + " of " +
           std::to_string(barrier.count) + " arrivals";
  int64_t lacking = barrier.lackingBytes();
  if (lacking > 0)
    waits += " and lacks " + std::to_string(lacking) + " bytes";
  else if (lacking < 0)
    waits += " and " + std::to_string(-lacking) + " bytes too many";
  return waits;
}

/// No thread can go on: those that are not done wait for ones that never come.
void Machine::reportStuckThreads() {
  auto isStuck = [](const Thread &thread) {
    return thread.state != State::Done;
  };
  size_t stuck = count_if(threads, isStuck);
  if (!stuck)
    return;
  auto ended = find_if_not(threads, isStuck);
  for (uint32_t i = 0; i < launch.threads; ++i) {
    const Thread &thread = threads[i];
    if (!isStuck(thread))
      continue;
    auto elsewhere = find_if(threads, [&](const Thread &other) {
      return isStuck(other) && other.site != thread.site;
    });
    StringRef kind = "deadlock";
    if (thread.state == State::InWarp)
      kind = "divergent collective";
    else if (thread.state == State::AtBarrier) {
      uint32_t number = findBarrier(thread);
      if (!barriers[number].isNamed(number, launch.threads))
        kind = "divergent barrier";
    }
    std::string waits = describeWait(thread);
    if (elsewhere != threads.end())
      report(kind, thread.site, i, waits, elsewhere->site,
             "thread " + Twine(elsewhere - threads.begin()) + " waits here");
    else if (ended != threads.end())
      report(kind, thread.site, i,
             waits + ": thread " + Twine(ended - threads.begin()) +
                 " has ended without coming here");
    else
      report(kind, thread.site, i, waits);
  }
}

//===----------------------------------------------------------------------===//
// What a kernel calls
//===----------------------------------------------------------------------===//

uint64_t Machine::resolve(uint64_t address, uint32_t flags, uint32_t site) {
  bool isShared = memory.isShared(address),
       isInWindow = memory.isInWindow(address), isElsewhere = isShared;
  StringRef space = "generic";
  if (flags & kShared) {
    space = "shared";
    isElsewhere = !isShared && (isInWindow || memory.find(address));
  } else if (flags & kGlobal) {
    space = "global";
    isElsewhere = isShared || isInWindow;
  }
  if (isElsewhere) {
    report("wrong space", site, running,
           "at " + memory.describe(address) + ", which is no " + space +
               " address");
    abandon();
  }
  return isInWindow ? address - memory.windowBase() + memory.sharedBase()
                    : address;
}

const Buffer *Machine::checkPlace(uint64_t address, uint64_t bytes,
                                  uint64_t alignment, uint32_t site) {
  bool isShared = memory.isShared(address);
  uint64_t offset = address - memory.sharedBase();
  const Buffer *buffer = isShared ? nullptr : memory.find(address);
  bool isInside =
      isShared ? offset + bytes <= sharedBytes()
               : buffer && address - buffer->begin + bytes <= buffer->bytes;
  if (!isInside) {
    const Buffer *nearest = isShared ? nullptr : memory.findNearest(address);
    uint64_t limit = isShared ? sharedBytes() : nearest ? nearest->bytes : 0;
    report("out of bounds", site, running,
           "at " + memory.describe(address) +
               (limit ? " of " + std::to_string(limit) + " bytes" : ""));
    abandon();
  }
  if (address % alignment) {
    report("misaligned", site, running,
           "at " + memory.describe(address) + ", not a multiple of " +
               Twine(alignment));
    abandon();
  }
  return buffer;
}

void Machine::access(uint64_t address, uint64_t bytes, uint32_t flags,
                     uint64_t alignment, uint32_t site) {
  bool isGeneric = !(flags & (kShared | kGlobal));
  if (std::optional<Locals::Place> place =
          isGeneric ? locals.find(address) : std::nullopt)
    return accessLocal(*place, address, bytes, flags, alignment, site);
  ++result.statistics.accesses;
  if (!bytes)
    return;
  address = resolve(address, flags, site);
  const Buffer *buffer = checkPlace(address, bytes, alignment, site);
  uint64_t piece = program.sites[site].piece;
  for (uint64_t i = 0; !(flags & kLoop) && i < bytes;
       i += piece ? piece : bytes)
    counter.access(running, site, address + i, piece ? piece : bytes, !buffer);
  if (flags & kAtomic) {
    // Others may wait for what this thread does, or it for what they do.
    watchSpinning(address, flags, site);
    pass();
  } else {
    looks = 0;
  }
  Thread &thread = threads[running];
  Stamp now{block,
            running,
            thread.view.clock[running],
            site,
            (flags & kAtomic) != 0,
            (flags & kDevice) != 0,
            (flags & kUpdate) != 0};
  now.isInvariant = flags & kInvariant;
  if (now.isAtomic)
    now.atomicBytes = bytes;
  if (std::optional<Conflict> conflict =
          shadow.access(address, bytes, now, thread.view, flags & kWrite,
                        buffer && buffer->isWritten))
    reportConflict(*conflict, site);
  if (flags & kAtomic)
    exchangeMessages(address, flags);
}

//===----------------------------------------------------------------------===//
// Atomics and fences
//===----------------------------------------------------------------------===//

/// So many atomics of a block in a row wait for something that does not come:
/// blocks that are to come do not run while this one does.
static constexpr uint64_t kMostLooks = uint64_t(1) << 21;

void Machine::watchSpinning(uint64_t address, uint32_t flags, uint32_t site) {
  if (++looks < kMostLooks)
    return;
  report("endless", site, running,
         "at " + memory.describe(address) +
             " waits for ever: no thread of the block does anything else, and "
             "no block may wait for one that has not begun");
  isEndless = true;
  abandon();
}

void Machine::step(uint32_t site) {
  if (++steps > options.stepLimit) {
    report("endless", site, running,
           "is step " + Twine(steps) + " of a block that does not end");
    isEndless = true;
    abandon();
  }
  if (steps < nextPass)
    return;
  nextPass = steps + kMostAtOnce;
  pass();
}

void Machine::exchangeMessages(uint64_t address, uint32_t flags) {
  Thread &thread = threads[running];
  Message &message =
      (memory.isShared(address) ? sharedMessages : messages)[address];
  bool isDevice = flags & kDevice, isUpdate = flags & kUpdate;
  if (!(flags & kWrite) || isUpdate)
    thread.mailbox.read(thread.view, message, block, isDevice,
                        flags & kAcquire);
  if (flags & kWrite)
    thread.mailbox.write(thread.view, message, block, running, isDevice,
                         flags & kRelease, /*continues=*/isUpdate);
}

void Machine::fence(const Operation &operation) {
  Thread &thread = threads[running];
  thread.mailbox.fence(thread.view, block, running, operation.detail & kDevice,
                       operation.detail & kAcquire,
                       operation.detail & kRelease);
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

/// What all threads of a block know takes as long as there are of them.
static constexpr uint32_t kThreadsOfStep = 256;

void Machine::operate(uint32_t site, const uint64_t *operands, void *result) {
  steps += launch.threads / kThreadsOfStep;
  step(site);
  const Operation &operation = program.sites[site].operation;
  switch (operation.opcode) {
  case Opcode::Barrier:
    return arrive(operands[0], launch.threads, /*waits=*/true, site);
  case Opcode::BarrierCount:
    return arrive(operands[0], operands[1], /*waits=*/true, site);
  case Opcode::BarrierArrive:
    return arrive(operands[0], operands[1], /*waits=*/false, site);
  case Opcode::WarpBarrier:
  case Opcode::Shuffle:
  case Opcode::Vote:
    return meet(operands[0], site, operands, result);
  case Opcode::LoadMatrix:
    // Rows are read by the lanes that give their addresses.
    if (running % kWarpThreads < 8u * operation.detail)
      access(operands[0], 16, kRead | kShared, 16, site);
    return meetWhole(site, operands, result);
  case Opcode::MultiplyMatrix:
    return meetWhole(site, operands, result);
  case Opcode::PackPair:
    return packPair(operands, result, operation);
  case Opcode::CopyAsync:
    return startCopy(site, operands, operation);
  case Opcode::CopyCommit:
    return commitCopies();
  case Opcode::CopyWait:
    return waitForCopies(operands[0]);
  case Opcode::CopyWaitAll:
    commitCopies();
    return waitForCopies(0);
  case Opcode::Fence:
    return fence(operation);
  case Opcode::MbarrierInit:
    return initMbarrier(site, operands);
  case Opcode::MbarrierArrive:
  case Opcode::MbarrierExpect:
    arriveAtMbarrier(site, operands[0],
                     operation.opcode == Opcode::MbarrierExpect ? operands[1]
                                                                : 0);
    // The state of the barrier, which only waits without a model take.
    std::memset(result, 0xff, sizeof(uint64_t));
    return;
  case Opcode::MbarrierTryWait:
    *static_cast<uint8_t *>(result) =
        tryMbarrier(site, operands[0], operands[1] & 1);
    return;
  case Opcode::FenceMbarrierInit:
    return publishMbarriers(site);
  case Opcode::FenceProxy:
    return threads[running].view.fenceProxies(running,
                                              operation.detail & kSharedMemory,
                                              operation.detail & kGlobalMemory);
  case Opcode::CopyTensor:
    return startTensorCopy(site, operands, operation);
  case Opcode::StoreTensor:
    return startTensorStore(site, operands, operation);
  case Opcode::StoreCommit:
    return commitTensorStores();
  case Opcode::StoreWait:
  case Opcode::StoreWaitRead:
    return waitForTensorStores(operands[0],
                               operation.opcode == Opcode::StoreWaitRead);
  case Opcode::WarpgroupMultiply:
  case Opcode::WarpgroupFence:
  case Opcode::WarpgroupCommit:
  case Opcode::WarpgroupWait:
  case Opcode::ReleaseRegisters:
  case Opcode::ClaimRegisters:
    return meetWarpgroup(site, operands, result);
  case Opcode::Hint:
    return;
  case Opcode::ThreadId:
  case Opcode::BlockId:
  case Opcode::ThreadCount:
  case Opcode::BlockCount:
    break; // readRegister
  }
}

void Machine::fail(uint32_t site, Fault fault) {
  switch (fault) {
  case Fault::DivisionByZero:
    report("bad division", site, running,
           "by zero has no result that is defined");
    break;
  case Fault::DivisionOverflow:
    report("bad division", site, running,
           "of the smallest number by -1 has a result that is larger than the "
           "largest");
    break;
  case Fault::Overlap:
    report("bad copy", site, running, "writes to what it reads");
    break;
  }
  abandon();
}

uint32_t Machine::readRegister(uint32_t site) const {
  const Operation &operation = program.sites[site].operation;
  uint32_t coordinates[] = {block % launch.grid[0],
                            block / launch.grid[0] % launch.grid[1],
                            block / launch.grid[0] / launch.grid[1]};
  bool isFirst = operation.detail == 0;
  switch (operation.opcode) {
  case Opcode::ThreadId:
    return isFirst ? running : 0;
  case Opcode::ThreadCount:
    return isFirst ? launch.threads : 1;
  case Opcode::BlockId:
    return coordinates[operation.detail];
  default:
    return launch.grid[operation.detail];
  }
}

extern "C" void tokopt::sim::tokopt_sim_access(uint64_t address, uint64_t bytes,
                                               uint32_t flags,
                                               uint32_t alignment,
                                               uint32_t site) {
  Machine::current->step(site);
  Machine::current->access(address, bytes, flags, alignment, site);
}

extern "C" void tokopt::sim::tokopt_sim_operation(uint32_t site,
                                                  const uint64_t *operands,
                                                  void *result) {
  Machine::current->operate(site, operands, result);
}

extern "C" void tokopt::sim::tokopt_sim_use(uint32_t site, uint32_t bits) {
  Machine::current->use(site, bits);
}

extern "C" void *tokopt::sim::tokopt_sim_array(uint32_t number) {
  return reinterpret_cast<void *>(Machine::current->beginArray(number));
}

extern "C" void tokopt::sim::tokopt_sim_loop(uint32_t site) {
  Machine::current->step(site);
}

extern "C" void tokopt::sim::tokopt_sim_fault(uint32_t site, uint32_t fault) {
  Machine::current->fail(site, static_cast<Fault>(fault));
}

extern "C" uint32_t tokopt::sim::tokopt_sim_register(uint32_t site) {
  return Machine::current->readRegister(site);
}
