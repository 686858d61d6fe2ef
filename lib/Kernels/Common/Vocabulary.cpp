//===- Vocabulary.cpp - The words templates are written in ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Vocabulary.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::kernels;

static bool isFloat(Type type) {
  return isa<FloatType>(getElementTypeOrSelf(type));
}

static int64_t lanesOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

/// `shape` with another element type.
static Type withElement(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Emitter::Emitter(Block *block)
    : builder(UnknownLoc::get(block->getParent()->getContext()),
              OpBuilder::atBlockEnd(block)) {}

/// A template's file is named from the source root whatever the build folder,
/// so that equal input gives equal output.
ImplicitLocOpBuilder &Emitter::at(Here here) {
  StringRef file = here.where.file_name();
  size_t root = file.rfind("lib/Kernels/");
  builder.setLoc(FileLineColLoc::get(
      builder.getContext(), root == StringRef::npos ? file : file.substr(root),
      here.where.line(), 0));
  return builder;
}

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

Type Emitter::ptr() { return LLVM::LLVMPointerType::get(builder.getContext()); }

Type Emitter::vec(int64_t n, Type element) {
  return n == 1 ? element : Type(VectorType::get({n}, element));
}

Val Emitter::constant(int64_t value, Type type, Here here) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attribute =
      isFloat(element)
          ? TypedAttr(FloatAttr::get(element, static_cast<double>(value)))
          : TypedAttr(IntegerAttr::get(
                element, APInt(element.getIntOrFloatBitWidth(), value,
                               /*isSigned=*/true, /*implicitTrunc=*/true)));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return wrap(arith::ConstantOp::create(at(here), attribute));
}

