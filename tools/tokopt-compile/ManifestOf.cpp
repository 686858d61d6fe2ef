//===- ManifestOf.cpp - What the manifest says of a module ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

#include "dialects/Tok/TokOps.h"

using namespace llvm;
using namespace tokopt;

/// An integer of `dictionary`, 0 if it is not there.
static int64_t integer(mlir::DictionaryAttr dictionary, StringRef name) {
  auto attribute = dictionary.getAs<mlir::IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

static std::string string(mlir::DictionaryAttr dictionary, StringRef name) {
  auto attribute = dictionary.getAs<mlir::StringAttr>(name);
  return attribute ? attribute.getValue().str() : std::string();
}

/// The schedule op as the manifest has it.
static Manifest::Schedule scheduleOf(mlir::ModuleOp module) {
  Manifest::Schedule schedule;
  for (auto op : module.getOps<tok::ScheduleOp>()) {
    schedule.kind = static_cast<Manifest::Schedule::Kind>(op.getKind());
    schedule.budget = op.getBudget();
    if (auto groups = op.getGroups())
      for (size_t i = 0; i + 1 < groups->size(); ++i)
        schedule.groups.push_back({(*groups)[i], (*groups)[i + 1]});
  }
  return schedule;
}

Expected<Manifest> tokopt::makeManifest(mlir::ModuleOp module) {
  auto model = module->getAttrOfType<tok::ModelAttr>(tok::kModelAttrName);
  auto program =
      module->getAttrOfType<mlir::DictionaryAttr>(tok::kProgramAttrName);
  if (!model || !program)
    return createStringError("the module has no tok.model or no tok.program");
  Manifest manifest;
  manifest.producer = "tokopt " TOKOPT_VERSION;
  manifest.arch = model.getArch();
  manifest.modelName = model.getName();
  manifest.layers = model.getLayers();
  manifest.width = model.getWidth();
  manifest.vocab = model.getVocab();
  manifest.context = model.getContextLength();
  manifest.workspaceRowBytes = integer(program, "row_bytes");
  manifest.workspaceFixedBytes = integer(program, "fixed_bytes");
  manifest.scratchBytes = integer(program, "scratch_bytes");
  manifest.logitsStride = integer(program, "logits_stride");
  if (auto caches = program.getAs<mlir::ArrayAttr>("caches"))
    for (auto cache : caches.getAsRange<mlir::DictionaryAttr>())
      manifest.caches.push_back({string(cache, "name"), integer(cache, "slots"),
                                 integer(cache, "page_bytes")});
  if (auto kernels = program.getAs<mlir::ArrayAttr>("kernels"))
    for (auto kernel : kernels.getAsRange<mlir::DictionaryAttr>())
      manifest.kernels.push_back({string(kernel, "name"),
                                  string(kernel, "family"),
                                  string(kernel, "config")});
  if (auto probes =
          module->getAttrOfType<mlir::ArrayAttr>(tok::kProbesAttrName))
    for (auto probe : probes.getAsRange<mlir::DictionaryAttr>())
      manifest.probes.push_back(
          {integer(probe, "kernel"), string(probe, "label"),
           string(probe, "value"), string(probe, "type"),
           integer(probe, "columns"), string(probe, "rows")});
  manifest.schedule = scheduleOf(module);
  return manifest;
}
