//===- Vocabulary.h - The words templates are written in --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A template reads like the kernel it emits: values with operators, loads and
// stores at byte offsets, loops and branches that carry values. Everything
// emitted is an upstream op, and its location is the line of the template. What
// only one target has, its own vocabulary adds.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_VOCABULARY_H
#define TOKOPT_KERNELS_COMMON_VOCABULARY_H

#include "tokopt/Kernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <source_location>

namespace tokopt::kernels {

class Emitter;

/// An SSA value under construction.
struct Val {
  Emitter *emitter = nullptr;
  mlir::Value value;

  mlir::Type type() const { return value.getType(); }
};

/// The line of the template that emits an op.
struct Here {
  Here(std::source_location where = std::source_location::current())
      : where(where) {}
  std::source_location where;
};

using Vals = llvm::SmallVector<Val>;

/// Emits ops at the end of a block.
class Emitter {
public:
  explicit Emitter(mlir::Block *block);

  //===--- Types
  //---------------------------------------------------------===//
  mlir::Type i8() { return builder.getI8Type(); }
  mlir::Type i16() { return builder.getI16Type(); }
  mlir::Type i32() { return builder.getI32Type(); }
  mlir::Type i64() { return builder.getI64Type(); }
  mlir::Type f16() { return builder.getF16Type(); }
  mlir::Type f32() { return builder.getF32Type(); }
  mlir::Type f64() { return builder.getF64Type(); }
  mlir::Type ptr();
  /// `n` elements as a vector; a scalar if `n` is 1.
  mlir::Type vec(int64_t n, mlir::Type element);

  //===--- Constants
  //-----------------------------------------------------===//
  Val constant(int64_t value, mlir::Type type, Here here = {});
  Val constant(double value, mlir::Type type, Here here = {});
  Val constantVector(llvm::ArrayRef<double> values, mlir::Type element,
                     Here here = {});
  Val constantVector(llvm::ArrayRef<int64_t> values, mlir::Type element,
                     Here here = {});
  Val i64(int64_t value, Here here = {}) {
    return constant(value, i64(), here);
  }
  Val zero(mlir::Type type, Here here = {});

  //===--- Memory
  //--------------------------------------------------------===//
  Val offset(Val pointer, Val bytes, Here here = {});
  Val offset(Val pointer, int64_t bytes, Here here = {});
  /// Loads `type` at `pointer + bytes`; the address need only be aligned to
  /// the element.
  Val load(mlir::Type type, Val pointer, int64_t bytes = 0, Here here = {});
  void store(Val value, Val pointer, int64_t bytes = 0, Here here = {});
  /// A slot of the frame.
  Val slot(Val frame, Slot slot, mlir::Type type, Here here = {});
  /// Asks for the line at `pointer + bytes`, which need not exist.
  void prefetch(Val pointer, int64_t bytes, Here here = {});

  //===--- Values
  //--------------------------------------------------------===//
  Val splat(Val scalar, int64_t n, Here here = {});
  Val fma(Val a, Val b, Val c, Here here = {});
  Val max(Val a, Val b, Here here = {});
  Val min(Val a, Val b, Here here = {});
  Val abs(Val a, Here here = {});
  Val sqrt(Val a, Here here = {});
  Val roundEven(Val a, Here here = {});
  Val shiftRight(Val a, int64_t bits, Here here = {});
  Val shiftLeft(Val a, int64_t bits, Here here = {});
  Val andBits(Val a, int64_t mask, Here here = {});
  Val orBits(Val a, Val b, Here here = {});
  Val shiftLeftBy(Val a, Val bits, Here here = {});
  Val xorBits(Val a, int64_t mask, Here here = {});
  Val xorValues(Val a, Val b, Here here = {});
  Val bitcast(Val a, mlir::Type type, Here here = {});
  /// Converts numbers to the element type of `element`, keeping the shape.
  /// Integers are signed unless `isUnsigned`.
  Val convert(Val a, mlir::Type element, bool isUnsigned = false,
              Here here = {});
  Val less(Val a, Val b, Here here = {});
  Val lessEqual(Val a, Val b, Here here = {});
  Val equal(Val a, Val b, Here here = {});
  Val both(Val a, Val b, Here here = {});
  Val select(Val condition, Val a, Val b, Here here = {});
  Val divide(Val a, Val b, Here here = {});    ///< unsigned for integers
  Val remainder(Val a, Val b, Here here = {}); ///< unsigned
  Val extract(Val vector, int64_t lane, Here here = {});
  /// The vector of some scalars.
  Val gather(llvm::ArrayRef<Val> scalars, Here here = {});
  Val shuffle(Val a, Val b, llvm::ArrayRef<int64_t> lanes, Here here = {});
  /// Lanes [begin, begin + count); a scalar if it is one.
  Val part(Val vector, int64_t begin, int64_t count, Here here = {});
  /// Vectors (or scalars), a power of two of them, one behind the other.
  Val join(llvm::ArrayRef<Val> vectors, Here here = {});
  /// Lane i plus lane i + n/2, then + n/4, ...: one fixed order.
  Val sumLanes(Val vector, Here here = {});
  Val maxLanes(Val vector, Here here = {});
  /// The same of vectors, as many as a power of two up to their lanes: the
  /// numbers of all of them as one vector.
  Val sumLanes(llvm::ArrayRef<Val> vectors, Here here = {});
  Val maxLanes(llvm::ArrayRef<Val> vectors, Here here = {});
  /// e^x, 0 below -87.3 and finite above; relative error below 2e-7.
  Val exp(Val x, Here here = {});
  /// The natural logarithm, upstream's polynomial.
  Val log(Val x, Here here = {});
  Val call(llvm::StringRef intrinsic, mlir::Type result,
           llvm::ArrayRef<Val> arguments, Here here = {});

  void callVoid(llvm::StringRef intrinsic, llvm::ArrayRef<Val> arguments,
                Here here = {});

  //===--- Control
  //-------------------------------------------------------===//
  /// for (iv = begin; iv < end; iv += step) carried = body(iv, carried)
  Vals loop(Val begin, Val end, int64_t step, llvm::ArrayRef<Val> carried,
            llvm::function_ref<Vals(Val, llvm::ArrayRef<Val>)> body,
            Here here = {});
  void loop(Val begin, Val end, int64_t step,
            llvm::function_ref<void(Val)> body, Here here = {});
  void when(Val condition, llvm::function_ref<void()> body, Here here = {});
  Vals choose(Val condition, llvm::ArrayRef<mlir::Type> types,
              llvm::function_ref<Vals()> yes, llvm::function_ref<Vals()> no,
              Here here = {});
  void ret(Here here = {});

  Val wrap(mlir::Value value) { return {this, value}; }
  mlir::ImplicitLocOpBuilder &at(Here here);
  mlir::ImplicitLocOpBuilder builder;
};

/// The right side of an operator: a value or a constant of the left one's type.
/// An operator has no parameter for the line it stands in, but the conversion
/// of its operand has.
struct Operand {
  Operand(Val value, Here here = {}) : value(value), here(here) {}
  Operand(int64_t constant, Here here = {}) : constant(constant), here(here) {}

  Val value;
  int64_t constant = 0;
  Here here;
};

Val operator+(Val a, Operand b);
Val operator-(Val a, Operand b);
Val operator*(Val a, Operand b);

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_VOCABULARY_H
