//===- Registry.cpp - Templates and slots by name -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Kernel.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tokopt;

namespace {
struct Added {
  std::string target;
  const KernelTemplate *made;
};
} // namespace

static std::vector<Added> &plugins() {
  static std::vector<Added> templates;
  return templates;
}

void tokopt::addKernelTemplate(StringRef target, const KernelTemplate &added) {
  plugins().push_back({target.str(), &added});
}

/// All templates of `target`; the first of a family counts.
static SmallVector<const KernelTemplate *>
getTemplates(const KernelTarget &target) {
  SmallVector<const KernelTemplate *> templates;
  for (const Added &added : llvm::reverse(plugins()))
    if (added.target == target.getName())
      templates.push_back(added.made);
  llvm::append_range(templates, target.getTemplates());
  return templates;
}

/// Templates compute with their knobs before they emit anything, so what no
/// kernel can be made with must not reach them.
static LogicalResult checkKnobs(tok::KernelOp op,
                                const KernelTemplate &generator) {
  for (const KernelKnob &knob : generator.getKnobs()) {
    Attribute found = op.getConfig().get(knob.name);
    if (!found)
      continue;
    auto value = dyn_cast<IntegerAttr>(found);
    if (!value || !value.getType().isSignlessInteger(64) ||
        !knob.accepts(op, value.getInt()))
      return op.emitOpError("of the family '")
             << op.getFamily() << "' expects the knob '" << knob.name
             << "' to be " << knob.values << " (an i64), but got " << found;
  }
  return success();
}

/// What a template does not know it would drop in silence. As with attributes
/// of ops, a name with a prefix (`test.copy`) belongs to somebody else.
static LogicalResult checkKeys(tok::KernelOp op,
                               const KernelTemplate &generator,
                               const KernelTarget &target) {
  std::optional<ArrayRef<StringLiteral>> keys = generator.getKeys();
  if (!keys)
    return success();
  SmallVector<StringRef> known(*keys);
  for (const KernelKnob &knob : generator.getKnobs())
    known.push_back(knob.name);
  for (NamedAttribute entry : op.getConfig())
    if (!entry.getName().getValue().contains('.') &&
        !llvm::is_contained(known, entry.getName().getValue()))
      return op.emitOpError("of the family '")
             << op.getFamily() << "' has the key '"
             << entry.getName().getValue()
             << "', but the template of the target '" << target.getName()
             << "' knows " << llvm::join(known, ", ") << " only";
  return success();
}

FailureOr<const KernelTemplate *>
tokopt::findKernelTemplate(tok::KernelOp op, const KernelTarget &target) {
  SmallVector<const KernelTemplate *> templates = getTemplates(target);
  for (const KernelTemplate *candidate : templates)
    if (candidate->getFamily() == op.getFamily()) {
      if (failed(checkKeys(op, *candidate, target)) ||
          failed(checkKnobs(op, *candidate)))
        return failure();
      return candidate;
    }
  SmallVector<StringRef> families;
  for (const KernelTemplate *candidate : templates)
    families.push_back(candidate->getFamily());
  return op.emitOpError("has the family '")
         << op.getFamily() << "', but the target '" << target.getName()
         << "' has templates for " << llvm::join(families, ", ") << " only";
}

std::optional<Slot> tokopt::findSlot(StringRef name) {
  static constexpr llvm::StringLiteral kNames[] = {
      "workers", "barrier",   "yield",       "weights",
      "rows",    "full_rows", "layer_begin", "layer_end",
      "ids",     "pos",       "seq",         "outs",
      "out",     "logits",    "sampling",    "seeds",
      "tokens",  "frontier",  "workspace",   "capacity",
      "scratch", "caches",    "instrument",  "instrument_data"};
  for (auto [index, candidate] : llvm::enumerate(kNames))
    if (candidate == name)
      return static_cast<Slot>(index);
  return std::nullopt;
}
