//===- QuantizeActivations.cpp - Round the inputs of linears --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dynamic symmetric rounding by the largest magnitude of 32 inputs, as in
// Dettmers et al., 8-bit Optimizers via Block-wise Quantization, section 2.1,
// with a linear code.
//
// Contract: lossy<format, f32>.
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace tokopt {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

static constexpr int64_t kBlock = 32;
static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("QuantizeActivations")
        .category("tok-quantize-activations");

namespace {

struct QuantizeActivationsPass
    : tokopt::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    if (format != "i8" && format != "f32") {
      emitError(getOperation().getLoc())
          << "tok-quantize-activations: expects format = i8 or f32, but got '"
          << format << "'";
      return signalPassFailure();
    }
    tok::ComputeAttr compute;
    if (format == "i8")
      compute = tok::ComputeAttr::get(
          &getContext(), IntegerType::get(&getContext(), 8), kBlock);
    SymbolTable symbols(getOperation());
    getOperation().walk([&](tok::LinearOp linear) {
      auto weight = symbols.lookup<tok::WeightOp>(linear.getWeight());
      RankedTensorType type = weight.getTensorType();
      if (!isa<tok::FormatInterface>(type.getElementType())) {
        remark::missed(linear.getLoc(), kRemark)
            << remark::add("the weight is not in a block format");
        return;
      }
      if (type.getDimSize(1) % kBlock) {
        remark::missed(linear.getLoc(), kRemark)
            << remark::add("the inputs are no multiple of 32");
        return;
      }
      if (linear.getComputeAttr() == compute) {
        remark::missed(linear.getLoc(), kRemark)
            << remark::add(compute ? "the inputs are rounded already"
                                   : "the inputs are whole already");
        return;
      }
      if (compute)
        linear.setComputeAttr(compute);
      else
        linear.removeComputeAttr();
      remark::passed(linear.getLoc(), kRemark)
          << remark::add(compute ? "rounded the inputs"
                                 : "took the rounding of the inputs away");
    });
  }
};

} // namespace
