//===- ProgramBuilder.h - Groups ops into kernels ------------- -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops are visited in order. A value is *dense* (f32 in a buffer), *rounded*
// (i8 in a buffer), both, or still pending: norms, takes, and linears and
// rotations with one reader are emitted by their readers, so that they share a
// kernel. What a value becomes is decided by the readers alone.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LOWER_PROGRAMBUILDER_H
#define TOKOPT_LOWER_PROGRAMBUILDER_H

#include "dialects/Tok/TokOps.h"
#include "dialects/Tok/ValueNames.h"
#include "tokopt/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

#include <map>

namespace tokopt {

/// A half-open range of rows.
struct RowRange {
  mlir::Value begin, end;
};

/// What stands for a tensor of the model.
struct Lowered {
  mlir::Value dense, rounded;
  RowRange rows;
};

/// Columns of `T x N` or `T x H x D`.
inline int64_t columnsOf(mlir::Type tensor) {
  int64_t columns = 1;
  for (int64_t size :
       mlir::cast<mlir::RankedTensorType>(tensor).getShape().drop_front())
    columns *= size;
  return columns;
}

/// What the entries of a module share, because one frame serves all of them.
struct ProgramFrame {
  const KernelTarget &target;
  /// Caches by the name of their slot; kernels know them by their number.
  llvm::SmallVector<std::pair<mlir::StringAttr, tok::CacheType>> caches = {};
  /// Elements between rows of logits, once an entry has any.
  std::optional<int64_t> logitsStride = std::nullopt;
};

/// Writes the program of `entry` beside it and puts it in its place. Errors are
/// reported on the ops.
class ProgramBuilder {
public:
  ProgramBuilder(mlir::ModuleOp module, mlir::func::FuncOp entry,
                 ProgramFrame &frame)
      : module(module), entry(entry), frame(frame),
        builder(module.getContext()), symbols(module) {}

  mlir::LogicalResult run();

private:
  using RegionBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange)>;

  //===--- Structure -----------------------------------------------------===//
  mlir::LogicalResult makeSignature();
  /// Takes note of a cache or of logits in the frame. Fails where another entry
  /// says otherwise.
  mlir::LogicalResult addCache(mlir::BlockArgument cache,
                               mlir::StringAttr slot);
  mlir::LogicalResult addLogits(mlir::Type type);
  mlir::LogicalResult makeAngles();
  mlir::LogicalResult visitBlock(mlir::Block &block);
  mlir::LogicalResult visit(mlir::Operation &op);
  mlir::LogicalResult visitStack(tok::StackOp op);
  mlir::LogicalResult inlineKind(tok::StackOp op, mlir::func::FuncOp kind,
                                 mlir::Value stream, mlir::Value layer,
                                 mlir::Value rows);

  //===--- Ops -----------------------------------------------------------===//
  mlir::LogicalResult visitEmbed(tok::EmbedOp op);
  mlir::LogicalResult visitAppend(tok::AppendOp op);
  mlir::LogicalResult visitAttention(tok::AttentionOp op);
  mlir::LogicalResult visitSample(tok::SampleOp op);
  mlir::LogicalResult visitTake(tok::TakeOp op);
  mlir::LogicalResult visitConstant(mlir::Operation *op);
  mlir::LogicalResult visitElementwise(mlir::Operation &op);
  mlir::LogicalResult visitGated(tok::GatedOp op);
  mlir::LogicalResult visitLinear(tok::LinearOp op);
  mlir::LogicalResult visitRope(tok::RopeOp op);

  /// Whether `op` is emitted by its only reader.
  bool isDeferred(mlir::Operation *op);
  bool isDeadAfter(mlir::Value value, mlir::Operation *op);
  mlir::LogicalResult emitLinear(llvm::ArrayRef<tok::LinearOp> linears,
                                 mlir::ValueRange extras, mlir::Type outputType,
                                 mlir::Value destination, RegionBody epilogue,
                                 mlir::Value result);

  //===--- Values --------------------------------------------------------===//
  mlir::FailureOr<mlir::Value> getDense(mlir::Value value);
  mlir::FailureOr<mlir::Value> getRounded(mlir::Value value);
  /// Emits the rowwise kernel that computes `value`, a pending norm or take or
  /// a dense value, into `destination`.
  mlir::LogicalResult emitInto(mlir::Value value, mlir::Value destination);
  mlir::Value makeBuffer(int64_t columns, mlir::Type element);
  /// The buffer for a result: the entry's own output, if that is what `value`
  /// is, or a new one.
  mlir::Value makeDestination(mlir::Value value);
  RowRange rangeOf(mlir::Value value);
  /// Names the layer whose weights or cache the next kernel uses.
  void setLayer(mlir::Value index) {
    layer = index ? scalars.lookup(index) : mlir::Value();
  }
  mlir::Value constant(int64_t value);

  /// `computed` are the model's values that the outputs hold, null where one
  /// holds none.
  tok::KernelOp emitKernel(llvm::StringRef family, RowRange rows,
                           llvm::ArrayRef<mlir::FlatSymbolRefAttr> weights,
                           mlir::ValueRange inputs, mlir::ValueRange outputs,
                           llvm::ArrayRef<mlir::NamedAttribute> config,
                           llvm::ArrayRef<mlir::Value> computed = {});
  void fill(mlir::Region &region, llvm::ArrayRef<mlir::Type> arguments,
            RegionBody body);
  mlir::NamedAttribute entryOf(llvm::StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute entryOf(llvm::StringRef name, llvm::StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  }

  mlir::ModuleOp module;
  mlir::func::FuncOp entry, program;
  ProgramFrame &frame;
  mlir::OpBuilder builder;
  mlir::SymbolTable symbols;
  mlir::Location loc = mlir::UnknownLoc::get(module.getContext());
  llvm::DenseMap<mlir::Value, Lowered> lowered;
  mlir::IRMapping scalars;
  /// What the values of the entry and of the kinds are called.
  llvm::DenseMap<mlir::Value, std::string> names;
  /// Outputs of the entry by the value that the model returns, and all pairs of
  /// the two.
  llvm::DenseMap<mlir::Value, mlir::Value> destinations;
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> outputs;
  /// Frontier of the entry, its rows, its rows that ask for logits.
  mlir::Value frontier;
  RowRange all, asked;
  /// The layer of the op that is emitted, or null.
  mlir::Value layer;
  /// Numbers of the entry's caches in the frame.
  llvm::DenseMap<mlir::Value, int64_t> caches;
  /// Angles by (base, dims, head, pairs).
  std::map<std::tuple<double, int64_t, int64_t, int>, mlir::Value> angles;
};

} // namespace tokopt

#endif // TOKOPT_LOWER_PROGRAMBUILDER_H
