//===- Kernel.h - What lowering asks of kernel templates --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel template turns one `tok.kernel` into a function of upstream
// dialects for one machine. Machines that run the same program over the same
// image of weights are a target: lowering asks it for templates and layouts by
// name and never includes a template's header.
//
// Every kernel function of the target `cpu` has the same leading arguments:
//
//   (frame: ptr, worker: i64, row_begin: i64, row_end: i64, layer: i64,
//    weights: ptr..., inputs and outputs: ptr...)
//
// A buffer is passed as the address of its first row; the columns of rows and
// the pages of caches are read from the frame (docs/bundle.md), so such
// operands pass a null pointer.
//
// On `cuda` the function is a kernel, and its blocks share the rows:
//
//   (frame: ptr<1>, row_begin: i64, row_end: i64, layer: i64,
//    weights: ptr<1>..., inputs and outputs: ptr<1>...)
//
// `tok.launch` on the function says with how many threads and how much shared
// memory, and how blocks share the work: `rows` each in x; `parts` of a row in
// y; in z any number up to `splits` shares a part, while there are at most
// `split_rows` rows. Registers are given out for `blocks` of them on a
// multiprocessor. All addresses are of global memory, the frame's copy there
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

/// How fast a core is. Bytes a cycle are those of a core whose neighbours read
/// as well.
struct CycleCounts {
  /// Vector operations, and vector loads or stores, that begin in a cycle.
  double operations, accesses;
  /// Cycles from a multiply-add to one that needs its sum, and what a sum waits
  /// besides when it goes through memory.
  double latency, storeLatency;
  /// Bytes of the first cache.
  int64_t firstCacheBytes;
  /// Bytes a cycle from the second cache and from memory.
  double secondCacheRate, memoryRate;
};

/// What a template may know of the machine it generates for.
struct TargetDescription {
  /// An ISA level (`avx2`, `avx512amx`) or an architecture (`sm_80`).
  llvm::StringRef name;
  /// Bits of a vector register.
  int64_t vectorBits;
  /// Registers a tile may fill.
  int64_t vectorRegisters;
  /// Whether u8 x s8 products of four are summed by one instruction.
  bool hasDotProduct;
  /// Whether products of matrix tiles of bytes are one instruction.
  bool hasTiles = false;
  /// What costs are counted with; the CUDA templates have no costs yet.
  CycleCounts cycles = {};
  /// The architecture of a CUDA target, null for a CPU.
  const CudaArchitecture *cuda = nullptr;

  /// f32 lanes of a register.
  int64_t lanes() const { return vectorBits / 32; }
};

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
  /// What each costs, in `unit`; no unit where there was nothing to choose.
  double cost = 0, runnerUpCost = 0;
  llvm::StringRef unit = "";
};

/// Something of a template that the configuration of a kernel may choose: an
/// i64.
struct KernelKnob {
  /// `values` says in words which there are.
  llvm::StringLiteral name, values, meaning;
  /// Whether `value` is one of them for `op`.
  bool (*accepts)(tok::KernelOp op, int64_t value);
};

/// A family of kernels on one target. What it needs of memory is the same on
/// all machines of the target, since they run the same program.
class KernelTemplate {
public:
  virtual ~KernelTemplate() = default;
  /// The family as `tok.kernel` names it.
  virtual llvm::StringRef getFamily() const = 0;
  /// What a configuration says besides knobs, what lowering adds included. Any
  /// other key is an error, since dropping it would drop what an op says of its
  /// numbers. Nothing where the template reads whatever there is.
  virtual std::optional<llvm::ArrayRef<llvm::StringLiteral>> getKeys() const {
    return std::nullopt;
  }
  /// What a configuration may say that `choose` would otherwise.
  virtual llvm::ArrayRef<KernelKnob> getKnobs() const { return {}; }
  /// Completes the configuration of `op` for `target` by what it costs. Emits
  /// an error at `op` where no configuration has what it says already.
  virtual mlir::FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const = 0;
  /// Bytes of scratch a worker needs to run `op`.
  virtual int64_t getScratchBytes(tok::KernelOp op) const { return 0; }
  /// Bytes that all workers share while they run `op`, behind the rows of the
  /// workspace.
  virtual int64_t getSharedBytes(tok::KernelOp op) const { return 0; }
  /// Fills `function`, whose entry block has the arguments described above.
  /// Emits an error at `op` when it cannot serve it.
  virtual mlir::LogicalResult emit(tok::KernelOp op,
                                   mlir::func::FuncOp function,
                                   const TargetDescription &target) const = 0;
};