Val Emitter::constant(double value, Type type, Here here) {
  TypedAttr attribute = FloatAttr::get(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return wrap(arith::ConstantOp::create(at(here), attribute));
}

Val Emitter::constantVector(ArrayRef<double> values, Type element, Here here) {
  SmallVector<Attribute> attributes;
  for (double value : values)
    attributes.push_back(FloatAttr::get(element, value));
  auto type = VectorType::get({static_cast<int64_t>(values.size())}, element);
  return wrap(arith::ConstantOp::create(
      at(here), DenseElementsAttr::get(type, attributes)));
}

Val Emitter::constantVector(ArrayRef<int64_t> values, Type element, Here here) {
  SmallVector<Attribute> attributes;
  for (int64_t value : values)
    attributes.push_back(IntegerAttr::get(element, value));
  auto type = VectorType::get({static_cast<int64_t>(values.size())}, element);
  return wrap(arith::ConstantOp::create(
      at(here), DenseElementsAttr::get(type, attributes)));
}

Val Emitter::zero(Type type, Here here) {
  if (isFloat(type))
    return constant(0.0, type, here);
  return constant(int64_t(0), type, here);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Val Emitter::offset(Val pointer, Val bytes, Here here) {
  return wrap(LLVM::GEPOp::create(at(here), pointer.type(), i8(), pointer.value,
                                  ArrayRef<Value>{bytes.value}));
}

Val Emitter::offset(Val pointer, int64_t bytes, Here here) {
  if (!bytes)
    return pointer;
  return offset(pointer, i64(bytes, here), here);
}

/// What an address of `type` is known to be aligned to: one element.
static unsigned alignmentOf(Type type) {
  return std::max(1u,
                  getElementTypeOrSelf(type).isIntOrFloat()
                      ? getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8
                      : 8u);
}

Val Emitter::load(Type type, Val pointer, int64_t bytes, Here here) {
  Val address = offset(pointer, bytes, here);
  return wrap(
      LLVM::LoadOp::create(at(here), type, address.value, alignmentOf(type)));
}

void Emitter::store(Val value, Val pointer, int64_t bytes, Here here) {
  Val address = offset(pointer, bytes, here);
  LLVM::StoreOp::create(at(here), value.value, address.value,
                        alignmentOf(value.type()));
}

Val Emitter::slot(Val frame, Slot slot, Type type, Here here) {
  return load(type, frame, 8 * static_cast<int64_t>(slot), here);
}

void Emitter::prefetch(Val pointer, int64_t bytes, Here here) {
  Val address = offset(pointer, bytes, here);
  // Read, into the second-level cache, data.
  LLVM::Prefetch::create(at(here), address.value, 0, 2, 1);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Emits the float or the integer op for `a`'s type.
template <typename FloatOp, typename IntOp>
static Val arithmetic(Val a, Val b, Here here) {
  Emitter &e = *a.emitter;
  if (isFloat(a.type()))
    return e.wrap(FloatOp::create(e.at(here), a.value, b.value));
  return e.wrap(IntOp::create(e.at(here), a.value, b.value));
}

template <typename FloatOp, typename IntOp>
static Val arithmetic(Val a, const Operand &b) {
  Val right = b.value.emitter
                  ? b.value
                  : a.emitter->constant(b.constant, a.type(), b.here);
  return arithmetic<FloatOp, IntOp>(a, right, b.here);
}

Val kernels::operator+(Val a, Operand b) {
  if (!b.value.emitter && !b.constant)
    return a;
  return arithmetic<arith::AddFOp, arith::AddIOp>(a, b);
}
Val kernels::operator-(Val a, Operand b) {
  return arithmetic<arith::SubFOp, arith::SubIOp>(a, b);
}
Val kernels::operator*(Val a, Operand b) {
  return arithmetic<arith::MulFOp, arith::MulIOp>(a, b);
}

Val Emitter::splat(Val scalar, int64_t n, Here here) {
  if (n == 1)
    return scalar;
  return wrap(vector::BroadcastOp::create(at(here), vec(n, scalar.type()),
                                          scalar.value));
}

Val Emitter::fma(Val a, Val b, Val c, Here here) {
  return wrap(math::FmaOp::create(at(here), a.value, b.value, c.value));
}

// Operands are never NaN and the sign of zero does not matter here; without the
// flags x86 needs three instructions a comparison.
static constexpr auto kOrdered =
    arith::FastMathFlags::nnan | arith::FastMathFlags::nsz;

Val Emitter::max(Val a, Val b, Here here) {
  if (isFloat(a.type()))
    return wrap(arith::MaxNumFOp::create(at(here), a.value, b.value, kOrdered));
  return wrap(arith::MaxSIOp::create(at(here), a.value, b.value));
}

Val Emitter::min(Val a, Val b, Here here) {
  if (isFloat(a.type()))
    return wrap(arith::MinNumFOp::create(at(here), a.value, b.value, kOrdered));
  return wrap(arith::MinSIOp::create(at(here), a.value, b.value));
}

Val Emitter::abs(Val a, Here here) {
  return wrap(math::AbsFOp::create(at(here), a.value));
}
Val Emitter::sqrt(Val a, Here here) {
  return wrap(math::SqrtOp::create(at(here), a.value));
}
Val Emitter::roundEven(Val a, Here here) {
  return wrap(math::RoundEvenOp::create(at(here), a.value));
}

Val Emitter::shiftRight(Val a, int64_t bits, Here here) {
  return bits ? wrap(arith::ShRUIOp::create(
                    at(here), a.value, constant(bits, a.type(), here).value))
              : a;
}
Val Emitter::shiftLeft(Val a, int64_t bits, Here here) {
  return bits ? wrap(arith::ShLIOp::create(
                    at(here), a.value, constant(bits, a.type(), here).value))
              : a;
}
Val Emitter::andBits(Val a, int64_t mask, Here here) {
  return wrap(arith::AndIOp::create(at(here), a.value,
                                    constant(mask, a.type(), here).value));
}
Val Emitter::orBits(Val a, Val b, Here here) {
  return wrap(arith::OrIOp::create(at(here), a.value, b.value));
}
Val Emitter::shiftLeftBy(Val a, Val bits, Here here) {
  return wrap(arith::ShLIOp::create(at(here), a.value, bits.value));
}
Val Emitter::xorValues(Val a, Val b, Here here) {
  return wrap(arith::XOrIOp::create(at(here), a.value, b.value));
}
Val Emitter::xorBits(Val a, int64_t mask, Here here) {
  return wrap(arith::XOrIOp::create(at(here), a.value,
                                    constant(mask, a.type(), here).value));
}

Val Emitter::bitcast(Val a, Type type, Here here) {
  if (a.type() == type)
    return a;
  if (isa<VectorType>(a.type()) && isa<VectorType>(type))
    return wrap(vector::BitCastOp::create(at(here), type, a.value));
  if (isa<VectorType>(a.type()) || isa<VectorType>(type))
    return wrap(LLVM::BitcastOp::create(at(here), type, a.value));
  return wrap(arith::BitcastOp::create(at(here), type, a.value));
}

Val Emitter::convert(Val a, Type element, bool isUnsigned, Here here) {
  Type from = getElementTypeOrSelf(a.type());
  Type to = withElement(a.type(), element);
  if (from == element)
    return a;
  auto &b = at(here);
  unsigned fromBits = from.getIntOrFloatBitWidth(),
           toBits = element.getIntOrFloatBitWidth();
  if (isFloat(from) && isFloat(element))
    return toBits > fromBits ? wrap(arith::ExtFOp::create(b, to, a.value))
                             : wrap(arith::TruncFOp::create(b, to, a.value));
  if (isFloat(from))
    return wrap(arith::FPToSIOp::create(b, to, a.value));
  if (isFloat(element))
    return isUnsigned ? wrap(arith::UIToFPOp::create(b, to, a.value))
                      : wrap(arith::SIToFPOp::create(b, to, a.value));
  if (toBits < fromBits)
    return wrap(arith::TruncIOp::create(b, to, a.value));
  return isUnsigned ? wrap(arith::ExtUIOp::create(b, to, a.value))
                    : wrap(arith::ExtSIOp::create(b, to, a.value));
}

Val Emitter::less(Val a, Val b, Here here) {
  if (isFloat(a.type()))
    return wrap(arith::CmpFOp::create(at(here), arith::CmpFPredicate::OLT,
                                      a.value, b.value));
  return wrap(arith::CmpIOp::create(at(here), arith::CmpIPredicate::slt,
                                    a.value, b.value));
}
Val Emitter::lessEqual(Val a, Val b, Here here) {
  if (isFloat(a.type()))
    return wrap(arith::CmpFOp::create(at(here), arith::CmpFPredicate::OLE,
                                      a.value, b.value));
  return wrap(arith::CmpIOp::create(at(here), arith::CmpIPredicate::sle,
                                    a.value, b.value));
}
Val Emitter::equal(Val a, Val b, Here here) {
  if (isFloat(a.type()))
    return wrap(arith::CmpFOp::create(at(here), arith::CmpFPredicate::OEQ,
                                      a.value, b.value));
  return wrap(arith::CmpIOp::create(at(here), arith::CmpIPredicate::eq, a.value,
                                    b.value));
}
Val Emitter::both(Val a, Val b, Here here) {
  return wrap(arith::AndIOp::create(at(here), a.value, b.value));
}
Val Emitter::select(Val condition, Val a, Val b, Here here) {
  return wrap(
      arith::SelectOp::create(at(here), condition.value, a.value, b.value));
}
Val Emitter::divide(Val a, Val b, Here here) {
  return arithmetic<arith::DivFOp, arith::DivUIOp>(a, b, here);
}
Val Emitter::remainder(Val a, Val b, Here here) {
  return wrap(arith::RemUIOp::create(at(here), a.value, b.value));
}
Val Emitter::extract(Val vector, int64_t lane, Here here) {
  return wrap(vector::ExtractOp::create(at(here), vector.value, lane));
}
Val Emitter::gather(ArrayRef<Val> scalars, Here here) {
  auto values =
      llvm::map_to_vector(scalars, [](Val scalar) { return scalar.value; });
  auto type = VectorType::get({static_cast<int64_t>(values.size())},
                              scalars.front().type());
  return wrap(vector::FromElementsOp::create(at(here), type, values));
}
Val Emitter::shuffle(Val a, Val b, ArrayRef<int64_t> lanes, Here here) {
  return wrap(vector::ShuffleOp::create(at(here), a.value, b.value, lanes));
}

Val Emitter::part(Val vector, int64_t begin, int64_t count, Here here) {
  if (count == lanesOf(vector.type()))
    return vector;
  if (count == 1)
    return extract(vector, begin, here);
  return shuffle(vector, vector,
                 llvm::to_vector(llvm::seq(begin, begin + count)), here);
}

Val Emitter::join(ArrayRef<Val> vectors, Here here) {
  if (!isa<VectorType>(vectors[0].type()) && vectors.size() > 1)
    return gather(vectors, here);
  Vals joined(vectors);
  while (joined.size() > 1) {
    int64_t lanes = 2 * lanesOf(joined[0].type());
    Vals pairs;
    for (size_t i = 0; i < joined.size(); i += 2)
      pairs.push_back(shuffle(joined[i], joined[i + 1],
                              llvm::to_vector(llvm::seq<int64_t>(0, lanes)),
                              here));
    joined = pairs;
  }
  return joined[0];
}

/// For each vector, folds the upper half of its lanes onto the lower until one
/// is left. Two vectors of lanes to fold are one of half as many each: of `a`
/// and `b`, with two lanes each to fold, a0 a1 and b0 b1,
///
///   combine(a0 b0, a1 b1)
///
/// Every vector goes through the same operations as it would alone.
static Val foldLanes(Emitter &e, ArrayRef<Val> vectors, Here here,
                     function_ref<Val(Val, Val)> combine) {
  Vals left(vectors);
  int64_t width = lanesOf(vectors[0].type());
  for (int64_t numbers = 1; width > 1; width /= 2) {
    bool isPaired = left.size() > 1;
    numbers *= isPaired ? 2 : 1;
    SmallVector<int64_t> low, high;
    for (int64_t number = 0; number < numbers; ++number)
      for (int64_t i = 0; i < width / 2; ++i) {
        low.push_back(number * width + i);
        high.push_back(number * width + i + width / 2);
      }
    Vals next;
    for (size_t i = 0; i < left.size(); i += isPaired ? 2 : 1) {
      Val a = left[i], b = isPaired ? left[i + 1] : a;
      next.push_back(
          combine(e.shuffle(a, b, low, here), e.shuffle(a, b, high, here)));
    }
    left = next;
  }
  Val result = left[0];
  return vectors.size() == 1 && isa<VectorType>(result.type())
             ? e.extract(result, 0, here)
             : result;
}

Val Emitter::sumLanes(ArrayRef<Val> vectors, Here here) {
  return foldLanes(*this, vectors, here,
                   [&](Val a, Val b) { return a + Operand(b, here); });
}
Val Emitter::maxLanes(ArrayRef<Val> vectors, Here here) {
  return foldLanes(*this, vectors, here,
                   [&](Val a, Val b) { return max(a, b, here); });
}
Val Emitter::sumLanes(Val vector, Here here) {
  return sumLanes(ArrayRef(vector), here);
}
Val Emitter::maxLanes(Val vector, Here here) {
  return maxLanes(ArrayRef(vector), here);
}

/// 2^(x log2 e) = 2^n * 2^f with n the nearest integer: a polynomial for 2^f on
/// [-1/2, 1/2] (minimax, degree 6, relative error 2e-8), n added to the
/// exponent.
Val Emitter::exp(Val x, Here here) {
  Type type = x.type();
  Val clamped = min(max(x, constant(-87.3, type, here), here),
                    constant(88.0, type, here), here);
  Val t = clamped * Operand(constant(1.4426950408889634, type, here), here);
  Val n = roundEven(t, here);
  Val f = t - Operand(n, here);
  constexpr double coefficients[] = {1.5353362e-4, 1.3398874e-3, 9.6184373e-3,
                                     5.5503324e-2, 2.4022648e-1, 6.9314720e-1,
                                     1.0};
  Val p = constant(coefficients[0], type, here);
  for (double c : ArrayRef(coefficients).drop_front())
    p = fma(p, f, constant(c, type, here), here);
  Type integers = withElement(type, i32());
  Val exponent = shiftLeft(convert(n, i32(), false, here), 23, here);
  Val sum = bitcast(p, integers, here) + Operand(exponent, here);
  Val result = bitcast(sum, type, here);
  return select(less(x, constant(-87.3, type, here), here), zero(type, here),
                result, here);
}

Val Emitter::log(Val x, Here here) {
  return wrap(math::LogOp::create(at(here), x.value));
}

Val Emitter::call(StringRef intrinsic, Type result, ArrayRef<Val> arguments,
                  Here here) {
  SmallVector<Value> values;
  for (Val argument : arguments)
    values.push_back(argument.value);
  auto call = LLVM::CallIntrinsicOp::create(
      at(here), result, builder.getStringAttr(intrinsic), values);
  return wrap(call.getResult(0));
}

void Emitter::callVoid(StringRef intrinsic, ArrayRef<Val> arguments,
                       Here here) {
  SmallVector<Value> values;
  for (Val argument : arguments)
    values.push_back(argument.value);
  LLVM::CallIntrinsicOp::create(at(here), builder.getStringAttr(intrinsic),
                                values);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

static SmallVector<Value> unwrap(ArrayRef<Val> vals) {
  return llvm::map_to_vector(vals, [](Val val) { return val.value; });
}

Vals Emitter::loop(Val begin, Val end, int64_t step, ArrayRef<Val> carried,
                   function_ref<Vals(Val, ArrayRef<Val>)> body, Here here) {
  Val stepValue = constant(step, begin.type(), here);
  auto loop = scf::ForOp::create(at(here), begin.value, end.value,
                                 stepValue.value, unwrap(carried));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Vals arguments;
  for (Value argument : loop.getRegionIterArgs())
    arguments.push_back(wrap(argument));
  // A loop that carries nothing gets its terminator from the builder of the op.
  bool hasTerminator = !loop.getBody()->empty();
  if (hasTerminator)
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  Vals results = body(wrap(loop.getInductionVar()), arguments);
  if (!hasTerminator)
    scf::YieldOp::create(at(here), unwrap(results));
  Vals wrapped;
  for (Value result : loop.getResults())
    wrapped.push_back(wrap(result));
  return wrapped;
}

void Emitter::loop(Val begin, Val end, int64_t step,
                   function_ref<void(Val)> body, Here here) {
  loop(
      begin, end, step, {},
      [&](Val iv, ArrayRef<Val>) {
        body(iv);
        return Vals();
      },
      here);
}

void Emitter::when(Val condition, function_ref<void()> body, Here here) {
  auto branch =
      scf::IfOp::create(at(here), condition.value, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

Vals Emitter::choose(Val condition, ArrayRef<Type> types,
                     function_ref<Vals()> yes, function_ref<Vals()> no,
                     Here here) {
  auto branch = scf::IfOp::create(at(here), types, condition.value,
                                  /*withElseRegion=*/true);
  auto fill = [&](Block *block, function_ref<Vals()> body) {
    OpBuilder::InsertionGuard guard(builder);
    // Without results the op's builder has put the terminator already.
    bool hasTerminator = block->mightHaveTerminator();
    if (hasTerminator)
      builder.setInsertionPoint(block->getTerminator());
    else
      builder.setInsertionPointToEnd(block);
    Vals values = body();
    if (!hasTerminator)
      scf::YieldOp::create(at(here), unwrap(values));
  };
  fill(branch.thenBlock(), yes);
  fill(branch.elseBlock(), no);
  Vals results;
  for (Value result : branch.getResults())
    results.push_back(wrap(result));
  return results;
}

void Emitter::ret(Here here) { func::ReturnOp::create(at(here)); }
