//===- Emit.cpp - Short ways to write upstream IR -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// The place for an op on both terms.
static Emitter &innermost(Term left, Term right) {
  return left.emitter->getDepth() < right.emitter->getDepth() ? *right.emitter
                                                              : *left.emitter;
}

template <typename IntOp, typename FloatOp>
static Term arithmetic(Term left, Term right) {
  Emitter &b = innermost(left, right);
  if (isa<FloatType>(left.getType()))
    return b.term(FloatOp::create(b, left, right));
  return b.term(IntOp::create(b, left, right));
}

template <typename IntOp>
static Term bitwise(Term left, Term right) {
  Emitter &b = innermost(left, right);
  return b.term(IntOp::create(b, left, right));
}

/// `right` as a constant of the type of `left`.
static Term like(Term left, int64_t right) {
  Type type = left.getType();
  return isa<FloatType>(type) ? left.emitter->real(type, right)
                              : left.emitter->integer(type, right);
}

namespace tokopt::reference {

Term operator+(Term left, Term right) {
  return arithmetic<arith::AddIOp, arith::AddFOp>(left, right);
}
Term operator-(Term left, Term right) {
  return arithmetic<arith::SubIOp, arith::SubFOp>(left, right);
}
Term operator*(Term left, Term right) {
  return arithmetic<arith::MulIOp, arith::MulFOp>(left, right);
}
Term operator/(Term left, Term right) {
  return arithmetic<arith::DivUIOp, arith::DivFOp>(left, right);
}
Term operator%(Term left, Term right) {
  return bitwise<arith::RemUIOp>(left, right);
}
Term operator&(Term left, Term right) {
  return bitwise<arith::AndIOp>(left, right);
}
Term operator|(Term left, Term right) {
  return bitwise<arith::OrIOp>(left, right);
}
Term operator^(Term left, Term right) {
  return bitwise<arith::XOrIOp>(left, right);
}
Term operator<<(Term left, Term right) {
  return bitwise<arith::ShLIOp>(left, right);
}
Term operator>>(Term left, Term right) {
  return bitwise<arith::ShRUIOp>(left, right);
}

Term operator+(Term left, int64_t right) { return left + like(left, right); }
Term operator-(Term left, int64_t right) { return left - like(left, right); }
Term operator*(Term left, int64_t right) { return left * like(left, right); }
Term operator/(Term left, int64_t right) { return left / like(left, right); }
Term operator%(Term left, int64_t right) { return left % like(left, right); }
Term operator&(Term left, int64_t right) { return left & like(left, right); }
Term operator^(Term left, int64_t right) { return left ^ like(left, right); }
Term operator<<(Term left, int64_t right) { return left << like(left, right); }
Term operator>>(Term left, int64_t right) { return left >> like(left, right); }

static Term compare(Term left, Term right, arith::CmpIPredicate integer,
                    arith::CmpFPredicate real) {
  Emitter &b = innermost(left, right);
  if (isa<FloatType>(left.getType()))
    return b.term(arith::CmpFOp::create(b, real, left, right));
  return b.term(arith::CmpIOp::create(b, integer, left, right));
}

Term operator<(Term left, Term right) {
  return compare(left, right, arith::CmpIPredicate::ult,
                 arith::CmpFPredicate::OLT);
}
Term operator>=(Term left, Term right) {
  return compare(left, right, arith::CmpIPredicate::uge,
                 arith::CmpFPredicate::OGE);
}
Term operator>(Term left, Term right) {
  return compare(left, right, arith::CmpIPredicate::ugt,
                 arith::CmpFPredicate::OGT);
}
Term operator==(Term left, Term right) {
  return compare(left, right, arith::CmpIPredicate::eq,
                 arith::CmpFPredicate::OEQ);
}

Term minimum(Term left, Term right) {
  return arithmetic<arith::MinUIOp, arith::MinNumFOp>(left, right);
}
Term maximum(Term left, Term right) {
  return arithmetic<arith::MaxUIOp, arith::MaxNumFOp>(left, right);
}
Term select(Term condition, Term yes, Term no) {
  Emitter &b = innermost(condition, {&innermost(yes, no), yes.value});
  return b.term(arith::SelectOp::create(b, condition, yes, no));
}
Term fma(Term left, Term right, Term sum) {
  Emitter &b = innermost(left, {&innermost(right, sum), right.value});
  return b.term(math::FmaOp::create(b, left, right, sum));
}

Term toIndex(Term integer) {
  Emitter &b = *integer.emitter;
  return b.term(
      arith::IndexCastUIOp::create(b, b.getIndexType(), integer.value));
}
Term toFloat(Term integer, Type type) {
  Emitter &b = *integer.emitter;
  return b.term(arith::UIToFPOp::create(b, type, integer.value));
}
Term toSignedFloat(Term integer, Type type) {
  Emitter &b = *integer.emitter;
  return b.term(arith::SIToFPOp::create(b, type, integer.value));
}
Term resizeFloat(Term value, Type type) {
  Emitter &b = *value.emitter;
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (from < to)
    return b.term(arith::ExtFOp::create(b, type, value.value));
  if (from > to)
    return b.term(arith::TruncFOp::create(b, type, value.value));
  return value;
}

} // namespace tokopt::reference

