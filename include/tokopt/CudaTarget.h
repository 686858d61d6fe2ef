//===- CudaTarget.h - From upstream IR to cubin -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CUDA target: functions with `tok.launch`, made of arith, math, scf, cf,
// vector, nvvm and llvm, become LLVM IR, then PTX, in process; NVIDIA's ptxas
// makes cubin of it. The simulator (include/tokopt/Sim.h) executes the very
// LLVM IR of which the PTX is made.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_CUDATARGET_H
#define TOKOPT_CUDATARGET_H

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace tokopt {

/// An argument of a kernel that is a map of a tensor in global memory, and what
/// the launcher asks the driver for (`maps` of `tok.launch`; CUDA driver API,
/// cuTensorMapEncodeTiled). Dimensions begin with the innermost.
struct CudaTensorMap {
  /// The number of the argument.
  int64_t argument;
  /// What holds the tensor: the argument of that number, or the pages of the
  /// cache of that number; the other is -1.
  int64_t buffer, cache;
  /// The elements as MLIR names them (`f16`), and their size.
  std::string element;
  int64_t elementBytes;
  /// Elements of each dimension. The last may be -1: as many as are there.
  llvm::SmallVector<int64_t> sizes;
  /// Bytes from an element to the next, of all dimensions but the innermost.
  llvm::SmallVector<int64_t> strides;
  llvm::SmallVector<int64_t> box;
  /// Bytes of a row of a box whose chunks are swizzled: 32, 64, 128 or 0.
  int64_t swizzle;

  /// Elements of the last dimension of a tensor of `bytes` bytes.
  int64_t lastSize(int64_t bytes) const {
    int64_t each = strides.empty() ? elementBytes : strides.back();
    return sizes.back() < 0 ? bytes / each : sizes.back();
  }
};

/// The maps that a function with `tok.launch` takes. What the driver would
/// refuse is an error at the function.
mlir::FailureOr<std::vector<CudaTensorMap>>
readTensorMaps(mlir::func::FuncOp function);

/// What a kernel needs to be launched.
struct CudaKernel {
  std::string name;
  int64_t threads, sharedBytes;
  /// Rows of a block, blocks that a row takes, and blocks that may share each
  /// (`tok.launch`).
  int64_t rows = 1, parts = 1, splits = 1;
  std::vector<CudaTensorMap> maps = {};
};

/// What is left of a module that was compiled for one architecture.
struct CudaCode {
  std::vector<CudaKernel> kernels;
  /// The optimized LLVM IR that the backend gets.
  std::string llvmIR;
  /// The first 16 hexadecimal digits of its SHA-256.
  std::string hash;
  std::string ptx;
};

/// The kernels of `module`, each in a module of its own with all that is no
/// function: what is compiled, simulated and kept is the same whatever stands
/// beside it.
std::vector<mlir::OwningOpRef<mlir::ModuleOp>>
splitCudaKernels(mlir::ModuleOp module);

/// Compiles the kernels of `module`, which is lowered in place and of no use
/// afterwards; its other functions are dropped.
llvm::Expected<CudaCode>
compileCudaModule(mlir::ModuleOp module, const CudaArchitecture &architecture);

/// What ptxas says of a kernel.
struct PtxasKernel {
  std::string name;
  int64_t registers = 0, stackBytes = 0, spillStoreBytes = 0,
          spillLoadBytes = 0, sharedBytes = 0, barriers = 0;
};

/// What ptxas makes of a module.
struct CudaBinary {
  std::vector<PtxasKernel> kernels;
  /// Its remarks on performance: C75xx says that it gave up an optimization.
  std::vector<std::string> notes;
  std::string cubin;
};

/// The ptxas that is used: `$TOKOPT_PTXAS` if it is set, else that of
/// `$CUDA_HOME`, of the search path, of a toolkit at its usual place, or of
/// scripts/setup. An error says where one was looked for.
llvm::Expected<std::string> findPtxas();

/// Assembles `ptx`. Fails where ptxas does, and if it is too old.
llvm::Expected<CudaBinary> assemblePtx(llvm::StringRef ptxas,
                                       llvm::StringRef ptx,
                                       const CudaArchitecture &architecture);

/// Fails if a kernel spills registers or ptxas gave up an optimization.
llvm::Error checkBinary(const CudaBinary &binary);

/// A kernel that a driver can load, and where it comes from.
struct CudaImage {
  CudaKernel kernel;
  /// That of the LLVM IR (`CudaCode`).
  std::string hash;
  std::string ptx;
  CudaBinary binary;
  /// Whether it was made earlier and kept.
  bool isFromCache = false;
};

/// How kernels are built.
struct CudaBuildOptions {
  std::string ptxas;
  /// The folder in which kernels are kept; none if empty.
  std::string cache;
};

struct CudaBuild {
  /// In the order of the module.
  std::vector<CudaImage> images;
  /// Why kernels could not be kept; empty if they were.
  std::string cacheProblem;
};

/// Compiles and assembles every kernel of `module`, which stays as it is, side
/// by side. Those that were built before from the same IR by the same programs
/// come from the cache.
llvm::Expected<CudaBuild> buildCudaKernels(mlir::ModuleOp module,
                                           const CudaArchitecture &architecture,
                                           const CudaBuildOptions &options);

/// Where kernels are kept: `$TOKOPT_CACHE` if it is set, which may be empty,
/// else `tokopt/kernels` in the user's folder of caches (`$XDG_CACHE_HOME` or
/// `~/.cache`). Empty if there is none.
std::string getCudaCacheFolder();

/// Most bytes that are kept; what has not been used for longest goes first.
inline constexpr uint64_t kCudaCacheBytes = uint64_t(256) << 20;

} // namespace tokopt

#endif // TOKOPT_CUDATARGET_H
