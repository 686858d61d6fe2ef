//===- Registry.cpp - CUDA as a target, and its architectures -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Codecs.h"
#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Common/QuantizedRow.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/Templates.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

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

namespace {

struct CudaTarget : KernelTarget {
  CudaTarget() {
    for (const CudaArchitecture &architecture : llvm::reverse(kArchitectures))
      machines.push_back({architecture.name, /*vectorBits=*/kChunkBytes * 8,
                          /*vectorRegisters=*/255, /*hasDotProduct=*/true,
                          /*hasTiles=*/false, /*cycles=*/{}, &architecture});
  }

  StringRef getName() const override { return "cuda"; }
  ArrayRef<TargetDescription> getMachines() const override { return machines; }
  ArrayRef<const KernelTemplate *> getTemplates() const override {
    static const KernelTemplate *const templates[] = {
        &rowwiseTemplate(), &attentionTemplate(), &linearTemplate()};
    return templates;
  }

  /// Blocks do not wait for each other but at the end of a kernel.
  int64_t getFewRows() const override { return 0; }
  std::optional<int64_t> getPageBytes(tok::CacheType cache) const override {
    return kernels::PageLayout(cache).pageBytes;
  }
  std::optional<int64_t> getRoundedRowBytes(int64_t columns) const override {
    return kernels::QuantizedRow(columns).rowBytes();
  }
  /// The panels of the CPU are also those of tensor cores (PackedTile.h). No
  /// template reads matrices of f32.
  std::optional<int64_t> getPackedBytes(RankedTensorType type) const override {
    if (type.getRank() != 1 && type.getElementType().isF32())
      return std::nullopt;
    return kernels::getPackedBytes(type);
  }
  func::FuncOp emitBarrier(ModuleOp) const override { return {}; }

private:
  SmallVector<TargetDescription> machines;
};

} // namespace

const KernelTarget &cuda::target() {
  static const CudaTarget instance;
  return instance;
}

/// Holds what a template emitted to what nobody behind it asks again.
static LogicalResult checkEmitted(tok::KernelOp op, func::FuncOp function) {
  if (failed(mlir::verify(function)))
    return op.emitOpError("of the family '")
           << op.getFamily()
           << "' became a kernel that is not valid: its template is wrong";
  // Without it the function is no kernel, and would be dropped.
  if (!function->hasAttr(tok::kLaunchAttrName))
    return op.emitOpError("of the family '")
           << op.getFamily() << "' became a function without '"
           << tok::kLaunchAttrName
           << "': its template must say how it is launched (Emitter::finish)";
  return success();
}

OwningOpRef<ModuleOp>
tokopt::emitCudaKernels(ModuleOp module, const CudaArchitecture &architecture) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  const TargetDescription *machine = llvm::find_if(
      cuda::target().getMachines(), [&](const TargetDescription &candidate) {
        return candidate.name == architecture.name;
      });
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  auto builder = OpBuilder::atBlockEnd(kernels->getBody());
  int64_t count = 0;
  WalkResult result = module.walk([&](tok::KernelOp op) -> WalkResult {
    FailureOr<const KernelTemplate *> generator =
        findKernelTemplate(op, cuda::target());
    if (failed(generator))
      return failure();
    FailureOr<KernelChoice> choice = (*generator)->choose(op, *machine);
    if (failed(choice))
      return failure();
    op.setConfigAttr(choice->config);
    std::string name = (op.getFamily() + "_" + Twine(count++)).str();
    auto function =
        func::FuncOp::create(builder, op.getLoc(), name,
                             builder.getFunctionType(getArgumentTypes(op), {}));
    function.addEntryBlock();
    if (failed((*generator)->emit(op, function, *machine)))
      return failure();
    return checkEmitted(op, function);
  });
  if (result.wasInterrupted())
    return nullptr;
  return kernels;
}
