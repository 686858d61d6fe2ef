//===- Reports.cpp - What a kernel must not do ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt::sim;

std::string Machine::whereIs(uint32_t number, uint32_t thread) const {
  return ("block (" + Twine(number % launch.grid[0]) + ", " +
          Twine(number / launch.grid[0] % launch.grid[1]) + ", " +
          Twine(number / launch.grid[0] / launch.grid[1]) + ") " +
          agents.describe(thread))
      .str();
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
  std::string place = memory.describe(conflict.address);
  if (conflict.kind == Conflict::Unwritten)
    return report("unwritten", site, running,
                  "at " + place + ", which nothing has written");
  if (conflict.kind == Conflict::InFlight)
    return report("in flight", site, running,
                  "at " + place + ", where a copy has not arrived",
                  conflict.other.site,
                  program.sites[conflict.other.site].what + " by " +
                      whereIs(conflict.other.block, conflict.other.thread));
  if (conflict.kind == Conflict::SourceInFlight)
    return report("in flight", site, running,
                  "at " + place + ", which a copy on its way still reads",
                  conflict.other.site,
                  program.sites[conflict.other.site].what + " by " +
                      whereIs(conflict.other.block, conflict.other.thread));
  if (conflict.kind == Conflict::Unfenced)
    return report("missing proxy fence", site, running,
                  "at " + place +
                      " is of the async proxy, and no fence.proxy.async makes "
                      "the ordinary write before it visible there",
                  conflict.other.site,
                  program.sites[conflict.other.site].what + " by " +
                      whereIs(conflict.other.block, conflict.other.thread));
  const Clock *rumour =
      threads[running].view.rumours.find(conflict.other.block);
  if (conflict.other.block != block && rumour &&
      conflict.other.thread < rumour->size() &&
      conflict.other.clock <= (*rumour)[conflict.other.thread])
    return report("missing fence", site, running,
                  "at " + place +
                      " comes after the other access by an atomic, but without "
                      "a fence of all blocks on both sides",
                  conflict.other.site,
                  program.sites[conflict.other.site].what + " by " +
                      whereIs(conflict.other.block, conflict.other.thread));
  StringRef order = conflict.kind == Conflict::WriteAfterRead
                        ? " is not ordered after the read"
                        : " is not ordered after the write";
  report("race", site, running, "at " + place + order, conflict.other.site,
         program.sites[conflict.other.site].what + " by " +
             whereIs(conflict.other.block, conflict.other.thread));
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
