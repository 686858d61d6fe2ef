//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest as JSON, and hashes.
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace tokopt;
using namespace llvm;

ArrayRef<StringLiteral> tokopt::getFrameSlots() {
  static constexpr StringLiteral kSlots[] = {
      "workers", "barrier",   "yield",       "weights",
      "rows",    "full_rows", "layer_begin", "layer_end",
      "ids",     "pos",       "seq",         "outs",
      "out",     "logits",    "sampling",    "seeds",
      "tokens",  "frontier",  "workspace",   "capacity",
      "scratch", "caches",    "instrument",  "instrument_data"};
  return kSlots;
}

Hash128 tokopt::hashBytes(ArrayRef<uint8_t> bytes) {
  XXH128_hash_t value = xxh3_128bits(bytes);
  Hash128 hash;
  support::endian::write64be(hash.data(), value.high64);
  support::endian::write64be(hash.data() + 8, value.low64);
  return hash;
}

std::string tokopt::hashToHex(const Hash128 &hash) {
  return toHex(hash, /*LowerCase=*/true);
}

/// Names come from the model file, which may contain any bytes.
static json::Value makeText(StringRef text) { return json::fixUTF8(text); }

static json::Array makeTexts(ArrayRef<std::string> texts) {
  json::Array array;
  for (StringRef text : texts)
    array.push_back(makeText(text));
  return array;
}

static json::Object makeSchedule(const Manifest::Schedule &schedule) {
  switch (schedule.kind) {
  case Manifest::Schedule::Kind::Whole:
    return json::Object{{"kind", "whole"}};
  case Manifest::Schedule::Kind::Chunked:
    return json::Object{{"kind", "chunked"}, {"budget", schedule.budget}};
  case Manifest::Schedule::Kind::Layered: {
    json::Array groups;
    for (auto [begin, end] : schedule.groups)
      groups.push_back(json::Array{begin, end});
    return json::Object{{"kind", "layered"},
                        {"budget", schedule.budget},
                        {"groups", std::move(groups)}};
  }
  }
  llvm_unreachable("unknown kind of schedule");
}

static json::Array makePasses(ArrayRef<Manifest::Pass> passes) {
  json::Array array;
  for (const Manifest::Pass &pass : passes)
    array.push_back(json::Object{{"name", makeText(pass.name)},
                                 {"options", makeText(pass.options)},
                                 {"contract", makeText(pass.contract)}});
  return array;
}

static json::Object makeGoldens(const Manifest::Goldens &goldens) {
  json::Array sequences;
  for (const Manifest::Goldens::Sequence &sequence : goldens.sequences) {
    json::Array outputs;
    for (const Manifest::Goldens::Output &output : sequence.outputs) {
      json::Array logits;
      for (auto [id, logit] : output.logits)
        logits.push_back(json::Array{id, logit});
      outputs.push_back(json::Object{{"position", output.position},
                                     {"rms", output.rms},
                                     {"logits", std::move(logits)}});
    }
    sequences.push_back(json::Object{{"ids", json::Array(sequence.ids)},
                                     {"outputs", std::move(outputs)}});
  }
  return json::Object{{"producer", makeText(goldens.producer)},
                      {"passes", makePasses(goldens.passes)},
                      {"tolerance", goldens.tolerance},
                      {"sequences", std::move(sequences)}};
}

static json::Array makeProbes(ArrayRef<Manifest::Probe> probes) {
  json::Array array;
  for (const Manifest::Probe &probe : probes) {
    json::Object entry{{"kernel", probe.kernel},
                       {"label", makeText(probe.label)}};
    if (!probe.value.empty()) {
      entry["value"] = makeText(probe.value);
      entry["type"] = makeText(probe.type);
      entry["columns"] = probe.columns;
      entry["rows"] = makeText(probe.rows);
    }
    array.push_back(std::move(entry));
  }
  return array;
}

std::string tokopt::printManifest(const Manifest &manifest,
                                  ArrayRef<ManifestLevel> levels,
                                  int64_t weightBytes, StringRef weightHash) {
  json::Array frame;
  for (StringRef slot : getFrameSlots())
    frame.push_back(slot);

  json::Array levelArray;
  for (const ManifestLevel &level : levels) {
    json::Object entries;
    for (const auto &[name, address] : level.entries)
      entries[name] = address;
    levelArray.push_back(json::Object{{"name", makeText(level.name)},
                                      {"features", makeTexts(level.features)},
                                      {"entries", std::move(entries)}});
  }

  json::Array caches, kernels;
  for (const Manifest::Cache &cache : manifest.caches)
    caches.push_back(json::Object{{"name", makeText(cache.name)},
                                  {"slots", cache.slots},
                                  {"page_bytes", cache.pageBytes}});
  for (const Manifest::Kernel &kernel : manifest.kernels)
    kernels.push_back(json::Object{{"name", makeText(kernel.name)},
                                   {"family", makeText(kernel.family)},
                                   {"config", makeText(kernel.config)}});

  json::Object root{
      {"format", 1},
      {"producer", makeText(manifest.producer)},
      {"machine", "x86_64"},
      {"backend", makeText(manifest.backend)},
      {"model", json::Object{{"arch", makeText(manifest.arch)},
                             {"name", makeText(manifest.modelName)},
                             {"layers", manifest.layers},
                             {"width", manifest.width},
                             {"vocab", manifest.vocab},
                             {"context", manifest.context}}},
      {"frame", std::move(frame)},
      {"levels", std::move(levelArray)},
      {"workspace",
       json::Object{{"row_bytes", manifest.workspaceRowBytes},
                    {"fixed_bytes", manifest.workspaceFixedBytes}}},
      {"scratch_bytes", manifest.scratchBytes},
      {"logits_stride", manifest.logitsStride},
      {"caches", std::move(caches)},
      {"schedule", makeSchedule(manifest.schedule)},
      {"weights", json::Object{{"bytes", weightBytes}, {"hash", weightHash}}},
      {"source", json::Object{{"name", makeText(manifest.sourceName)},
                              {"bytes", manifest.sourceBytes},
                              {"hash", makeText(manifest.sourceHash)}}},
      {"kernels", std::move(kernels)},
      {"passes", makePasses(manifest.passes)},
  };
  if (!manifest.probes.empty())
    root["probes"] = makeProbes(manifest.probes);
  if (!manifest.altered.empty())
    root["altered"] = makeTexts(manifest.altered);
  if (manifest.goldens)
    root["goldens"] = makeGoldens(*manifest.goldens);
  // Keys are printed in sorted order, whatever the order above.
  return formatv("{0}", json::Value(std::move(root)));
}
