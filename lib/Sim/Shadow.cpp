//===- Shadow.cpp - Who touched which byte --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Shadow.h"

using namespace tokopt::sim;

/// Whether the access `before` is ordered before what the thread `now` does at
/// `clock`. Nothing orders blocks of a grid.
static bool isOrdered(const Stamp &before, const Stamp &now,
                      const Clock &clock) {
  if (before.block != now.block)
    return false;
  return before.thread == now.thread || before.clock <= clock[before.thread];
}

Shadow::Cell &Shadow::at(uint64_t address, bool isWritten) {
  uint64_t number = address / kPage;
  if (number != lastNumber) {
    std::unique_ptr<Page> &page = pages[number];
    if (!page) {
      page = std::make_unique<Page>();
      for (Cell &cell : page->cells)
        cell.isWritten = isWritten;
    }
    lastNumber = number;
    lastPage = page.get();
  }
  return lastPage->cells[address % kPage];
}

std::optional<Conflict> Shadow::read(Cell &cell, const Stamp &now,
                                     const Clock &clock) {
  std::optional<Conflict> conflict;
  if (!cell.isWritten)
    conflict = {Conflict::Unwritten, 0, {}};
  else if (cell.hasWriter && !isOrdered(cell.write, now, clock) &&
           !(cell.write.isAtomic && now.isAtomic))
    conflict = {Conflict::ReadAfterWrite, 0, cell.write};
  if (cell.hasReader && cell.read.block != now.block) {
    cell.foreignRead = cell.read;
    cell.hasForeignReader = true;
    cell.readers.reset();
  } else if (cell.hasReader && cell.read.thread != now.thread &&
             !isOrdered(cell.read, now, clock) && !cell.readers) {
    cell.readers = std::make_unique<Clock>(clock.size(), 0);
    (*cell.readers)[cell.read.thread] = cell.read.clock;
  }
  if (cell.readers)
    (*cell.readers)[now.thread] = now.clock;
  cell.read = now;
  cell.hasReader = true;
  return conflict;
}

std::optional<Conflict> Shadow::write(Cell &cell, const Stamp &now,
                                      const Clock &clock) {
  std::optional<Conflict> conflict;
  if (now.isUpdate && !cell.isWritten)
    conflict = {Conflict::Unwritten, 0, {}};
  else if (cell.hasWriter && !isOrdered(cell.write, now, clock) &&
           !(cell.write.isAtomic && now.isAtomic))
    conflict = {Conflict::WriteAfterWrite, 0, cell.write};
  else if (cell.hasForeignReader)
    conflict = {Conflict::WriteAfterRead, 0, cell.foreignRead};
  else if (cell.hasReader && !isOrdered(cell.read, now, clock) &&
           !(cell.read.isAtomic && now.isAtomic))
    conflict = {Conflict::WriteAfterRead, 0, cell.read};
  else if (cell.readers)
    for (uint32_t thread = 0; thread < cell.readers->size(); ++thread)
      if (thread != now.thread && (*cell.readers)[thread] > clock[thread]) {
        Stamp reader = cell.read;
        reader.thread = thread;
        conflict = {Conflict::WriteAfterRead, 0, reader};
        break;
      }
  cell.write = now;
  cell.isWritten = cell.hasWriter = true;
  cell.hasReader = cell.hasForeignReader = false;
  cell.readers.reset();
  return conflict;
}

std::optional<Conflict> Shadow::access(uint64_t address, uint64_t bytes,
                                       const Stamp &now, const Clock &clock,
                                       bool isWrite, bool isWritten) {
  std::optional<Conflict> first;
  for (uint64_t i = 0; i < bytes; ++i) {
    Cell &cell = at(address + i, isWritten);
    std::optional<Conflict> conflict =
        isWrite ? write(cell, now, clock) : read(cell, now, clock);
    if (conflict && !first) {
      first = conflict;
      first->address = address + i;
    }
  }
  return first;
}

void Shadow::forget(uint64_t address, uint64_t bytes) {
  for (uint64_t number = address / kPage; number <= (address + bytes) / kPage;
       ++number)
    pages.erase(number);
  lastNumber = ~uint64_t(0);
}

void Shadow::order() {
  for (auto &[number, page] : pages)
    for (Cell &cell : page->cells) {
      cell.hasWriter = cell.hasReader = cell.hasForeignReader = false;
      cell.readers.reset();
    }
}

std::optional<Stamp> Shadow::getWriter(uint64_t address) const {
  auto page = pages.find(address / kPage);
  if (page == pages.end() || !page->second->cells[address % kPage].hasWriter)
    return std::nullopt;
  return page->second->cells[address % kPage].write;
}

bool Shadow::isWritten(uint64_t address) const {
  auto page = pages.find(address / kPage);
  return page != pages.end() && page->second->cells[address % kPage].isWritten;
}
