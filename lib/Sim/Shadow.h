//===- Shadow.h - Who touched which byte ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Races are found by the order that barriers give, not by the order in which
// the simulator happens to run threads: every thread has a clock for each
// thread of its block, and of every byte it is known who wrote it last, at
// which time of theirs, and who has read it since (FastTrack: Flanagan and
// Freund, PLDI 2009).
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_SHADOW_H
#define TOKOPT_LIB_SIM_SHADOW_H

#include "lib/Sim/Order.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace tokopt::sim {

/// Two accesses to a byte without an order, or a read of what nobody wrote.
struct Conflict {
  enum Kind {
    Unwritten,
    InFlight,
    SourceInFlight,
    ReadAfterWrite,
    WriteAfterWrite,
    WriteAfterRead,
    /// An access of the async proxy that does not see an ordinary write.
    Unfenced,
    /// An ordinary access to a barrier in shared memory.
    OfMbarrier,
    /// A load of what nothing is to write, after a write, and the reverse.
    InvariantAfterWrite,
    WriteAfterInvariant
  } kind;
  uint64_t address;
  Stamp other; ///< unless unwritten
};

class Shadow {
public:
  /// Records an access to `bytes` from `address` by a thread that has seen
  /// `view`, and returns the first conflict. `isWritten` says what memory
  /// holds that is touched for the first time.
  std::optional<Conflict> access(uint64_t address, uint64_t bytes,
                                 const Stamp &now, const View &view,
                                 bool isWrite, bool isWritten);
  /// Says whether bytes hold what somebody wrote; `isRestWritten` says it of
  /// memory beside them that is touched for the first time.
  void setWritten(uint64_t address, uint64_t bytes, bool isWritten,
                  bool isRestWritten);
  /// Says whether a copy to `bytes` from `address` is on its way.
  void setInFlight(uint64_t address, uint64_t bytes, bool isInFlight);
  /// Says that a barrier in shared memory lies there.
  void setMbarrier(uint64_t address, uint64_t bytes);
  /// A copy that `reader` has begun reads from `address` until it has arrived.
  void beginCopyFrom(uint64_t address, uint64_t bytes, const Stamp &reader);
  void endCopyFrom(uint64_t address, uint64_t bytes);
  /// Forgets all about some memory.
  void forget(uint64_t address, uint64_t bytes);
  /// Forgets who touched what, as between two launches, but not what is
  /// written.
  void order();
  /// Who wrote a byte last since `order`.
  std::optional<Stamp> getWriter(uint64_t address) const;
  /// Whether a byte has been written by a kernel in any launch.
  bool isWritten(uint64_t address) const;

private:
  struct Cell {
    Stamp write, read;
    /// The last reader of another block that may not have an order to what
    /// comes.
    Stamp foreignRead;
    /// Readers of one block without an order among them, if there are several.
    std::unique_ptr<Clock> readers;
    /// Copies on their way that read it, and who began the last of them.
    uint32_t copies = 0;
    Stamp copier;
    /// A load of what nothing is to write.
    Stamp invariantRead;
    bool isWritten = false, hasWriter = false, hasReader = false,
         hasForeignReader = false, hasInvariantRead = false, isInFlight = false,
         isMbarrier = false;
  };
  static constexpr uint64_t kPage = 1024;
  struct Page {
    Cell cells[kPage];
  };

  Cell &at(uint64_t address, bool isWritten);
  static std::optional<Conflict> read(Cell &cell, const Stamp &now,
                                      const View &view);
  static std::optional<Conflict> write(Cell &cell, const Stamp &now,
                                       const View &view);
  /// Whether `now`, which follows the last write, is of a proxy that does not
  /// see it. What the async proxy writes is seen by all who have waited for it.
  static bool isUnfenced(const Cell &cell, const Stamp &now, const View &view);

  llvm::DenseMap<uint64_t, std::unique_ptr<Page>> pages;
  uint64_t lastNumber = ~uint64_t(0);
  Page *lastPage = nullptr;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_SHADOW_H
