//===- PluginTemplates.cpp - Templates from outside -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;
using namespace tokopt;

namespace {

/// A kernel that does nothing, which is enough to see whose it is.
struct Idle : KernelTemplate {
  explicit Idle(StringRef family) : family(family) {}

  StringRef getFamily() const override { return family; }
  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "nothing", "none", "a plugin says so"};
  }
  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &) const override {
    auto builder = OpBuilder::atBlockEnd(&function.getBody().front());
    func::ReturnOp::create(builder, op.getLoc());
    return success();
  }

  StringRef family;
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "TokPluginTemplates", "0.1", [] {
            static const Idle rowwise("rowwise"), embed("embed");
            addKernelTemplate("cpu", rowwise);
            addKernelTemplate("cuda", embed);
          }};
}
