//===- Counter.cpp - What accesses of a warp cost -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Counter.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <map>

using namespace llvm;
using namespace tokopt::sim;

/// Global memory moves in sectors; shared memory has banks of a word each, and
/// in one pass each bank gives one word (CUDA programming guide).
static constexpr uint64_t kSectorBytes = 32;
static constexpr uint64_t kBanks = 32, kWordBytes = 4;

/// Requests at a site that may wait for lanes.
static constexpr uint32_t kMostOpen = 4096;

using Addresses = SmallVector<uint64_t, kWarpThreads>;

/// Different ones of `bytes` / `unit` pieces from each of `addresses` on.
static SmallVector<uint64_t, 64> piecesOf(const Addresses &addresses,
                                          uint64_t bytes, uint64_t unit) {
  SmallVector<uint64_t, 64> pieces;
  for (uint64_t address : addresses)
    for (uint64_t piece = address / unit; piece <= (address + bytes - 1) / unit;
         ++piece)
      pieces.push_back(piece);
  llvm::sort(pieces);
  pieces.erase(llvm::unique(pieces), pieces.end());
  return pieces;
}

/// How often the busiest bank is needed.
static uint64_t passesOf(const Addresses &addresses, uint64_t bytes) {
  std::array<uint64_t, kBanks> words = {};
  for (uint64_t word : piecesOf(addresses, bytes, kWordBytes))
    ++words[word % kBanks];
  return *llvm::max_element(words);
}

void Counter::begin(uint32_t count, size_t sites) {
  counts.resize(2 * sites);
  warps.assign(count, {});
  for (Warp &warp : warps)
    warp.places.resize(2 * sites);
}

void Counter::access(uint32_t thread, uint32_t site, uint64_t address,
                     uint64_t bytes, bool isShared) {
  Warp &warp = warps[thread / kWarpThreads];
  uint32_t lane = thread % kWarpThreads;
  uint32_t place = 2 * site + isShared;
  Open &open = warp.places[place];
  if (open.requests.empty())
    warp.touched.push_back(place);
  open.bytes = bytes;
  // A thread that goes on alone, as one that spins, keeps nobody waiting.
  if (open.done[lane] == kMostOpen)
    close(place, open);
  uint32_t number = open.done[lane]++;
  if (number == open.requests.size())
    open.requests.emplace_back();
  Request &request = open.requests[number];
  request.lanes |= uint32_t(1) << lane;
  request.addresses[lane] = address;
}

void Counter::box(uint32_t site,
                  ArrayRef<std::pair<uint64_t, uint64_t>> pieces) {
  AccessCount &count = counts[2 * site];
  SmallVector<uint64_t> sectors;
  uint64_t bytes = 0;
  for (auto [address, size] : pieces) {
    bytes += size;
    for (uint64_t sector = address / kSectorBytes;
         sector <= (address + size - 1) / kSectorBytes; ++sector)
      sectors.push_back(sector);
  }
  llvm::sort(sectors);
  sectors.erase(llvm::unique(sectors), sectors.end());
  ++count.requests;
  count.bytes += bytes;
  count.units += sectors.size();
  count.fewest += divideCeil(bytes, kSectorBytes);
}

void Counter::close(uint32_t place, Open &open) {
  AccessCount &count = counts[place];
  bool isShared = place % 2;
  count.isShared = isShared;
  for (const Request &request : open.requests) {
    ++count.requests;
    // Shared memory serves 128 bytes a time: half a warp where each lane asks
    // for more than a word, a quarter where for more than two.
    uint32_t step = !isShared || open.bytes <= kWordBytes ? kWarpThreads
                    : open.bytes <= 2 * kWordBytes        ? kWarpThreads / 2
                                                          : kWarpThreads / 4;
    Addresses all;
    for (uint32_t first = 0; first < kWarpThreads; first += step) {
      Addresses some;
      for (uint32_t lane = first; lane < first + step; ++lane)
        if (request.lanes >> lane & 1)
          some.push_back(request.addresses[lane]);
      if (some.empty())
        continue;
      all.append(some);
      if (isShared) {
        ++count.fewest;
        count.units += passesOf(some, open.bytes);
      }
    }
    uint64_t bytes = piecesOf(all, open.bytes, 1).size();
    count.bytes += bytes;
    if (!isShared) {
      count.fewest += divideCeil(bytes, kSectorBytes);
      count.units += piecesOf(all, open.bytes, kSectorBytes).size();
    }
  }
  open.requests.clear();
  open.done = {};
}

void Counter::meet(uint32_t number) {
  Warp &warp = warps[number];
  for (uint32_t place : warp.touched)
    close(place, warp.places[place]);
  warp.touched.clear();
}

void Counter::meetAll() {
  for (uint32_t warp = 0; warp < warps.size(); ++warp)
    meet(warp);
}

std::vector<AccessCount> Counter::take(const std::vector<Site> &sites) const {
  // In the order of a file's lines, which are numbers.
  std::map<std::tuple<StringRef, unsigned, StringRef, bool>, AccessCount> lines;
  for (auto [place, count] : enumerate(counts)) {
    if (!count.requests)
      continue;
    const Site &site = sites[place / 2];
    auto [file, digits] = StringRef(site.location).rsplit(':');
    unsigned number = 0;
    if (digits.getAsInteger(10, number))
      file = site.location;
    AccessCount &line = lines[{file, number, site.what, count.isShared}];
    line.location = site.location;
    line.what = site.what;
    line.isShared = count.isShared;
    line.requests += count.requests;
    line.bytes += count.bytes;
    line.units += count.units;
    line.fewest += count.fewest;
  }
  std::vector<AccessCount> result;
  for (auto &[key, line] : lines)
    result.push_back(std::move(line));
  return result;
}

void tokopt::sim::print(raw_ostream &stream, const AccessCount &count) {
  stream << count.location << ": " << count.what
         << (count.isShared ? " of shared memory" : " of global memory") << ": "
         << count.requests << " requests, " << count.bytes << " bytes, "
         << count.units << (count.isShared ? " passes" : " sectors");
  if (count.units > count.fewest)
    stream << ", but " << count.fewest << " would do";
  stream << "\n";
}
