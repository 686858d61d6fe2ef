//===- Reports.cpp - What a kernel must not do ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;
using namespace tokopt::sim;

std::string sim::describeBlock(const Launch &launch, uint32_t number) {
  uint32_t x = launch.grid[0], y = launch.grid[1];
  return ("block (" + Twine(number % x) + ", " + Twine(number / x % y) + ", " +
          Twine(number / x / y) + ")")
      .str();
}

std::string Machine::whereIs(uint32_t number, uint32_t thread) const {
  return describeBlock(launch, number) + " " + agents.describe(thread);
}

void Machine::report(StringRef kind, uint32_t site, uint32_t thread,
                     const Twine &text) {
  report(kind, site, thread, text, ~uint32_t(0), "");
}

void Machine::report(StringRef kind, uint32_t site, uint32_t thread,
                     const Twine &text, uint32_t otherSite,
                     const Twine &otherText) {
  auto [entry, isNew] = reported.try_emplace({kind.str(), site, otherSite},
                                             result.reports.size());
  if (!isNew) {
    ++result.reports[entry->second].count;
    return;
  }
  Report &made = result.reports.emplace_back();
  made.kind = kind.str();
  made.location = program.sites[site].location;
  made.text = whereIs(block, thread) + ": " + program.sites[site].what + " " +
              text.str();
  if (otherSite != ~uint32_t(0)) {
    made.otherLocation = program.sites[otherSite].location;
    made.otherText = otherText.str();
  }
}

void Machine::reportConflict(const Conflict &conflict, uint32_t site) {
  const Stamp &other = conflict.other;
  std::string place = "at " + memory.describe(conflict.address);
  auto tell = [&](StringRef kind, const Twine &text) {
    report(kind, site, running, place + text, other.site,
           program.sites[other.site].what + " by " +
               whereIs(other.block, other.thread));
  };
  switch (conflict.kind) {
  case Conflict::Unwritten:
    return report("unwritten", site, running,
                  place + ", which nothing has written");
  case Conflict::InFlight:
    return tell("in flight", ", where a copy has not arrived");
  case Conflict::SourceInFlight:
    return tell("in flight", ", which a copy on its way still reads");
  case Conflict::Unfenced:
    return tell("missing proxy fence",
                " is of the async proxy, and no fence.proxy.async makes the "
                "ordinary write before it visible there");
  case Conflict::OfMbarrier: {
    const Stamp &maker =
        std::prev(mbarriers.upper_bound(conflict.address))->second.maker;
    return report("bad mbarrier", site, running,
                  place +
                      ", where a barrier lies that is only for instructions of "
                      "barriers",
                  maker.site, "made by " + whereIs(block, maker.thread));
  }
  case Conflict::InvariantAfterWrite:
    return tell("stale read", " may miss the write: it is a load of what "
                              "nothing writes while the kernel runs "
                              "(ld.global.nc)");
  case Conflict::WriteAfterInvariant:
    return tell("stale read", " may be missed by the load, which is one of "
                              "what nothing writes while the kernel runs "
                              "(ld.global.nc)");
  case Conflict::ReadAfterWrite:
  case Conflict::WriteAfterWrite:
  case Conflict::WriteAfterRead:
    break;
  }
  const Clock *rumour = threads[running].view.rumours.find(other.block);
  if (other.block != block && rumour && other.thread < rumour->size() &&
      other.clock <= (*rumour)[other.thread])
    return tell("missing fence", " comes after the other access by an atomic, "
                                 "but without a fence of all blocks on both "
                                 "sides");
  tell("race", conflict.kind == Conflict::WriteAfterRead
                   ? " is not ordered after the read"
                   : " is not ordered after the write");
}

void tokopt::sim::print(raw_ostream &stream, const Report &report) {
  stream << report.location << ": error: " << report.kind << ": "
         << report.text;
  if (report.count > 1)
    stream << " (and " << report.count - 1 << " more)";
  stream << "\n";
  if (!report.otherLocation.empty())
    stream << report.otherLocation << ": note: " << report.otherText << "\n";
}