RoundedByte reference::roundToByte(Term value, Term most) {
  Emitter &b = *value.emitter;
  Term nothing = most < b.f32(1e-36), zero = b.f32(0);
  Term scaled = value * (b.f32(127) / most);
  Term byte = b.term(math::RoundEvenOp::create(b, scaled.value));
  return {select(nothing, zero, most / 127), select(nothing, zero, byte)};
}

Value reference::largestMagnitudes(Emitter &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<unsigned> loops =
      llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
  SmallVector<unsigned> outer(ArrayRef(loops).drop_back());
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(b.dim(tensor, 0));
  Value most = b.empty(type.getShape().drop_back(), b.getF32Type(), sizes);
  return b.generic({{tensor, loops}}, {b.fill(most, b.f32(0)), outer},
                   [](Emitter &b, ArrayRef<Term> values) {
                     Value size = math::AbsFOp::create(b, values[0].value);
                     return maximum(b.term(size), values[1]);
                   });
}

//===----------------------------------------------------------------------===//
// Emitter
//===----------------------------------------------------------------------===//

Term Emitter::index(int64_t value) {
  return term(arith::ConstantIndexOp::create(*this, value));
}

Term Emitter::integer(Type type, int64_t value) {
  return term(arith::ConstantOp::create(*this, getIntegerAttr(type, value)));
}

Term Emitter::real(Type type, double value) {
  return term(arith::ConstantOp::create(*this, getFloatAttr(type, value)));
}

void Emitter::require(Term condition, StringRef message) {
  cf::AssertOp::create(*this, condition, message);
}

void Emitter::requireSameRows(Value left, Value right, StringRef message) {
  Term rows = dim(left, 0);
  require(rows == dim(right, 0), message);
}

Term Emitter::dim(Value tensor, int64_t dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return index(type.getDimSize(dimension));
  return term(tensor::DimOp::create(*this, tensor, dimension));
}

Term Emitter::extract(Value tensor, ValueRange indices) {
  return term(tensor::ExtractOp::create(*this, tensor, indices));
}

Value Emitter::empty(ArrayRef<int64_t> shape, Type type, ValueRange sizes) {
  return tensor::EmptyOp::create(*this, shape, type, sizes);
}

Value Emitter::fill(Value tensor, Term value) {
  return linalg::FillOp::create(*this, ValueRange(value.value),
                                ValueRange(tensor))
      .getResult(0);
}

Value Emitter::slice(RankedTensorType type, Value tensor,
                     ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), getIndexAttr(1));
  return tensor::ExtractSliceOp::create(*this, type, tensor, offsets, sizes,
                                        strides);
}

Value Emitter::insert(Value part, Value tensor, ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), getIndexAttr(1));
  return tensor::InsertSliceOp::create(*this, part, tensor, offsets, sizes,
                                       strides);
}

/// `[0], [1, ..., last]`.
static SmallVector<ReassociationIndices> groupInner(int64_t last) {
  return {{0}, llvm::to_vector<2>(llvm::seq<int64_t>(1, last + 1))};
}

Value Emitter::flattenRows(Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  if (rank == 2)
    return tensor;
  return tensor::CollapseShapeOp::create(*this, tensor, groupInner(rank - 1));
}

