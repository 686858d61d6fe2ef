//===- Choice.cpp - The cheapest of some configurations -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Choice.h"

#include "lib/Kernels/Common/Config.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::kernels;

/// Whether `op` says already what `candidate` says, or nothing.
static bool agrees(tok::KernelOp op, const Candidate &candidate) {
  return llvm::all_of(candidate.config, [&](const auto &entry) {
    auto [name, value] = entry;
    return !op.getConfig().contains(name) || configInt(op, name) == value;
  });
}

FailureOr<KernelChoice> kernels::chooseCheapest(tok::KernelOp op,
                                                ArrayRef<Candidate> candidates,
                                                StringRef unit,
                                                StringRef reason) {
  const Candidate *best = nullptr, *next = nullptr;
  for (const Candidate &candidate : candidates) {
    if (!agrees(op, candidate))
      continue;
    if (!best || candidate.cost < best->cost) {
      next = best;
      best = &candidate;
    } else if (!next || candidate.cost < next->cost) {
      next = &candidate;
    }
  }
  if (!best) {
    SmallVector<std::string> whats;
    for (const Candidate &candidate : candidates)
      whats.push_back(candidate.what);
    return op.emitOpError("of the family '")
           << op.getFamily()
           << "' expects knobs that one of its configurations "
           << "has (" << llvm::join(whats, "; ") << "), but got "
           << op.getConfig();
  }
  Builder builder(op.getContext());
  SmallVector<NamedAttribute> entries;
  for (auto [name, value] : best->config)
    entries.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  return KernelChoice{extendConfig(op, entries),
                      best->what,
                      next ? next->what : "none",
                      reason.str(),
                      best->cost,
                      next ? next->cost : 0,
                      unit};
}
