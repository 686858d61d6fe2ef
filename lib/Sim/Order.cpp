//===- Order.cpp - What happened before what ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Order.h"

#include <algorithm>

using namespace tokopt::sim;

void tokopt::sim::join(Clock &clock, const Clock &other) {
  clock.resize(std::max(clock.size(), other.size()), 0);
  for (size_t i = 0; i < other.size(); ++i)
    clock[i] = std::max(clock[i], other[i]);
}

/// What `clock` says of an entry.
static uint32_t timeOf(const Clock &clock, uint32_t entry) {
  return entry < clock.size() ? clock[entry] : 0;
}

static void intersect(Clock &clock, const Clock &other) {
  clock.resize(std::min(clock.size(), other.size()));
  for (size_t i = 0; i < clock.size(); ++i)
    clock[i] = std::min(clock[i], other[i]);
}

//===----------------------------------------------------------------------===//
// What is known of blocks
//===----------------------------------------------------------------------===//

/// Adds `clock` to what `known` says of a block, without copies where nothing
/// is new.
static void merge(std::shared_ptr<const Clock> &known,
                  const std::shared_ptr<const Clock> &clock) {
  if (!known) {
    known = clock;
  } else if (known != clock) {
    auto joined = std::make_shared<Clock>(*known);
    join(*joined, *clock);
    known = std::move(joined);
  }
}

void History::add(uint32_t block, const Clock &clock) {
  auto made =
      blocks ? std::make_shared<Blocks>(*blocks) : std::make_shared<Blocks>();
  merge((*made)[block], std::make_shared<const Clock>(clock));
  blocks = std::move(made);
}

void History::join(const History &other) {
  if (!other.blocks || other.blocks == blocks)
    return;
  if (!blocks) {
    blocks = other.blocks;
    return;
  }
  auto made = std::make_shared<Blocks>(*blocks);
  for (const auto &[block, clock] : *other.blocks)
    merge((*made)[block], clock);
  blocks = std::move(made);
}

const Clock *History::find(uint32_t block) const {
  if (!blocks)
    return nullptr;
  auto found = blocks->find(block);
  return found == blocks->end() ? nullptr : found->second.get();
}

//===----------------------------------------------------------------------===//
// What a thread knows
//===----------------------------------------------------------------------===//

void View::join(const View &other) {
  sim::join(clock, other.clock);
  others.join(other.others);
  rumours.join(other.rumours);
  sim::join(fencedShared, other.fencedShared);
  sim::join(fencedGlobal, other.fencedGlobal);
}

void View::acquire(const History &history, uint32_t block) {
  others.join(history);
  if (const Clock *own = history.find(block))
    sim::join(clock, *own);
}

History View::release(uint32_t block) const {
  History all = others;
  all.add(block, clock);
  return all;
}

bool View::hasSeen(const Stamp &access, uint32_t block, uint32_t thread) const {
  if (access.block == block)
    return access.thread == thread ||
           access.clock <= timeOf(clock, access.thread);
  const Clock *known = others.find(access.block);
  return known && access.clock <= timeOf(*known, access.thread);
}

void View::fenceProxies(uint32_t thread, bool isShared, bool isGlobal) {
  if (isShared)
    sim::join(fencedShared, clock);
  if (isGlobal)
    sim::join(fencedGlobal, clock);
  // What the thread does from here on is not part of it.
  ++clock[thread];
}

bool View::hasFenced(const Stamp &access, bool isGlobal) const {
  return access.clock <=
         timeOf(isGlobal ? fencedGlobal : fencedShared, access.thread);
}

void View::learn(uint32_t agent, uint32_t time) {
  if (clock.size() <= agent)
    clock.resize(agent + 1, 0);
  clock[agent] = std::max(clock[agent], time);
}

void View::intersect(const View &other) {
  ::intersect(clock, other.clock);
  ::intersect(fencedShared, other.fencedShared);
  ::intersect(fencedGlobal, other.fencedGlobal);
}

//===----------------------------------------------------------------------===//
// Fences and atomics
//===----------------------------------------------------------------------===//

void Mailbox::fence(View &view, uint32_t block, uint32_t thread, bool isDevice,
                    bool acquires, bool releases) {
  if (acquires) {
    view.acquire(receivedBlock, block);
    if (isDevice)
      view.acquire(receivedDevice, block);
  }
  if (!releases)
    return;
  sentBlock = view.release(block);
  if (isDevice)
    sentDevice = sentBlock;
  // What the thread does from here on is not part of it.
  ++view.clock[thread];
}

void Mailbox::read(View &view, const Message &message, uint32_t block,
                   bool isDevice, bool acquires) {
  History inBlock = message.number == block ? message.block : History();
  History inDevice = isDevice ? message.device : History();
  view.rumours.join(message.rumours);
  receivedBlock.join(inBlock);
  receivedDevice.join(inDevice);
  if (acquires) {
    view.acquire(inBlock, block);
    view.acquire(inDevice, block);
  }
}

void Mailbox::write(View &view, Message &message, uint32_t block,
                    uint32_t thread, bool isDevice, bool releases,
                    bool continues) const {
  History now = view.release(block);
  if (!continues)
    message = {};
  if (message.number != block)
    message.block = {};
  message.number = block;
  message.block.join(releases ? now : sentBlock);
  if (isDevice)
    message.device.join(releases ? now : sentDevice);
  message.rumours.join(now);
  message.rumours.join(view.rumours);
  ++view.clock[thread];
}