/// Machines that run one program over one image of weights: how what kernels
/// share lies in memory, and the templates of the kernels.
class KernelTarget {
public:
  virtual ~KernelTarget() = default;
  /// `cpu`, `cuda`.
  virtual llvm::StringRef getName() const = 0;
  /// The machines, best first.
  virtual llvm::ArrayRef<TargetDescription> getMachines() const = 0;
  /// The templates that come with the target.
  virtual llvm::ArrayRef<const KernelTemplate *> getTemplates() const = 0;

  /// Most rows of a step that count as few: up to so many, each worker computes
  /// rows for itself rather than waiting for another. 0 where none does.
  virtual int64_t getFewRows() const = 0;

  // Layouts; nothing where the target has none for such a value yet.

  /// Bytes of one page of `cache`.
  virtual std::optional<int64_t> getPageBytes(tok::CacheType cache) const = 0;
  /// Bytes of a row of `columns` inputs that are rounded to what a linear
  /// computes in.
  virtual std::optional<int64_t> getRoundedRowBytes(int64_t columns) const = 0;
  /// Bytes of a packed weight, a multiple of 64.
  virtual std::optional<int64_t>
  getPackedBytes(mlir::RankedTensorType type) const = 0;

  /// Appends to `module` the function `kBarrierName(frame: ptr)`, which waits
  /// until every worker has called it. Null where entries do not call kernels
  /// yet.
  virtual mlir::func::FuncOp emitBarrier(mlir::ModuleOp module) const = 0;
};

/// The name of the function that `KernelTarget::emitBarrier` makes.
inline constexpr llvm::StringLiteral kBarrierName = "barrier";

/// What is lowered for unless the user names another: a target, and the machine
/// that the fewest features suffice for.
inline constexpr llvm::StringLiteral kDefaultTarget = "cpu",
                                     kDefaultMachine = "avx2";

/// All targets.
llvm::ArrayRef<const KernelTarget *> getKernelTargets();

/// The target called `name`. Where there is none, an error at `op` says which
/// there are.
mlir::FailureOr<const KernelTarget *> findKernelTarget(mlir::Operation *op,
                                                       llvm::StringRef name);

/// A machine and the target it belongs to.
struct Machine {
  const KernelTarget *target;
  const TargetDescription *description;
};

/// The machine called `name`. Where there is none, an error at `op` says which
/// there are.
mlir::FailureOr<Machine> findMachine(mlir::Operation *op, llvm::StringRef name);

/// The template of the family of `op`, which may be asked whatever it has to
/// say: it knows each key that `op` has, and each of its knobs that `op` sets
/// has a value that it accepts. Where `target` has no such template, an error
/// at `op` says which it has; where it does not know a key, which it knows;
/// where a knob has another value, which it accepts.
mlir::FailureOr<const KernelTemplate *>
findKernelTemplate(tok::KernelOp op, const KernelTarget &target);

/// Adds a template to the target called `target`, in the place of one that has
/// its family already. For plugins, which call it when they are loaded.
void addKernelTemplate(llvm::StringRef target, const KernelTemplate &added);

/// Completes the configuration of every `tok.kernel` of `module` and emits it
/// for `architecture` as a function of its own, named by its family and number,
/// in a new module. What cannot be
/// emitted is an error at its op, and gives null.
mlir::OwningOpRef<mlir::ModuleOp>
emitCudaKernels(mlir::ModuleOp module, const CudaArchitecture &architecture);

} // namespace tokopt

#endif // TOKOPT_KERNEL_H
