//===- Cuda.h - The parts of the CUDA target --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_CUDA_CUDA_H
#define TOKOPT_LIB_TARGET_CUDA_CUDA_H

#include "tokopt/CudaTarget.h"

namespace llvm {
class Instruction;
class Module;
} // namespace llvm

namespace mlir {
class PassManager;
} // namespace mlir

namespace tokopt {

/// What `tok.launch` of `function` says. What no kernel can be is an error at
/// the function.
mlir::FailureOr<CudaKernel> readKernel(mlir::func::FuncOp function);

/// Turns functions with `tok.launch` into kernels of the LLVM dialect and drops
/// the others.
mlir::FailureOr<std::vector<CudaKernel>> makeKernels(mlir::ModuleOp module);

/// Adds the passes that leave nothing but the LLVM and NVVM dialects.
void addCudaLoweringPasses(mlir::PassManager &pm);

/// Fails if `module`, of the LLVM dialect, has an op over which translation to
/// LLVM IR would end the process. The error is at the op.
mlir::LogicalResult checkTranslation(mlir::ModuleOp module);

/// Fails if `module` has an instruction that `architecture` lacks or that
/// nobody has told us about. The backend would end the process over it.
llvm::Error checkInstructions(const llvm::Module &module,
                              const CudaArchitecture &architecture);

/// The part of it that is about LLVM's own: types, scopes, intrinsics.
llvm::Error checkSelectable(const llvm::Instruction &instruction,
                            const CudaArchitecture &architecture);
/// And about what is no function.
llvm::Error checkGlobals(const llvm::Module &module,
                         const CudaArchitecture &architecture);

/// An error at the line from which `instruction` comes.
llvm::Error makeInstructionError(const llvm::Instruction &instruction,
                                 const CudaArchitecture &architecture,
                                 const llvm::Twine &message);

/// Optimizes `module` and fills in IR, hash and PTX of `code`.
llvm::Error generatePtx(llvm::Module &module,
                        const CudaArchitecture &architecture, CudaCode &code);

/// What `ptxas` says of its version. Fails if it is too old.
llvm::Expected<std::string> getPtxasVersion(llvm::StringRef ptxas);

/// `assemblePtx` with a ptxas whose version is known to do.
llvm::Expected<CudaBinary>
assembleChecked(llvm::StringRef ptxas, llvm::StringRef ptx,
                const CudaArchitecture &architecture);

} // namespace tokopt

#endif // TOKOPT_LIB_TARGET_CUDA_CUDA_H
