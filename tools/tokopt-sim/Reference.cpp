//===- Reference.cpp - What a kernel's results must be --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference goes the way of CPU code, which shares nothing with the way of
// kernels but LLVM.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-sim/Reference.h"

#include "dialects/Tok/TokDialect.h"
#include "tokopt/Target.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/RuntimeOpVerification.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <csetjmp>

using namespace mlir;
using namespace tokopt;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Words that a reference is called with; each goes where an address would.
static constexpr size_t kMostArguments = 8;

LogicalResult tokopt::checkReference(func::FuncOp kernel, const Case &what) {
  auto reference =
      kernel->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
          what.reference);
  if (!reference || reference.isExternal())
    return kernel.emitError("expects 'reference' to name a func.func with a "
                            "body, but there is no '")
           << what.reference << "'";
  size_t count = what.arguments.size();
  if (count > kMostArguments)
    return kernel.emitError("has ")
           << count << " arguments, but a reference is called with at most "
           << kMostArguments;
  if (reference.getNumArguments() > count || reference.getNumResults())
    return reference.emitError("expects a reference to take at most the ")
           << count << " arguments of kernel '" << what.kernel
           << "' and to return nothing";
  for (auto [number, type] : llvm::enumerate(reference.getArgumentTypes())) {
    const CaseArgument &argument = what.arguments[number];
    InFlightDiagnostic error = reference.emitError("argument number ")
                               << number << ", '" << argument.name
                               << "': expects ";
    if (argument.buffer) {
      auto memref = dyn_cast<MemRefType>(type);
      if (memref && memref.hasStaticShape() &&
          memref.getLayout().isIdentity() &&
          memref.getElementType() == argument.buffer.getElementType() &&
          memref.getNumElements() == argument.buffer.getNumElements()) {
        error.abandon();
        continue;
      }
      return error << "a memref of " << argument.buffer.getNumElements()
                   << " elements of " << argument.buffer.getElementType()
                   << ", as the kernel's buffer has, but got " << type;
    }
    Type wanted = kernel.getArgumentTypes()[number];
    if (type == wanted && (type.isInteger(32) || type.isInteger(64))) {
      error.abandon();
      continue;
    }
    return error << "the kernel's " << wanted
                 << ", which must be i32 or i64, but got " << type;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// What a reference must not do
//===----------------------------------------------------------------------===//

namespace {

/// A place where the reference may fail, and what it then does.
struct Check {
  Location place;
  std::string what;
};

} // namespace

/// Where `call` goes on after a check that failed, and its number.
static thread_local std::jmp_buf afterCall;
static thread_local uint32_t failedCheck;

/// Leaves the reference, whose frames have nothing to destroy.
[[noreturn]] static void leave(uint32_t check) {
  failedCheck = check;
  std::longjmp(afterCall, 1);
}

/// Refuses what no check can be put before.
static LogicalResult refuseUnchecked(ModuleOp module) {
  WalkResult result = module.walk([&](Operation *op) {
    if (isa_and_nonnull<LLVM::LLVMDialect>(op->getDialect())) {
      op->emitError("expects no operations of LLVM in a reference: they are "
                    "not checked");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  CallGraph graph(module);
  for (auto group = llvm::scc_begin<const CallGraph *>(&graph);
       !group.isAtEnd(); ++group)
    if (group.hasCycle())
      return (*group).front()->getCallableRegion()->getParentOp()->emitError(
          "expects a reference not to call itself");
  return success();
}

/// The host would end the process over an integer that is divided by zero, or
/// the smallest one by -1.
static void checkDivisions(ModuleOp module) {
  module.walk([](Operation *op) {
    bool isSigned = isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
                        arith::CeilDivSIOp>(op);
    if (!isSigned &&
        !isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op))
      return;
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value dividend = op->getOperand(0), divisor = op->getOperand(1);
    Type type = divisor.getType();
    auto differs = [&](Value value, const llvm::APInt &from) {
      Attribute constant = b.getIntegerAttr(getElementTypeOrSelf(type), from);
      if (auto vector = dyn_cast<VectorType>(type))
        constant = DenseElementsAttr::get(vector, constant);
      Value isOther = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ne, value,
          arith::ConstantOp::create(b, cast<TypedAttr>(constant)));
      if (auto vector = dyn_cast<VectorType>(isOther.getType()))
        isOther =
            vector::ReductionOp::create(b, vector::CombiningKind::AND, isOther);
      return isOther;
    };
    unsigned bits = getElementTypeOrSelf(type).isIndex()
                        ? IndexType::kInternalStorageBitWidth
                        : getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    cf::AssertOp::create(b, differs(divisor, llvm::APInt::getZero(bits)),
                         "division by zero");
    if (isSigned)
      cf::AssertOp::create(
          b,
          arith::OrIOp::create(
              b, differs(divisor, llvm::APInt::getAllOnes(bits)),
              differs(dividend, llvm::APInt::getSignedMinValue(bits))),
          "division of the smallest number by -1");
  });
}

/// Checks the bounds of every access, and divisors. Returns the checks in the
/// order of the numbers that `leave` is called with.
static FailureOr<std::vector<Check>> addChecks(ModuleOp module) {
  if (failed(refuseUnchecked(module)))
    return failure();
  MLIRContext *context = module.getContext();
  DialectRegistry registry;
  memref::registerRuntimeVerifiableOpInterfaceExternalModels(registry);
  context->appendDialectRegistry(registry);
  PassManager lowering(context);
  lowering.addPass(createLowerAffinePass());
  if (failed(lowering.run(module)))
    return failure();
  checkDivisions(module);
  PassManager manager(context);
  manager.addPass(createGenerateRuntimeVerificationPass());
  if (failed(manager.run(module)))
    return failure();

  std::vector<Check> checks;
  ImplicitLocOpBuilder b(module.getLoc(), context);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          b.getI32Type());
  module.walk([&](cf::AssertOp check) {
    b.setLoc(check.getLoc());
    b.setInsertionPoint(check);
    Value fails = arith::XOrIOp::create(b, check.getArg(),
                                        arith::ConstantIntOp::create(b, 1, 1));
    Value number = arith::ConstantIntOp::create(b, checks.size(), 32);
    auto branch = scf::IfOp::create(b, fails, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    // By its address: generated code may not call what nothing defines.
    Value address = LLVM::ConstantOp::create(
        b, b.getI64IntegerAttr(reinterpret_cast<intptr_t>(&leave)));
    Value function = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(context), address);
    LLVM::CallOp::create(b, type, ValueRange{function, number});
    // What MLIR says of bounds is longer than it need be.
    bool isBounds = check.getMsg().starts_with("ERROR: Runtime op");
    checks.push_back(
        {check.getLoc(), isBounds ? "out of bounds" : check.getMsg().str()});
    check.erase();
  });
  return checks;
}

/// By the C calling convention, words beyond those that a function takes are
/// ignored. Returns the number of the check that failed, if one did.
static std::optional<uint32_t> call(void *function,
                                    ArrayRef<uint64_t> arguments) {
  uint64_t w[kMostArguments] = {};
  llvm::copy(arguments, w);
  if (setjmp(afterCall))
    return failedCheck;
  reinterpret_cast<void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t, uint64_t)>(function)(
      w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
  return std::nullopt;
}

llvm::Error tokopt::runReference(ModuleOp module, StringRef name,
                                 ArrayRef<uint64_t> arguments) {
  // All but it and what it calls is dropped.
  OwningOpRef<ModuleOp> own = ModuleOp::create(module.getLoc());
  auto builder = OpBuilder::atBlockEnd(own->getBody());
  for (auto function : module.getOps<func::FuncOp>())
    if (!function->hasAttr(tok::kLaunchAttrName))
      builder.clone(*function);
  FailureOr<std::vector<Check>> checks = addChecks(*own);
  if (failed(checks))
    return makeError("the reference '" + name + "' cannot be lowered");
  const IsaLevel *level = findIsaLevel("avx2");
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (StringRef feature : level->features)
    if (!features.lookup(feature))
      return makeError("references are compiled for " + level->name +
                       ", and this machine has no " + feature);
  auto object = compileToObject(*own, *level);
  if (!object)
    return object.takeError();

  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error =
          (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              StringRef(object->data(), object->size()), name)))
    return error;
  auto symbol = (*jit)->lookup((name + "." + level->name).str());
  if (!symbol)
    return symbol.takeError();
  std::optional<uint32_t> check = call(symbol->toPtr<void *>(), arguments);
  if (!check)
    return llvm::Error::success();
  emitError((*checks)[*check].place, (*checks)[*check].what)
      << ", in the reference '" << name << "'";
  return makeError("the reference '" + name + "' cannot be run");
}
