//===- Profile.cpp - Time by kernel ---------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

#include <algorithm>
#include <cinttypes>
#include <map>

using Json = nlohmann::ordered_json;

Profile::Profile(const tokrt_model_t *model) {
  std::map<uint32_t, size_t> places;
  for (size_t i = 0; i < tokrt_model_probe_count(model); ++i) {
    tokrt_probe_t probe;
    tokrt_model_probe(model, i, &probe);
    auto [place, isNew] = places.try_emplace(probe.kernel, kernels.size());
    if (isNew)
      kernels.push_back({probe.kernel, probe.label});
    probes.emplace_back(place->second, isNew);
  }
}

void Profile::add(const tokrt_probe_event_t &event) {
  auto [place, isFirst] = probes[event.probe];
  kernels[place].calls += isFirst;
  kernels[place].nanoseconds += event.nanoseconds;
}

uint64_t Profile::total() const {
  uint64_t sum = 0;
  for (const Kernel &kernel : kernels)
    sum += kernel.nanoseconds;
  return sum;
}

std::vector<Profile::Kernel> Profile::ranked() const {
  std::vector<Kernel> list;
  for (const Kernel &kernel : kernels)
    if (kernel.calls)
      list.push_back(kernel);
  std::sort(list.begin(), list.end(), [](const Kernel &a, const Kernel &b) {
    return a.nanoseconds != b.nanoseconds ? a.nanoseconds > b.nanoseconds
                                          : a.number < b.number;
  });
  return list;
}

static double shareOf(uint64_t part, uint64_t whole) {
  return whole ? double(part) / double(whole) : 0;
}

Json Profile::toJson() const {
  uint64_t sum = total();
  Json list = Json::array();
  for (const Kernel &kernel : ranked())
    list.push_back({{"kernel", kernel.number},
                    {"label", kernel.label},
                    {"calls", kernel.calls},
                    {"microseconds", double(kernel.nanoseconds) / 1000},
                    {"share", shareOf(kernel.nanoseconds, sum)}});
  return list;
}

void Profile::print(FILE *out) const {
  uint64_t sum = total();
  std::vector<Kernel> list = ranked();
  fprintf(out,
          "%.3f ms in %zu kernels, on the clock of worker 0, waits for other "
          "workers included:\n",
          double(sum) / 1e6, list.size());
  fprintf(out, "%7s %12s %9s %12s  %s\n", "share", "ms", "calls", "us a call",
          "kernel");
  for (const Kernel &kernel : list)
    fprintf(out, "%6.1f%% %12.3f %9" PRIu64 " %12.2f  %u %s\n",
            100 * shareOf(kernel.nanoseconds, sum),
            double(kernel.nanoseconds) / 1e6, kernel.calls,
            double(kernel.nanoseconds) / 1e3 / double(kernel.calls),
            kernel.number, kernel.label);
}
