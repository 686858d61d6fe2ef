//===- Emit.h - Short ways to write upstream IR -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decompositions are formulas over many indices. `Term` lets them be
// written as formulas: each operator emits the `arith` op of its operands'
// type. `Emitter` adds the few tensor idioms that recur.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_EMIT_H
#define TOKOPT_LIB_REFERENCE_EMIT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace tokopt::reference {

class Emitter;

/// A scalar and the place where ops on it are built. An op on several terms is
/// built at the innermost of their places.
struct Term {
  Emitter *emitter;
  mlir::Value value;

  operator mlir::Value() const { return value; }
  mlir::Type getType() const { return value.getType(); }
};

/// Integers (`index` too) are unsigned where it matters: `/`, `%`, `>>`.
Term operator+(Term left, Term right);
Term operator-(Term left, Term right);
Term operator*(Term left, Term right);
Term operator/(Term left, Term right);
Term operator%(Term left, Term right);
Term operator&(Term left, Term right);
Term operator|(Term left, Term right);
Term operator^(Term left, Term right);
Term operator<<(Term left, Term right);
Term operator>>(Term left, Term right);
/// A constant of the other operand's type.
Term operator+(Term left, int64_t right);
Term operator-(Term left, int64_t right);
Term operator*(Term left, int64_t right);
Term operator/(Term left, int64_t right);
Term operator%(Term left, int64_t right);
Term operator&(Term left, int64_t right);
Term operator^(Term left, int64_t right);
Term operator<<(Term left, int64_t right);
Term operator>>(Term left, int64_t right);

/// Comparisons give i1. Integers compare unsigned, floats ordered: with a NaN
/// all of these are false.
Term operator<(Term left, Term right);
Term operator>=(Term left, Term right);
Term operator>(Term left, Term right);
Term operator==(Term left, Term right);

Term minimum(Term left, Term right);
Term maximum(Term left, Term right);
/// `condition ? yes : no`.
Term select(Term condition, Term yes, Term no);
/// `left * right + sum`, rounded once.
Term fma(Term left, Term right, Term sum);
/// Between integers and floats of any width; a signed integer is extended and
/// converted as such, an unsigned one is not negative.
Term toIndex(Term integer);
Term toFloat(Term integer, mlir::Type type);
Term toSignedFloat(Term integer, mlir::Type type);
Term resizeFloat(Term value, mlir::Type type);

/// A tensor and which loop runs along each of its dimensions.
struct Operand {
  mlir::Value tensor;
  llvm::SmallVector<unsigned> loops;
};

/// Builds ops at one place with one location.
class Emitter : public mlir::ImplicitLocOpBuilder {
public:
  Emitter(mlir::Location loc, mlir::OpBuilder &builder, unsigned depth = 0)
      : ImplicitLocOpBuilder(loc, builder), depth(depth) {}

  /// How many bodies built by emitters this one is inside of.
  unsigned getDepth() const { return depth; }

  Term term(mlir::Value value) { return {this, value}; }
  Term index(int64_t value);
  /// A constant of an integer or index type; only the type's bits are taken.
  Term integer(mlir::Type type, int64_t value);
  /// A constant of a float type.
  Term real(mlir::Type type, double value);
  Term f32(double value) { return real(getF32Type(), value); }

  /// Ends the run with `message` unless `condition` holds.
  void require(Term condition, llvm::StringRef message);
  /// Requires that both tensors have as many rows.
  void requireSameRows(mlir::Value left, mlir::Value right,
                       llvm::StringRef message);

  /// The size of a dimension.
  Term dim(mlir::Value tensor, int64_t dimension);
  Term extract(mlir::Value tensor, mlir::ValueRange indices);

  /// An uninitialized tensor; each kDynamic of `shape` takes one of `sizes`.
  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type type,
                    mlir::ValueRange sizes = {});
  /// `tensor` with every value replaced by `value`.
  mlir::Value fill(mlir::Value tensor, Term value);

  /// A part of `tensor`, of unit strides. Dimensions of `type` that are missing
  /// against the tensor have size one.
  mlir::Value slice(mlir::RankedTensorType type, mlir::Value tensor,
                    llvm::ArrayRef<mlir::OpFoldResult> offsets,
                    llvm::ArrayRef<mlir::OpFoldResult> sizes);
  /// `tensor` with that part replaced.
  mlir::Value insert(mlir::Value part, mlir::Value tensor,
                     llvm::ArrayRef<mlir::OpFoldResult> offsets,
                     llvm::ArrayRef<mlir::OpFoldResult> sizes);

  /// `[T, A, B, ...]` seen as `[T, A * B * ...]`, and back with the sizes
  /// `inner` after the first dimension.
  mlir::Value flattenRows(mlir::Value tensor);
  mlir::Value splitRows(mlir::Value tensor, llvm::ArrayRef<int64_t> inner);

  /// A `linalg.generic` whose loops are nested in the order of their numbers;
  /// loops that the output lacks reduce. `body` gets one value of each input,
  /// then of the output.
  using Body = llvm::function_ref<Term(Emitter &, llvm::ArrayRef<Term>)>;
  mlir::Value generic(llvm::ArrayRef<Operand> inputs, Operand output,
                      Body body);
  /// Inside the body of a `generic`: the number of a loop's iteration.
  Term loop(unsigned number);

  /// A part of a matrix or vector: `rows` rows from `first` on.
  mlir::Value sliceRows(mlir::Value tensor, Term first, Term rows);
  /// `tensor` with those rows replaced.
  mlir::Value insertRows(mlir::Value part, mlir::Value tensor, Term first,
                         Term rows);

  /// `scf.for` from `begin` to `end`; `body` returns the next values of
  /// `carried`.
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      Emitter &, Term, mlir::ValueRange)>;
  mlir::ValueRange forLoop(Term begin, Term end, int64_t step,
                           mlir::ValueRange carried, LoopBody body);

  /// `scf.if`, whose branches give values of the same types.
  using Branch = llvm::function_ref<llvm::SmallVector<mlir::Value>(Emitter &)>;
  mlir::ValueRange ifElse(Term condition, Branch yes, Branch no);

private:
  unsigned depth;
};

/// A value as a signed byte: `scale * byte` is near it.
struct RoundedByte {
  Term scale;
  /// An integer in -127..127, as a float.
  Term byte;
};

/// `scale = most / 127`, `byte = round(value * (127 / most))`, half to even,
/// where `most` is the largest magnitude among the values that share the scale.
/// Both are 0 if `most` is 0 or so small that 127 / most overflows.
RoundedByte roundToByte(Term value, Term most);

/// The largest magnitude along the last dimension of `tensor`, which is f32.
mlir::Value largestMagnitudes(Emitter &b, mlir::Value tensor);

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_EMIT_H
