//===- Decompose.h - What the decompositions share --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each file `Decompose<Family>.cpp` holds the decompositions of one family of
// ops. They are conversion patterns, because rows and caches become several
// tensors each.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_DECOMPOSE_H
#define TOKOPT_LIB_REFERENCE_DECOMPOSE_H

#include "Emit.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ADT/DenseMap.h"

namespace tokopt::reference {

/// `!tok.rows` becomes one i32 tensor a column, `!tok.cache` its parts, a
/// tensor in a tok format its bytes: `[rows, bytes of a row]`.
class PartsConverter : public mlir::TypeConverter {
public:
  PartsConverter();
};

/// The column `name` among what stands for rows.
mlir::Value getColumn(tok::RowsType type, mlir::ValueRange parts,
                      llvm::StringRef name);

/// Where `layer` stands in the ascending list `layers`.
Term findLayer(Emitter &b, llvm::ArrayRef<int64_t> layers, mlir::Value layer);

/// A weight, and where the member that an op reads stands in the bytes.
struct WeightPlace {
  mlir::RankedTensorType type;
  /// All weights, a tensor of i8.
  mlir::Value bytes;
  /// Of the first byte, of type index.
  Term offset;

  /// The f32 values `[count, columns]` of the rows from `first` on. A vector
  /// is a matrix of one row.
  mlir::Value readRows(Emitter &b, Term first, int64_t count) const;
  /// The f32 values `[N]` of a vector.
  mlir::Value readVector(Emitter &b) const;
};

/// What every pattern may ask for.
class ModuleContext {
public:
  explicit ModuleContext(mlir::ModuleOp module) : symbols(module) {}

  /// Lays the weights out in the image, 64-aligned in the order of their ops,
  /// and says so in their `image` attributes.
  mlir::LogicalResult placeWeights(mlir::ModuleOp module);
  /// Gives functions arguments for the bytes of all weights and for places of
  /// results. A kind gets exactly one of each, as its last two arguments.
  mlir::LogicalResult addArguments(mlir::ModuleOp module);

  /// The place of a weight that the decomposition of `op` reads.
  WeightPlace getWeight(Emitter &b, mlir::ConversionPatternRewriter &rewriter,
                        mlir::Operation *op, mlir::FlatSymbolRefAttr symbol,
                        mlir::Value layer) const;
  /// The bytes of all weights in `function`; null if it was given none.
  mlir::Value getBytes(mlir::ConversionPatternRewriter &rewriter,
                       mlir::Operation *function) const;

private:
  mlir::SymbolTable symbols;
  llvm::DenseMap<mlir::Operation *, mlir::Value> bytes;
};

/// The base of all patterns.
template <typename OpTy>
class DecomposePattern : public mlir::OpConversionPattern<OpTy> {
public:
  DecomposePattern(const PartsConverter &converter, mlir::MLIRContext *context,
                   const ModuleContext &module)
      : mlir::OpConversionPattern<OpTy>(converter, context), module(module) {}

protected:
  const ModuleContext &module;
};

void populateRowPatterns(const PartsConverter &converter,
                         const ModuleContext &module,
                         mlir::RewritePatternSet &patterns);
void populateLinearPatterns(const PartsConverter &converter,
                            const ModuleContext &module,
                            mlir::RewritePatternSet &patterns);
void populateWeightPatterns(const PartsConverter &converter,
                            const ModuleContext &module,
                            mlir::RewritePatternSet &patterns);
void populateRopePatterns(const PartsConverter &converter,
                          const ModuleContext &module,
                          mlir::RewritePatternSet &patterns);
void populateCachePatterns(const PartsConverter &converter,
                           const ModuleContext &module,
                           mlir::RewritePatternSet &patterns);
void populateAttentionPatterns(const PartsConverter &converter,
                               const ModuleContext &module,
                               mlir::RewritePatternSet &patterns);
void populateSamplePatterns(const PartsConverter &converter,
                            const ModuleContext &module,
                            mlir::RewritePatternSet &patterns);
void populateStackPatterns(const PartsConverter &converter,
                           const ModuleContext &module,
                           mlir::RewritePatternSet &patterns);
/// Functions, returns and calls whose types have rows or caches.
void populateFunctionPatterns(const PartsConverter &converter,
                              mlir::RewritePatternSet &patterns);

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_DECOMPOSE_H
