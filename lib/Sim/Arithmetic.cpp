//===- Arithmetic.cpp - Arithmetic as the GPU has it ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Arithmetic.h"

#include "llvm/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace llvm::PatternMatch;

/// PTX ISA, "shl" and "shr": what is shifted by more than there are bits is
/// gone, or is the sign.
static Value *shift(BinaryOperator &instruction, IRBuilderBase &b) {
  Value *value = instruction.getOperand(0), *amount = instruction.getOperand(1);
  Type *type = instruction.getType();
  Constant *bits = ConstantInt::get(type, type->getScalarSizeInBits());
  if (instruction.getOpcode() == Instruction::AShr) {
    Constant *most = ConstantInt::get(type, type->getScalarSizeInBits() - 1);
    return b.CreateAShr(value,
                        b.CreateBinaryIntrinsic(Intrinsic::umin, amount, most));
  }
  Constant *zero = Constant::getNullValue(type);
  Value *isInside = b.CreateICmpULT(amount, bits);
  Value *moved = b.CreateBinOp(instruction.getOpcode(), value,
                               b.CreateSelect(isInside, amount, zero));
  return b.CreateSelect(isInside, moved, zero);
}

/// PTX ISA, "cvt": an integer that is too large or too small becomes the
/// largest or the smallest. What is not a number becomes zero, unless either
/// side has 64 bits: then it becomes the highest bit. Integers narrower than 16
/// bits are the low bits of one of 16.
static Value *convert(CastInst &instruction, IRBuilderBase &b) {
  Value *number = instruction.getOperand(0);
  Type *type = instruction.getType();
  unsigned bits =
      std::max<unsigned>(16, PowerOf2Ceil(type->getScalarSizeInBits()));
  Type *wide = type->getWithNewBitWidth(bits);
  Value *integer = b.CreateIntrinsic(
      instruction.getOpcode() == Instruction::FPToSI ? Intrinsic::fptosi_sat
                                                     : Intrinsic::fptoui_sat,
      {wide, number->getType()}, {number});
  if (bits == 64 || number->getType()->getScalarType()->isDoubleTy())
    integer = b.CreateSelect(
        b.CreateFCmpUNO(number, number),
        ConstantInt::get(wide, APInt::getSignedMinValue(bits)), integer);
  return b.CreateTrunc(integer, type);
}

/// Whether all of a vector, or a number, is a constant below `limit`.
static bool isBelow(Value *amount, uint64_t limit) {
  return match(amount,
               m_SpecificInt_ICMP(
                   ICmpInst::ICMP_ULT,
                   APInt(amount->getType()->getScalarSizeInBits(), limit)));
}

bool tokopt::sim::rewriteArithmetic(Instruction &instruction) {
  IRBuilder<> b(&instruction);
  b.SetCurrentDebugLocation(DebugLoc());
  Value *result = nullptr;
  if (instruction.isShift()) {
    if (isBelow(instruction.getOperand(1),
                instruction.getType()->getScalarSizeInBits()))
      return false;
    result = shift(cast<BinaryOperator>(instruction), b);
  } else if (isa<FPToSIInst, FPToUIInst>(instruction)) {
    // The backend has none for more.
    if (instruction.getType()->getScalarSizeInBits() > 64)
      return false;
    result = convert(cast<CastInst>(instruction), b);
  } else {
    return false;
  }
  instruction.replaceAllUsesWith(result);
  instruction.eraseFromParent();
  return true;
}

tokopt::sim::DivisionFaults
tokopt::sim::findDivisionFaults(Instruction &instruction, IRBuilderBase &b) {
  if (!instruction.isIntDivRem())
    return {};
  Value *dividend = instruction.getOperand(0),
        *divisor = instruction.getOperand(1);
  Type *type = instruction.getType();
  // Of a vector, whether any.
  auto any = [&](Value *found) {
    return type->isVectorTy() ? b.CreateOrReduce(found) : found;
  };
  auto isAny = [&](Value *value, const APInt &wanted) {
    return b.CreateICmpEQ(value, ConstantInt::get(type, wanted));
  };
  unsigned bits = type->getScalarSizeInBits();
  DivisionFaults faults;
  const APInt *constant = nullptr;
  bool isConstant = match(divisor, m_APInt(constant));
  if (!isConstant || constant->isZero())
    faults.byZero = any(isAny(divisor, APInt::getZero(bits)));
  bool isSigned = instruction.getOpcode() == Instruction::SDiv ||
                  instruction.getOpcode() == Instruction::SRem;
  if (isSigned && (!isConstant || constant->isAllOnes()))
    faults.overflows =
        any(b.CreateAnd(isAny(divisor, APInt::getAllOnes(bits)),
                        isAny(dividend, APInt::getSignedMinValue(bits))));
  return faults;
}
