//===- QuantizeCache.cpp - Store keys and values in fewer bits ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding a row of a head by its largest magnitude, as KVQuant (Hooper et al.
// 2024, section 3.1) does for values per token; keys are treated alike.
//
// Contract: lossy<format, f32>.
//
//===----------------------------------------------------------------------===//

#include "passes/Cache/Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSwitch.h"

namespace tokopt {
#define GEN_PASS_DEF_QUANTIZECACHEPASS
#include "passes/Cache/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("QuantizeCache").category("tok-quantize-cache");

namespace {

struct QuantizeCachePass
    : tokopt::impl::QuantizeCachePassBase<QuantizeCachePass> {
  using QuantizeCachePassBase::QuantizeCachePassBase;

  void runOnOperation() override {
    Builder builder(&getContext());
    Type element = llvm::StringSwitch<Type>(format)
                       .Case("f16", builder.getF16Type())
                       .Case("i8", builder.getI8Type())
                       .Case("f32", builder.getF32Type())
                       .Default(Type());
    if (!element) {
      emitError(getOperation().getLoc())
          << "tok-quantize-cache: expects format = f16, i8 or f32, but got '"
          << format << "'";
      return signalPassFailure();
    }
    bool found = false, changed = false;
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](tok::CacheType cache) -> std::optional<Type> {
      tok::CacheType replaced = cache.withElementTypes(element, element);
      found = true;
      changed |= replaced != cache;
      return replaced;
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    Location loc = getOperation().getLoc();
    if (changed)
      remark::passed(loc, kRemark)
          << remark::add("changed how keys and values are stored")
          << remark::metric("format", format.getValue());
    else
      remark::missed(loc, kRemark)
          << remark::add(found ? "keys and values are stored so already"
                               : "the module has no cache");
  }
};

} // namespace
