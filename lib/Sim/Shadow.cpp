//===- Shadow.cpp - Who touched which byte --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Shadow.h"

using namespace tokopt::sim;

/// Whether the access `before` and `now` may come in any order: `before` has
/// happened already by all that is known, or both are atomics that see each
/// other. Atomics among the threads of a block are none for another block, nor
/// for ones of other bytes (PTX ISA, "Morally strong operations").
static bool mayFollow(const Stamp &before, const Stamp &now, const View &view) {
  return view.hasSeen(before, now.block, now.thread) ||
         (before.isAtomic && now.isAtomic &&
          before.atomicBytes == now.atomicBytes &&
          (before.block == now.block || (before.isDevice && now.isDevice)));
}

/// Notes an access in a clock of its block.
static void note(Clock &clock, const Stamp &access) {
  if (clock.size() <= access.thread)
    clock.resize(access.thread + 1, 0);
  clock[access.thread] = access.clock;
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

bool Shadow::isUnfenced(const Cell &cell, const Stamp &now, const View &view) {
  return now.isAsync && cell.hasWriter && !cell.write.isAsync &&
         cell.write.block == now.block &&
         !view.hasFenced(cell.write, now.isGlobal);
}

std::optional<Conflict> Shadow::read(Cell &cell, const Stamp &now,
                                     const View &view) {
  std::optional<Conflict> conflict;
  if (cell.isMbarrier && !now.isMbarrier)
    conflict = {Conflict::OfMbarrier, 0, cell.write};
  else if (cell.isInFlight)
    conflict = {Conflict::InFlight, 0, cell.write};
  else if (!cell.isWritten)
    conflict = {Conflict::Unwritten, 0, {}};
  else if (cell.hasWriter && !mayFollow(cell.write, now, view))
    conflict = {Conflict::ReadAfterWrite, 0, cell.write};
  else if (isUnfenced(cell, now, view))
    conflict = {Conflict::Unfenced, 0, cell.write};
  else if (now.isInvariant && cell.hasWriter)
    conflict = {Conflict::InvariantAfterWrite, 0, cell.write};
  if (now.isInvariant) {
    cell.invariantRead = now;
    cell.hasInvariantRead = true;
  }
  if (cell.hasReader && cell.read.block != now.block) {
    if (!cell.hasForeignReader ||
        view.hasSeen(cell.foreignRead, now.block, now.thread))
      cell.foreignRead = cell.read;
    cell.hasForeignReader = true;
    cell.readers.reset();
  } else if (cell.hasReader && cell.read.thread != now.thread &&
             !view.hasSeen(cell.read, now.block, now.thread) && !cell.readers) {
    cell.readers = std::make_unique<Clock>();
    note(*cell.readers, cell.read);
  }
  if (cell.readers)
    note(*cell.readers, now);
  cell.read = now;
  cell.hasReader = true;
  return conflict;
}

std::optional<Conflict> Shadow::write(Cell &cell, const Stamp &now,
                                      const View &view) {
  std::optional<Conflict> conflict;
  if (cell.isMbarrier && !now.isMbarrier)
    conflict = {Conflict::OfMbarrier, 0, cell.write};
  else if (cell.isInFlight)
    conflict = {Conflict::InFlight, 0, cell.write};
  else if (cell.copies)
    conflict = {Conflict::SourceInFlight, 0, cell.copier};
  else if (now.isUpdate && !cell.isWritten)
    conflict = {Conflict::Unwritten, 0, {}};
  else if (cell.hasWriter && !mayFollow(cell.write, now, view))
    conflict = {Conflict::WriteAfterWrite, 0, cell.write};
  else if (cell.hasForeignReader && !mayFollow(cell.foreignRead, now, view))
    conflict = {Conflict::WriteAfterRead, 0, cell.foreignRead};
  else if (cell.hasReader && !mayFollow(cell.read, now, view))
    conflict = {Conflict::WriteAfterRead, 0, cell.read};
  else if (cell.readers)
    for (uint32_t thread = 0; thread < cell.readers->size(); ++thread) {
      Stamp reader = cell.read;
      reader.thread = thread;
      reader.clock = (*cell.readers)[thread];
      if (!mayFollow(reader, now, view)) {
        conflict = {Conflict::WriteAfterRead, 0, reader};
        break;
      }
    }
  if (!conflict && isUnfenced(cell, now, view))
    conflict = {Conflict::Unfenced, 0, cell.write};
  if (!conflict && cell.hasInvariantRead)
    conflict = {Conflict::WriteAfterInvariant, 0, cell.invariantRead};
  cell.write = now;
  cell.isWritten = cell.hasWriter = true;
  cell.hasReader = cell.hasForeignReader = false;
  cell.readers.reset();
  return conflict;
}

std::optional<Conflict> Shadow::access(uint64_t address, uint64_t bytes,
                                       const Stamp &now, const View &view,
                                       bool isWrite, bool isWritten) {
  std::optional<Conflict> first;
  for (uint64_t i = 0; i < bytes; ++i) {
    Cell &cell = at(address + i, isWritten);
    std::optional<Conflict> conflict =
        isWrite ? write(cell, now, view) : read(cell, now, view);
    if (conflict && !first) {
      first = conflict;
      first->address = address + i;
    }
  }
  return first;
}

void Shadow::setWritten(uint64_t address, uint64_t bytes, bool isWritten,
                        bool isRestWritten) {
  for (uint64_t i = 0; i < bytes; ++i)
    at(address + i, isRestWritten).isWritten = isWritten;
}

void Shadow::setInFlight(uint64_t address, uint64_t bytes, bool isInFlight) {
  for (uint64_t i = 0; i < bytes; ++i)
    at(address + i, /*isWritten=*/false).isInFlight = isInFlight;
}

void Shadow::setMbarrier(uint64_t address, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i)
    at(address + i, /*isWritten=*/false).isMbarrier = true;
}

void Shadow::beginCopyFrom(uint64_t address, uint64_t bytes,
                           const Stamp &reader) {
  for (uint64_t i = 0; i < bytes; ++i) {
    Cell &cell = at(address + i, /*isWritten=*/false);
    ++cell.copies;
    cell.copier = reader;
  }
}

void Shadow::endCopyFrom(uint64_t address, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i)
    --at(address + i, /*isWritten=*/false).copies;
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
      cell.hasWriter = cell.hasReader = cell.hasForeignReader =
          cell.hasInvariantRead = false;
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
