//===- Translation.cpp - What can be translated to LLVM IR ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers of the LLVM dialect leave some things to translation, which takes
// them for granted.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/TypeToLLVM.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LLVMContext.h"

using namespace mlir;
using namespace tokopt;

/// Types of memory, which nothing converts.
static LogicalResult checkTypes(Operation *op) {
  for (NamedAttribute attribute : op->getAttrs()) {
    auto type = dyn_cast<TypeAttr>(attribute.getValue());
    if (type && !isa<FunctionType>(type.getValue()) &&
        !LLVM::isCompatibleType(type.getValue()))
      return op->emitError("expects '")
             << attribute.getName().getValue()
             << "' to be a type of LLVM, but got " << type.getValue();
  }
  return success();
}

/// An intrinsic that is called by its name, with what it takes.
static LogicalResult checkIntrinsic(LLVM::CallIntrinsicOp op) {
  namespace Intrinsic = llvm::Intrinsic;
  Intrinsic::ID id = Intrinsic::lookupIntrinsicID(op.getIntrin());
  if (id == Intrinsic::not_intrinsic)
    return op.emitError("calls '")
           << op.getIntrin() << "', which is no intrinsic";
  llvm::LLVMContext context;
  LLVM::TypeToLLVMIRTranslator translator(context);
  SmallVector<llvm::Type *> operands;
  for (Type type : op.getArgs().getTypes())
    operands.push_back(translator.translateType(type));
  llvm::Type *result =
      op.getNumResults() ? translator.translateType(op.getResultTypes().front())
                         : llvm::Type::getVoidTy(context);
  auto *type = llvm::FunctionType::get(result, operands, /*isVarArg=*/false);
  SmallVector<Intrinsic::IITDescriptor> table;
  Intrinsic::getIntrinsicInfoTableEntries(id, table);
  ArrayRef<Intrinsic::IITDescriptor> rest = table;
  SmallVector<llvm::Type *> overloads;
  if (Intrinsic::matchIntrinsicSignature(type, rest, overloads) ==
          Intrinsic::MatchIntrinsicTypes_Match &&
      rest.empty())
    return success();
  InFlightDiagnostic error = op.emitError("calls '")
                             << op.getIntrin()
                             << "' with operands or results that it has not: ";
  error << FunctionType::get(op.getContext(), op.getArgs().getTypes(),
                             op.getResultTypes());
  return error;
}

LogicalResult tokopt::checkTranslation(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) -> WalkResult {
    if (failed(checkTypes(op)))
      return failure();
    if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op))
      return checkIntrinsic(call);
    return success();
  });
  return failure(result.wasInterrupted());
}