Value Emitter::splitRows(Value tensor, ArrayRef<int64_t> inner) {
  if (inner.size() == 1)
    return tensor;
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape = {type.getDimSize(0)};
  llvm::append_range(shape, inner);
  SmallVector<OpFoldResult> sizes = {getAsOpFoldResult(dim(tensor, 0).value)};
  for (int64_t size : inner)
    sizes.push_back(getIndexAttr(size));
  return tensor::ExpandShapeOp::create(
      *this, RankedTensorType::get(shape, type.getElementType()), tensor,
      groupInner(inner.size()), sizes);
}

Value Emitter::generic(ArrayRef<Operand> inputs, Operand output, Body body) {
  SmallVector<Value> tensors;
  SmallVector<Operand> operands(inputs);
  operands.push_back(output);
  unsigned loops = 0;
  for (const Operand &operand : operands)
    for (unsigned loop : operand.loops)
      loops = std::max(loops, loop + 1);

  SmallVector<AffineMap> maps;
  for (const Operand &operand : operands) {
    SmallVector<AffineExpr> dimensions;
    for (unsigned loop : operand.loops)
      dimensions.push_back(getAffineDimExpr(loop));
    maps.push_back(AffineMap::get(loops, 0, dimensions, getContext()));
    tensors.push_back(operand.tensor);
  }
  SmallVector<utils::IteratorType> iterators;
  for (unsigned loop = 0; loop < loops; ++loop)
    iterators.push_back(llvm::is_contained(output.loops, loop)
                            ? utils::IteratorType::parallel
                            : utils::IteratorType::reduction);
  auto buildBody = [&](OpBuilder &builder, Location loc, ValueRange values) {
    Emitter inner(loc, builder, depth + 1);
    SmallVector<Term> terms;
    for (Value value : values)
      terms.push_back(inner.term(value));
    linalg::YieldOp::create(inner, ValueRange(body(inner, terms).value));
  };
  return linalg::GenericOp::create(*this, TypeRange(output.tensor.getType()),
                                   ArrayRef(tensors).drop_back(),
                                   ValueRange(output.tensor), maps, iterators,
                                   buildBody)
      .getResult(0);
}

Term Emitter::loop(unsigned number) {
  return term(linalg::IndexOp::create(*this, number));
}

/// The place of some rows.
static std::pair<SmallVector<OpFoldResult>, SmallVector<OpFoldResult>>
placeRows(Emitter &b, RankedTensorType type, Term first, Term rows) {
  SmallVector<OpFoldResult> offsets = {getAsOpFoldResult(first.value)};
  SmallVector<OpFoldResult> sizes = {getAsOpFoldResult(rows.value)};
  for (int64_t size : type.getShape().drop_front()) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(size));
  }
  return {offsets, sizes};
}

Value Emitter::sliceRows(Value tensor, Term first, Term rows) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto [offsets, sizes] = placeRows(*this, type, first, rows);
  return slice(type, tensor, offsets, sizes);
}

Value Emitter::insertRows(Value part, Value tensor, Term first, Term rows) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto [offsets, sizes] = placeRows(*this, type, first, rows);
  return insert(part, tensor, offsets, sizes);
}

ValueRange Emitter::forLoop(Term begin, Term end, int64_t step,
                            ValueRange carried, LoopBody body) {
  auto buildBody = [&](OpBuilder &builder, Location loc, Value iteration,
                       ValueRange values) {
    Emitter inner(loc, builder, depth + 1);
    SmallVector<Value> next = body(inner, inner.term(iteration), values);
    scf::YieldOp::create(inner, next);
  };
  auto loop = scf::ForOp::create(*this, begin, end, index(step).value, carried,
                                 buildBody);
  return loop.getResults();
}

ValueRange Emitter::ifElse(Term condition, Branch yes, Branch no) {
  auto build = [this](Branch branch) {
    return [this, branch](OpBuilder &builder, Location loc) {
      Emitter inner(loc, builder, depth + 1);
      SmallVector<Value> values = branch(inner);
      scf::YieldOp::create(inner, values);
    };
  };
  auto op = scf::IfOp::create(*this, condition.value, build(yes), build(no));
  return op.getResults();
}
