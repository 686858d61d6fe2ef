//===- Simulator.cpp - A kernel with its memory ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cassert>
#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

namespace {

class SimulatorImpl : public Simulator {
public:
  Error prepare(StringRef llvmIR, StringRef name) {
    if (Error error = memory.mapShared())
      return error;
    auto loaded = Program::load(llvmIR, name, memory);
    if (!loaded)
      return loaded.takeError();
    program = std::move(*loaded);
    locals.emplace(program->arrays);
    return Error::success();
  }

  Expected<uint8_t *> addBuffer(StringRef name, uint64_t bytes,
                                bool isWritten) override {
    Expected<Buffer *> buffer = memory.addBuffer(name, bytes, isWritten);
    if (!buffer)
      return buffer.takeError();
    auto *data = reinterpret_cast<uint8_t *>((*buffer)->begin);
    if (!isWritten)
      std::memset(data, 0xff, bytes);
    return data;
  }

  uint64_t addTensorMap(const TensorMap &map) override {
    return memory.addMap(map);
  }

  void setWritten(const uint8_t *address, uint64_t bytes,
                  bool isWritten) override {
    auto begin = reinterpret_cast<uint64_t>(address);
    const Buffer *buffer = memory.find(begin);
    assert(buffer && begin + bytes <= buffer->begin + buffer->bytes &&
           "of no buffer");
    shadow.setWritten(begin, bytes, isWritten, buffer->isWritten);
  }

  Expected<Result> run(const Launch &launch, ArrayRef<uint64_t> arguments,
                       const Options &options) override {
    if (Error error = check(launch, arguments.size()))
      return error;
    if (Error error = stacks.reserve(launch.threads))
      return error;
    if (Error error = locals->reserve(launch.threads))
      return error;
    last = launch;
    return Machine(*program, memory, shadow, agents, *locals, stacks, launch,
                   arguments, options)
        .run();
  }

  std::string describeWriter(const uint8_t *address) const override {
    auto stamp = shadow.getWriter(reinterpret_cast<uint64_t>(address));
    if (!stamp)
      return "";
    const Site &site = program->sites[stamp->site];
    return site.location + ": note: " + site.what + " by " +
           describeBlock(last, stamp->block) + " " +
           agents.describe(stamp->thread);
  }

private:
  Error check(const Launch &launch, size_t count) const {
    auto fail = [](const Twine &message) {
      return createStringError(inconvertibleErrorCode(), message);
    };
    if (count != program->argumentCount)
      return fail("the kernel takes " + Twine(program->argumentCount) +
                  " arguments, but got " + Twine(count));
    if (launch.threads < 1 || launch.threads > 1024)
      return fail("a block has 1 to 1024 threads, but got " +
                  Twine(launch.threads));
    uint64_t blocks = 1;
    for (uint32_t size : launch.grid)
      if (!size || (blocks *= size) > UINT32_MAX)
        return fail("the grid has no blocks, or more than the simulator "
                    "counts");
    uint64_t shared = program->staticSharedBytes + launch.sharedBytes;
    if (shared > kSharedMost)
      return fail("a block has at most " + Twine(kSharedMost) +
                  " bytes of shared memory, but got " + Twine(shared));
    return Error::success();
  }

  Memory memory;
  Shadow shadow;
  Agents agents;
  Stacks stacks;
  std::unique_ptr<Program> program;
  std::optional<Locals> locals;
  Launch last;
};

} // namespace

Expected<std::unique_ptr<Simulator>> Simulator::create(StringRef llvmIR,
                                                       StringRef name) {
  auto simulator = std::make_unique<SimulatorImpl>();
  if (Error error = simulator->prepare(llvmIR, name))
    return error;
  return simulator;
}
