//===- Selection.cpp - What the backend can select ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVPTX ends the process over LLVM IR that it has no instruction for ("Cannot
// select"), so what gets to it is what is known to be there: types that
// registers hold, scopes that PTX has, and intrinsics of this list.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"
#include "tokopt/CudaArithmetic.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;

Error tokopt::makeInstructionError(const Instruction &instruction,
                                   const CudaArchitecture &architecture,
                                   const Twine &message) {
  const DebugLoc &location = instruction.getDebugLoc();
  std::string place =
      location
          ? (location->getFilename() + ":" + Twine(location.getLine())).str()
          : instruction.getFunction()->getName().str();
  return createStringError(inconvertibleErrorCode(),
                           place + ": generating code for " +
                               architecture.name + ": " + message);
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// 255 registers of 4 bytes are what a thread has at most.
static constexpr uint64_t kMostValueBytes = 1024;
/// Wider numbers are emulated by as many instructions as their width squared.
static constexpr unsigned kMostIntegerBits = 128;

/// Whether values of `type` can be in registers, or are none.
static bool isSelectable(Type *type, const DataLayout &layout) {
  if (type->isVoidTy() || type->isLabelTy() || type->isMetadataTy())
    return true;
  if (auto *integer = dyn_cast<IntegerType>(type))
    return integer->getBitWidth() <= kMostIntegerBits;
  if (type->isHalfTy() || type->isBFloatTy() || type->isFloatTy() ||
      type->isDoubleTy() || type->isPointerTy())
    return true;
  bool isAggregate = type->isStructTy() || type->isArrayTy();
  if (!isAggregate && !isa<FixedVectorType>(type))
    return false;
  return layout.getTypeAllocSize(type) <= kMostValueBytes &&
         all_of(type->subtypes(),
                [&](Type *part) { return isSelectable(part, layout); });
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

/// Of what PTX has a fence or an atomic (PTX ISA, "Scope").
static bool hasScope(StringRef name, const CudaArchitecture &architecture) {
  return StringSwitch<bool>(name)
      .Cases({"", "block", "device"}, true)
      .Case("cluster", architecture.capability >= 90)
      .Default(false);
}

//===----------------------------------------------------------------------===//
// Intrinsics
//===----------------------------------------------------------------------===//

/// Whether PTX, or what the backend makes of it, computes `id` of each type.
static bool isSelectable(Intrinsic::ID id) {
  if (isExactOnGpu(id))
    return true;
  switch (id) {
  case Intrinsic::fmuladd:
  case Intrinsic::is_fpclass:
  case Intrinsic::lifetime_end:
  case Intrinsic::lifetime_start:
  case Intrinsic::memcpy:
  case Intrinsic::memmove:
  case Intrinsic::memset:
  case Intrinsic::round:
  case Intrinsic::sadd_sat:
  case Intrinsic::sadd_with_overflow:
  case Intrinsic::smul_with_overflow:
  case Intrinsic::ssub_sat:
  case Intrinsic::ssub_with_overflow:
  case Intrinsic::trap:
  case Intrinsic::uadd_sat:
  case Intrinsic::uadd_with_overflow:
  case Intrinsic::umul_with_overflow:
  case Intrinsic::usub_sat:
  case Intrinsic::usub_with_overflow:
  case Intrinsic::vector_reduce_add:
  case Intrinsic::vector_reduce_and:
  case Intrinsic::vector_reduce_fadd:
  case Intrinsic::vector_reduce_fmax:
  case Intrinsic::vector_reduce_fmin:
  case Intrinsic::vector_reduce_fmul:
  case Intrinsic::vector_reduce_mul:
  case Intrinsic::vector_reduce_or:
  case Intrinsic::vector_reduce_smax:
  case Intrinsic::vector_reduce_smin:
  case Intrinsic::vector_reduce_umax:
  case Intrinsic::vector_reduce_umin:
  case Intrinsic::vector_reduce_xor:
    return true;
  default:
    return false;
  }
}

/// Whether `call` is of an intrinsic of LLVM that there is.
static bool isSelectable(const IntrinsicInst &call) {
  // ex2.approx is of single precision, and of half.
  if (call.getIntrinsicID() == Intrinsic::exp2)
    return !call.getType()->getScalarType()->isDoubleTy();
  return isSelectable(call.getIntrinsicID());
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

Error tokopt::checkSelectable(const Instruction &instruction,
                              const CudaArchitecture &architecture) {
  const Function &function = *instruction.getFunction();
  const DataLayout &layout = function.getDataLayout();
  auto fail = [&](const Twine &message) {
    return makeInstructionError(instruction, architecture, message);
  };
  auto checkType = [&](Type *type) -> Error {
    if (isSelectable(type, layout))
      return Error::success();
    std::string text;
    raw_string_ostream(text) << *type;
    return fail("a value of type '" + text +
                "' fits no registers: expects integers of at most " +
                Twine(kMostIntegerBits) +
                " bits, f16, bf16, f32, f64, pointers, or fixed vectors and "
                "structures of these of at most " +
                Twine(kMostValueBytes) + " bytes");
  };
  if (Error error = checkType(instruction.getType()))
    return error;
  for (const Value *operand : instruction.operands())
    if (Error error = checkType(operand->getType()))
      return error;

  if (std::optional<SyncScope::ID> scope = getAtomicSyncScopeID(&instruction)) {
    SmallVector<StringRef> names;
    function.getContext().getSyncScopeNames(names);
    StringRef name = *scope < names.size() ? names[*scope] : "?";
    if (!hasScope(name, architecture))
      return fail("the scope '" + name + "' is none of " + architecture.name +
                  ": expects 'block', 'device'" +
                  (hasScope("cluster", architecture) ? ", 'cluster'" : "") +
                  " or none, for the system");
  }

  const auto *intrinsic = dyn_cast<IntrinsicInst>(&instruction);
  // Those of the GPU have a table of their own.
  if (!intrinsic ||
      intrinsic->getCalledFunction()->getName().starts_with("llvm.nvvm."))
    return Error::success();
  if (!isSelectable(*intrinsic))
    return fail(
        "'" + intrinsic->getCalledFunction()->getName() +
        "' has no instruction: kernels compute it from those there are");
  return Error::success();
}

Error tokopt::checkGlobals(const Module &module,
                           const CudaArchitecture &architecture) {
  auto fail = [&](const GlobalValue &value, const Twine &message) {
    return createStringError(inconvertibleErrorCode(),
                             "generating code for " + architecture.name +
                                 ": '" + value.getName() + "' " + message);
  };
  for (const GlobalAlias &alias : module.aliases())
    return fail(alias, "is an alias, which PTX has for functions only");
  for (const GlobalIFunc &function : module.ifuncs())
    return fail(function, "is chosen when it is loaded, which PTX does not do");
  for (const GlobalVariable &global : module.globals())
    if (global.isThreadLocal())
      return fail(global, "is of a thread: a kernel keeps such values in "
                          "registers");
  return Error::success();
}
