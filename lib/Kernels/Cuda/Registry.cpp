//===- Registry.cpp - CUDA templates and architectures by name ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/Templates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

ArrayRef<const KernelTemplate *> tokopt::getCudaTemplates() {
  static const KernelTemplate *const kTemplates[] = {&rowwiseTemplate(),
                                                     &attentionTemplate()};
  return kTemplates;
}

const KernelTemplate *tokopt::findCudaTemplate(StringRef family) {
  for (const KernelTemplate *candidate : getCudaTemplates())
    if (candidate->getFamily() == family)
      return candidate;
  return nullptr;
}

/// Shared memory by the CUDA programming guide's table of compute
/// capabilities, less the 1 KiB that the system keeps of each block's.
static constexpr CudaArchitecture kArchitectures[] = {
    {"sm_80", /*capability=*/80, /*isSpecific=*/false, /*ptxVersion=*/70,
     /*sharedBytes=*/163 * 1024},
    {"sm_90a", /*capability=*/90, /*isSpecific=*/true, /*ptxVersion=*/80,
     /*sharedBytes=*/227 * 1024},
};

ArrayRef<CudaArchitecture> tokopt::getCudaArchitectures() {
  return kArchitectures;
}

const CudaArchitecture *tokopt::findCudaArchitecture(StringRef name) {
  for (const CudaArchitecture &architecture : kArchitectures)
    if (architecture.name == name)
      return &architecture;
  return nullptr;
}

TargetDescription
tokopt::describeCudaTarget(const CudaArchitecture &architecture) {
  return {architecture.name,       /*vectorBits=*/kChunkBytes * 8,
          /*vectorRegisters=*/255, /*hasDotProduct=*/true,
          /*hasTiles=*/false,      &architecture};
}

OwningOpRef<ModuleOp>
tokopt::emitCudaKernels(ModuleOp module, const CudaArchitecture &architecture) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  TargetDescription target = describeCudaTarget(architecture);
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  auto builder = OpBuilder::atBlockEnd(kernels->getBody());
  int64_t count = 0;
  WalkResult result = module.walk([&](tok::KernelOp op) -> WalkResult {
    const KernelTemplate *generator = findCudaTemplate(op.getFamily());
    if (!generator)
      return op.emitOpError("has no CUDA template for the family '")
             << op.getFamily() << "'";
    op.setConfigAttr(generator->choose(op, target).config);
    std::string name = (op.getFamily() + "_" + Twine(count++)).str();
    auto function =
        func::FuncOp::create(builder, op.getLoc(), name,
                             builder.getFunctionType(getArgumentTypes(op), {}));
    function.addEntryBlock();
    return generator->emit(op, function, target);
  });
  if (result.wasInterrupted())
    return nullptr;
  return kernels;
}
