//===- Probes.cpp - What instrumented code tells --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Probes.h"
#include "Error.h"

#include <cinttypes>
#include <ctime>

using namespace tokrt;

static uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000u +
         static_cast<uint64_t>(time.tv_nsec);
}

void Probes::create(const tokrt_model_t *newModel, tokrt_probe_fn newListener,
                    void *newData, uint32_t mostRows) {
  model = newModel;
  listener = newListener;
  data = newData;
  outputs.reserve(mostRows); // steps allocate nothing
}

void Probes::beginStep(uint32_t newRows, const int32_t *newPos) {
  rows = newRows;
  pos = newPos;
  outputs.clear();
  bad = 0;
}

void Probes::startClock() { last = now(); }

void Probes::hear(uint64_t probe, uint64_t layer, uint64_t rowBegin,
                  uint64_t rowEnd, const void *row0, uint64_t rowBytes) {
  const Manifest &manifest = model->manifest;
  bool known = probe < manifest.probes.size();
  const ManifestProbe *entry = known ? &manifest.probes[probe] : nullptr;
  bool hasValue = known && !entry->value.empty();
  // Kernels over ranges that are empty may say so in any way.
  if (rowBegin >= rowEnd)
    rowBegin = rowEnd = 0;
  uint64_t most = known && entry->perOutput ? outputs.size() : rows;
  constexpr uint64_t kNone = UINT64_MAX;
  constexpr uint64_t kMostLayers = 1 << 24; // a stack may repeat layers
  if (!known || rowEnd > most || (layer != kNone && layer >= kMostLayers) ||
      (hasValue && (!row0 || rowBytes < entry->leastRowBytes()))) {
    if (!bad)
      bad = probe == kNone ? kNone : probe + 1;
    return;
  }
  tokrt_probe_event_t event{};
  event.probe = static_cast<uint32_t>(probe);
  event.layer = layer == kNone ? TOKRT_NO_LAYER : static_cast<uint32_t>(layer);
  event.nanoseconds = now() - last;
  event.rows = static_cast<uint32_t>(rowEnd - rowBegin);
  event.positions = (entry->perOutput ? outputs.data() : pos) + rowBegin;
  if (hasValue) {
    event.data = static_cast<const uint8_t *>(row0) + rowBegin * rowBytes;
    event.row_bytes = rowBytes;
  }
  listener(data, &event);
  last = now();
}

void Probes::hook(void *self, uint64_t probe, uint64_t layer, uint64_t rowBegin,
                  uint64_t rowEnd, const void *rows, uint64_t rowBytes) {
  static_cast<Probes *>(self)->hear(probe, layer, rowBegin, rowEnd, rows,
                                    rowBytes);
}

tokrt_status_t Probes::endStep(tokrt_error_t *error) const {
  if (!bad)
    return TOKRT_OK;
  return fail(error, TOKRT_INVALID_FILE,
              "%s: entry step: found probe %" PRIu64 " with a layer, rows or "
              "an address that cannot be, expected one of the %zu of the "
              "manifest; compile the model again",
              model->path.c_str(), bad - 1, model->manifest.probes.size());
}

size_t tokrt_model_probe_count(const tokrt_model_t *model) {
  return model->manifest.probes.size();
}

void tokrt_model_probe(const tokrt_model_t *model, size_t index,
                       tokrt_probe_t *out_probe) {
  const ManifestProbe &probe = model->manifest.probes[index];
  *out_probe = {};
  out_probe->kernel = probe.kernel;
  out_probe->label = probe.label.c_str();
  if (probe.value.empty())
    return;
  out_probe->value = probe.value.c_str();
  out_probe->type = probeTypeName(probe.type);
  out_probe->columns = probe.columns;
  out_probe->per_output = probe.perOutput;
}
