//===- Kernel.h - What lowering asks of kernel templates --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel template turns one `tok.kernel` into a function of upstream
// dialects for one target. Lowering finds templates by family through a
// registry and never includes a template's header.
//
// Every kernel function of the CPU has the same leading arguments:
//
//   (frame: ptr, worker: i64, row_begin: i64, row_end: i64, layer: i64,
//    weights: ptr..., inputs and outputs: ptr...)
//
// A buffer is passed as the address of its first row; the columns of rows and
// the pages of caches are read from the frame (docs/bundle.md), so such
// operands pass a null pointer.
//
// On CUDA the function is a kernel, and its blocks share the rows:
//
//   (frame: ptr<1>, row_begin: i64, row_end: i64, layer: i64,
//    weights: ptr<1>..., inputs and outputs: ptr<1>...)
//
// `tok.launch` on the function says with how many threads and how much shared
// memory, and how blocks share the work: `rows` each in x; `parts` of a row in
// y; in z any number up to `splits` shares a part, while there are at most
// `split_rows` rows. All addresses are of global memory, the frame's copy there
// included. Its slot `barrier` holds counters, an i32 for each row and part,
// that are zero before and after each kernel.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNEL_H
#define TOKOPT_KERNEL_H

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace tokopt {

/// An architecture of CUDA devices.
struct CudaArchitecture {
  /// `sm_80`, `sm_90a`.
  llvm::StringLiteral name;
  /// The compute capability times ten.
  int64_t capability;
  /// Whether instructions that only this capability has may be used (`a`).
  bool isSpecific;
  /// The oldest PTX version that has the architecture, times ten.
  int64_t ptxVersion;
  /// Bytes of shared memory a block can have.
  int64_t sharedBytes;
};

/// All architectures kernels are generated for.
llvm::ArrayRef<CudaArchitecture> getCudaArchitectures();

/// The architecture called `name`, or null.
const CudaArchitecture *findCudaArchitecture(llvm::StringRef name);

/// What a template may know of the machine it generates for.
struct TargetDescription {
  /// `avx2`, `avx512vnni`, `avx512amx`.
  llvm::StringRef name;
  /// Bits of a vector register.
  int64_t vectorBits;
  /// Registers a tile may fill.
  int64_t vectorRegisters;
  /// Whether u8 x s8 products of four are summed by one instruction.
  bool hasDotProduct;
  /// Whether products of matrix tiles of bytes are one instruction.
  bool hasTiles = false;
  /// The architecture of a CUDA target, null for a CPU.
  const CudaArchitecture *cuda = nullptr;

  /// f32 lanes of a register.
  int64_t lanes() const { return vectorBits / 32; }
};

/// The CPU target called `name`, or nothing.
std::optional<TargetDescription> findTarget(llvm::StringRef name);

/// The target of kernels for `architecture`.
TargetDescription describeCudaTarget(const CudaArchitecture &architecture);

/// The slots of the frame, in the order of docs/bundle.md.
enum class Slot : int64_t {
  Workers,
  Barrier,
  Yield,
  Weights,
  Rows,
  FullRows,
  LayerBegin,
  LayerEnd,
  Ids,
  Pos,
  Seq,
  Outs,
  Out,
  Logits,
  Sampling,
  Seeds,
  Tokens,
  Frontier,
  Workspace,
  Capacity,
  Scratch,
  Caches,
  Instrument,
  InstrumentData
};

/// The slot called `name`, or nothing.
std::optional<Slot> findSlot(llvm::StringRef name);

/// A choice for one kernel, as `--print-kernels` shows it.
struct KernelChoice {
  mlir::DictionaryAttr config;
  std::string chosen, runnerUp, reason;
};

/// Something of a template that the configuration of a kernel may choose.
struct KernelKnob {
  llvm::StringLiteral name, values, meaning;
};

/// A family of kernels on one target.
class KernelTemplate {
public:
  virtual ~KernelTemplate() = default;
  /// The family as `tok.kernel` names it.
  virtual llvm::StringRef getFamily() const = 0;
  /// What a configuration may say that `choose` would otherwise.
  virtual llvm::ArrayRef<KernelKnob> getKnobs() const { return {}; }
  /// Completes the configuration of `op` for `target` by the cost model.
  virtual KernelChoice choose(tok::KernelOp op,
                              const TargetDescription &target) const = 0;
  /// Bytes of scratch a worker needs to run `op`.
  virtual int64_t getScratchBytes(tok::KernelOp op,
                                  const TargetDescription &target) const {
    return 0;
  }
  /// Bytes that all workers share while they run `op`, behind the rows of the
  /// workspace.
  virtual int64_t getSharedBytes(tok::KernelOp op) const { return 0; }
  /// Fills `function`, whose entry block has the arguments described above.
  /// Emits an error at `op` when it cannot serve it.
  virtual mlir::LogicalResult emit(tok::KernelOp op,
                                   mlir::func::FuncOp function,
                                   const TargetDescription &target) const = 0;
};

/// The CPU template of `family`, or null.
const KernelTemplate *findCpuTemplate(llvm::StringRef family);

/// All CUDA templates.
llvm::ArrayRef<const KernelTemplate *> getCudaTemplates();

/// The CUDA template of `family`, or null.
const KernelTemplate *findCudaTemplate(llvm::StringRef family);

/// Completes the configuration of every `tok.kernel` of `module` and emits it
/// for `architecture` as a function of its own, named by its family and number,
/// in a new module. What cannot be
/// emitted is an error at its op, and gives null.
mlir::OwningOpRef<mlir::ModuleOp>
emitCudaKernels(mlir::ModuleOp module, const CudaArchitecture &architecture);

/// The function that waits until every worker has called it.
inline constexpr llvm::StringLiteral kBarrierName = "barrier";

/// Appends to `module` the function `kBarrierName(frame: ptr)`.
mlir::func::FuncOp emitCpuBarrier(mlir::ModuleOp module);

/// Bytes of `columns` inputs rounded to `compute`, in a buffer's row: the
/// values as i8, per block a scale (f32) and scale times sum (f32), per 16
/// inputs a sum (i32).
int64_t getQuantizedRowBytes(int64_t columns);

/// Bytes that `type` takes packed for the CPU (docs/bundle.md, "Packed
/// weights"), a multiple of 64.
int64_t getPackedBytes(mlir::RankedTensorType type);

/// Bytes of one page of `cache` on the CPU: for each layer and head a block of
/// keys (head size x slots), a block of values (slots x head size), and for i8
/// a scale a slot for each.
int64_t getCpuPageBytes(tok::CacheType cache);

} // namespace tokopt

#endif // TOKOPT_KERNEL_H
