//===- Program.cpp - A kernel prepared for the host -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pointers of all address spaces are plain addresses on the host, so loads and
// stores stay as they are; what is added is the call before each that lets the
// machine check it. Shared memory is mapped a second time for generic
// addresses, so casts between address spaces are sums (Memory.h).
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Program.h"

#include "lib/Sim/Accesses.h"
#include "lib/Sim/Arithmetic.h"
#include "lib/Sim/Flow.h"
#include "lib/Sim/Memory.h"
#include "lib/Sim/Registers.h"
#include "tokopt/CudaArithmetic.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/IR/Verifier.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

#include <cstring>
#include <mutex>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::sim;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

namespace {

class Rewriter {
public:
  Rewriter(Module &module, const Memory &memory, std::vector<Site> &sites,
           std::vector<LocalArray> &arrays)
      : module(module), memory(memory), sites(sites), arrays(arrays),
        context(module.getContext()), i32(Type::getInt32Ty(context)),
        i64(Type::getInt64Ty(context)), pointer(PointerType::get(context, 0)) {
    Type *nothing = Type::getVoidTy(context);
    access = module.getOrInsertFunction("tokopt_sim_access", nothing, i64, i64,
                                        i32, i32, i32);
    operation = module.getOrInsertFunction("tokopt_sim_operation", nothing, i32,
                                           pointer, pointer);
    sreg = module.getOrInsertFunction("tokopt_sim_register", i32, i32);
    use = module.getOrInsertFunction("tokopt_sim_use", nothing, i32, i32);
    array = module.getOrInsertFunction("tokopt_sim_array", pointer, i32);
    loop = module.getOrInsertFunction("tokopt_sim_loop", nothing, i32);
    fault = module.getOrInsertFunction("tokopt_sim_fault", nothing, i32, i32);
  }

  /// Gives shared variables their addresses and returns their size.
  Expected<uint64_t> placeVariables();
  Error rewrite(Function &function);
  void addEntry(Function &kernel);

  /// The most registers that a setmaxnreg names.
  uint32_t mostRegisters = 0;

private:
  Error rewriteCall(CallBase &call);
  void rewriteOperation(CallBase &call, const Operation &decoded,
                        StringRef name);
  Error rewriteAssembly(CallBase &call);
  void guardSums(Function &function);
  Error placeArray(AllocaInst &array);
  void beginArray(CallBase &lifetime);
  /// Reports `kind` before `instruction` where `condition` holds, which may be
  /// null.
  void guard(Instruction &instruction, Value *condition, Fault kind);
  void guardResult(Instruction &instruction);
  void rewriteFence(FenceInst &fence);
  Error rewriteCast(AddrSpaceCastInst &cast);
  void checkAccess(Instruction &instruction, const Access &what);
  uint32_t addSite(const Instruction &instruction, std::string what,
                   Operation decoded = {}, uint64_t piece = 0) {
    sites.push_back({locationOf(instruction), std::move(what), decoded, piece});
    return sites.size() - 1;
  }

  Module &module;
  const Memory &memory;
  std::vector<Site> &sites;
  std::vector<LocalArray> &arrays;
  LLVMContext &context;
  Type *i32, *i64;
  PointerType *pointer;
  FunctionCallee access, operation, sreg, use, array, loop, fault;
  /// Where the present function keeps operands and results of operations.
  Value *operands = nullptr, *results = nullptr;
  SmallPtrSet<const CallBase *, 16> unfenced;
  /// The array of each address of one, and the bytes of all.
  DenseMap<const Value *, uint32_t> arrayOf;
  uint64_t localBytes = 0;
};

} // namespace

Expected<uint64_t> Rewriter::placeVariables() {
  uint64_t end = 0;
  SmallVector<GlobalVariable *> last;
  auto place = [&](GlobalVariable &variable) {
    uint64_t begin = alignTo(end, variable.getAlign().valueOrOne());
    // Casts of its address are to be found among the instructions.
    convertUsersOfConstantsToInstructions({&variable});
    variable.replaceAllUsesWith(ConstantExpr::getIntToPtr(
        ConstantInt::get(i64, memory.sharedBase() + begin),
        variable.getType()));
    end = begin +
          module.getDataLayout().getTypeAllocSize(variable.getValueType());
  };
  for (GlobalVariable &variable : module.globals()) {
    if (variable.getName().starts_with("llvm."))
      continue;
    if (variable.getAddressSpace() != kSharedSpace)
      return makeError("error: no simulation for the variable '" +
                       variable.getName() + "' outside of shared memory");
    // Memory whose size is that of the launch lies behind all else.
    if (variable.isDeclaration())
      last.push_back(&variable);
    else
      place(variable);
  }
  for (GlobalVariable *variable : last)
    place(*variable);
  return end;
}

//===----------------------------------------------------------------------===//
// Local memory
//===----------------------------------------------------------------------===//

Error Rewriter::placeArray(AllocaInst &declared) {
  if (declared.getAddressSpace() != kGenericSpace)
    return noSimulation(declared, "memory of address space " +
                                      Twine(declared.getAddressSpace()));
  std::optional<TypeSize> size =
      declared.getAllocationSize(module.getDataLayout());
  if (!declared.isStaticAlloca() || !size || size->isScalable())
    return noSimulation(declared, "local memory of a size that is not known");
  localBytes += size->getFixedValue();
  if (localBytes > kLocalMost)
    return noSimulation(declared, "more than " + Twine(kLocalMost) +
                                      " bytes of local memory");
  std::string text =
      "array of " + std::to_string(size->getFixedValue()) + " bytes";
  uint32_t number = arrays.size();
  arrays.push_back({size->getFixedValue(), addSite(declared, text)});
  IRBuilder<> b(&declared);
  b.SetCurrentDebugLocation(DebugLoc());
  Value *address = b.CreateCall(array, {b.getInt32(number)});
  arrayOf[address] = number;
  declared.replaceAllUsesWith(address);
  declared.eraseFromParent();
  return Error::success();
}

/// Where the life of an array begins or ends, its contents do.
void Rewriter::beginArray(CallBase &lifetime) {
  IRBuilder<> b(&lifetime);
  b.SetCurrentDebugLocation(DebugLoc());
  auto found = arrayOf.find(lifetime.getArgOperand(0));
  if (found != arrayOf.end())
    b.CreateCall(array, {b.getInt32(found->second)});
  lifetime.eraseFromParent();
}

void Rewriter::checkAccess(Instruction &instruction, const Access &what) {
  IRBuilder<> b(&instruction);
  b.SetCurrentDebugLocation(DebugLoc());
  std::string text = what.verb.str();
  uint64_t piece = what.length ? 0 : what.pieceBytes();
  if (piece)
    text += " of " + std::to_string(piece) + (piece == 1 ? " byte" : " bytes");
  Value *length = what.length ? b.CreateZExtOrTrunc(what.length, i64)
                              : b.getInt64(what.bytes);
  b.CreateCall(access, {b.CreatePtrToInt(what.pointer, i64), length,
                        b.getInt32(what.flags), b.getInt32(what.alignment),
                        b.getInt32(addSite(instruction, text, {}, piece))});
}

void Rewriter::guard(Instruction &instruction, Value *condition, Fault kind) {
  if (!condition)
    return;
  IRBuilder<> b(
      SplitBlockAndInsertIfThen(condition, &instruction, /*Unreachable=*/true));
  uint32_t site = addSite(instruction, isa<MemCpyInst>(instruction)
                                           ? "copy"
                                           : instruction.getOpcodeName());
  b.CreateCall(fault,
               {b.getInt32(site), b.getInt32(static_cast<uint32_t>(kind))});
}

/// Where the GPU does one thing or another, the host may end the process.
void Rewriter::guardResult(Instruction &instruction) {
  IRBuilder<> b(&instruction);
  b.SetCurrentDebugLocation(DebugLoc());
  DivisionFaults faults = findDivisionFaults(instruction, b);
  guard(instruction, faults.byZero, Fault::DivisionByZero);
  guard(instruction, faults.overflows, Fault::DivisionOverflow);
  auto *copy = dyn_cast<MemCpyInst>(&instruction);
  if (!copy)
    return;
  // One may be copied to itself.
  Value *distance = b.CreateSub(b.CreatePtrToInt(copy->getRawDest(), i64),
                                b.CreatePtrToInt(copy->getRawSource(), i64));
  guard(
      instruction,
      b.CreateAnd(b.CreateIsNotNull(distance),
                  b.CreateICmpULT(b.CreateBinaryIntrinsic(
                                      Intrinsic::abs, distance, b.getFalse()),
                                  b.CreateZExtOrTrunc(copy->getLength(), i64))),
      Fault::Overlap);
}

void Rewriter::rewriteFence(FenceInst &fence) {
  IRBuilder<> b(&fence);
  b.SetCurrentDebugLocation(DebugLoc());
  uint32_t flags =
      flagsOf(fence.getOrdering(), fence.getSyncScopeID(), context);
  uint32_t site =
      addSite(fence, "fence", {Opcode::Fence, static_cast<uint8_t>(flags)});
  b.CreateCall(operation, {b.getInt32(site), operands, results});
}

/// PTX ISA, "cvta": shared memory is a window of generic addresses. Those of
/// global memory are the same numbers there, and so are shared addresses of the
/// own block among those of its cluster.
Error Rewriter::rewriteCast(AddrSpaceCastInst &cast) {
  auto isShared = [](unsigned space) {
    return space == kSharedSpace || space == kSharedClusterSpace;
  };
  unsigned from = cast.getSrcAddressSpace(), to = cast.getDestAddressSpace();
  bool isGlobal = (from == kGlobalSpace && to == kGenericSpace) ||
                  (from == kGenericSpace && to == kGlobalSpace);
  if (isGlobal || (isShared(from) && isShared(to)))
    return Error::success();
  if (!(isShared(from) && to == kGenericSpace) &&
      !(from == kGenericSpace && isShared(to)))
    return noSimulation(cast, "a cast from address space " + Twine(from) +
                                  " to " + Twine(to));
  IRBuilder<> b(&cast);
  b.SetCurrentDebugLocation(DebugLoc());
  // Pointers may be those of a vector.
  Type *words = cast.getType()->getWithNewType(i64);
  uint64_t distance = memory.windowBase() - memory.sharedBase();
  Value *address = b.CreateAdd(
      b.CreatePtrToInt(cast.getPointerOperand(), words),
      ConstantInt::get(words, isShared(from) ? distance : -distance));
  cast.replaceAllUsesWith(b.CreateIntToPtr(address, cast.getType()));
  cast.eraseFromParent();
  return Error::success();
}

void Rewriter::rewriteOperation(CallBase &call, const Operation &decoded,
                                StringRef name) {
  IRBuilder<> b(&call);
  b.SetCurrentDebugLocation(DebugLoc());
  Value *site = b.getInt32(addSite(call, name.str(), decoded));
  if (decoded.opcode <= Opcode::BlockCount) {
    call.replaceAllUsesWith(b.CreateCall(sreg, {site}));
    call.eraseFromParent();
    return;
  }
  for (auto [number, operand] : enumerate(call.args())) {
    Value *word = operand;
    if (word->getType()->isPointerTy())
      word = b.CreatePtrToInt(word, i64);
    else if (word->getType()->isIntegerTy())
      word = b.CreateZExtOrTrunc(word, i64);
    b.CreateStore(word, b.CreateConstGEP1_32(i64, operands, number));
  }
  b.CreateCall(operation, {site, operands, results});
  if (!call.getType()->isVoidTy())
    call.replaceAllUsesWith(b.CreateLoad(call.getType(), results));
  call.eraseFromParent();
}

//===----------------------------------------------------------------------===//
// Products of warpgroups
//===----------------------------------------------------------------------===//

Error Rewriter::rewriteAssembly(CallBase &call) {
  std::optional<CudaAssembly> form = parseAssembly(&call);
  if (!form)
    return noSimulation(call, "inline assembly");
  Operation decoded{Opcode::WarpgroupFence};
  decoded.assembly = *form;
  StringRef name = "wgmma.fence";
  if (form->kind == CudaAssembly::Kind::Wait) {
    decoded.opcode = Opcode::WarpgroupWait;
    name = "wgmma.wait_group";
  } else if (form->kind == CudaAssembly::Kind::Multiply) {
    decoded.opcode = Opcode::WarpgroupMultiply;
    name = "wgmma.mma_async";
    decoded.takesUnfenced = unfenced.contains(&call);
  }
  rewriteOperation(call, decoded, name);
  return Error::success();
}

/// Puts a call before each instruction that takes what may be a sum of a
/// product in flight.
void Rewriter::guardSums(Function &function) {
  ProductRegisters registers(function);
  unfenced = registers.unfenced;
  for (auto [user, sum] : registers.uses) {
    IRBuilder<> b(user);
    b.SetCurrentDebugLocation(DebugLoc());
    uint32_t site = addSite(*user, user->getOpcodeName());
    b.CreateCall(use, {b.getInt32(site), b.CreateBitCast(sum, i32)});
  }
}

Error Rewriter::rewriteCall(CallBase &call) {
  if (call.isInlineAsm())
    return rewriteAssembly(call);
  Function *callee = call.getCalledFunction();
  if (!callee)
    return noSimulation(call, "a call through a pointer");
  StringRef name = callee->getName();
  if (name.consume_front("llvm.nvvm.")) {
    std::optional<Operation> decoded = decode(name);
    if (!decoded)
      return noSimulation(call, "'" + callee->getName() + "'");
    if (decoded->opcode == Opcode::ReleaseRegisters ||
        decoded->opcode == Opcode::ClaimRegisters)
      mostRegisters = std::max<uint32_t>(
          mostRegisters,
          cast<ConstantInt>(call.getArgOperand(0))->getZExtValue());
    rewriteOperation(call, *decoded, name);
    return Error::success();
  }
  if (isa<LifetimeIntrinsic>(call)) {
    beginArray(call);
    return Error::success();
  }
  // The convention of the GPU means nothing to the host.
  if (!callee->isDeclaration())
    call.setCallingConv(CallingConv::C);
  if (isa<MemIntrinsic>(call) || !callee->isDeclaration() ||
      (callee->isIntrinsic() && isExactOnGpu(callee->getIntrinsicID())))
    return Error::success();
  return noSimulation(call, "'" + callee->getName() + "'");
}

Error Rewriter::rewrite(Function &function) {
  // The kernel's calling convention and attributes are the GPU's.
  function.setCallingConv(CallingConv::C);
  function.setAttributes(AttributeList());
  SmallVector<Instruction *> work;
  unsigned mostOperands = 1;
  uint64_t mostBytes = 8;
  for (Instruction &instruction : instructions(function)) {
    work.push_back(&instruction);
    if (auto *call = dyn_cast<CallBase>(&instruction)) {
      call->setAttributes(AttributeList());
      mostOperands = std::max(mostOperands, call->arg_size());
      if (!call->getType()->isVoidTy())
        mostBytes = std::max<uint64_t>(
            mostBytes,
            module.getDataLayout().getTypeAllocSize(call->getType()));
    }
  }
  guardSums(function);
  IRBuilder<> b(&*function.getEntryBlock().getFirstInsertionPt());
  operands = b.CreateAlloca(i64, b.getInt32(mostOperands));
  results = b.CreateAlloca(i64, b.getInt32(divideCeil(mostBytes, 8)));
  SmallVector<BasicBlock *> heads = findLoopHeads(function);
  for (Instruction *instruction : work) {
    SmallVector<Access> accesses;
    if (Error error = collectAccesses(*instruction, accesses))
      return error;
    for (const Access &access : accesses)
      checkAccess(*instruction, access);
    // The backend makes it of a division and a product, which round.
    if (instruction->getOpcode() == Instruction::FRem)
      return noSimulation(*instruction, "'frem'");
    guardResult(*instruction);
    if (rewriteArithmetic(*instruction))
      continue;
    if (auto *declared = dyn_cast<AllocaInst>(instruction)) {
      if (Error error = placeArray(*declared))
        return error;
      continue;
    }
    if (auto *fence = dyn_cast<FenceInst>(instruction))
      rewriteFence(*fence);
    if (auto *cast = dyn_cast<AddrSpaceCastInst>(instruction)) {
      if (Error error = rewriteCast(*cast))
        return error;
    } else if (auto *call = dyn_cast<CallBase>(instruction)) {
      if (Error error = rewriteCall(*call))
        return error;
    }
  }
  for (BasicBlock *head : heads) {
    IRBuilder<> counter(head, head->getFirstInsertionPt());
    auto known = find_if(*head, [](const Instruction &instruction) {
      return bool(instruction.getDebugLoc());
    });
    const Instruction &first =
        known == head->end() ? *head->getTerminator() : *known;
    counter.CreateCall(loop, {counter.getInt32(addSite(first, "loop"))})
        ->setDebugLoc(DebugLoc());
  }
  return Error::success();
}

/// A function that takes the kernel's arguments in an array of words.
void Rewriter::addEntry(Function &kernel) {
  auto *entry = Function::Create(
      FunctionType::get(Type::getVoidTy(context), {pointer}, false),
      GlobalValue::ExternalLinkage, "tokopt_sim_entry", module);
  IRBuilder<> b(BasicBlock::Create(context, "entry", entry));
  SmallVector<Value *> arguments;
  for (Argument &argument : kernel.args())
    arguments.push_back(b.CreateLoad(
        argument.getType(),
        b.CreateConstGEP1_32(i64, entry->getArg(0), argument.getArgNo())));
  b.CreateCall(&kernel, arguments);
  b.CreateRetVoid();
}

Program::Program() = default;
Program::~Program() = default;

Error Program::rewrite(Module &module, StringRef name, const Memory &memory) {
  Function *kernel = module.getFunction(name);
  if (!kernel || kernel->isDeclaration() ||
      kernel->getCallingConv() != CallingConv::PTX_Kernel)
    return makeError("error: has no kernel '" + name + "'");
  argumentCount = kernel->arg_size();
  residents = kernel->getFnAttributeAsParsedInteger("nvvm.minctasm");
  if (const CallBase *call = findRecursion(module))
    return noSimulation(*call, "a function that calls itself");
  for (Function &function : module)
    if (!function.isDeclaration()) {
      function.setName(kKernelPrefix + function.getName());
      function.setLinkage(GlobalValue::InternalLinkage);
    }
  Rewriter rewriter(module, memory, sites, arrays);
  Expected<uint64_t> bytes = rewriter.placeVariables();
  if (!bytes)
    return bytes.takeError();
  staticSharedBytes = *bytes;
  for (Function &function : module)
    if (!function.isDeclaration())
      if (Error error = rewriter.rewrite(function))
        return error;
  mostRegisters = rewriter.mostRegisters;
  rewriter.addEntry(*kernel);
  StripDebugInfo(module);
  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(module, &stream))
    return makeError("the kernel cannot be prepared for the host: " + problem);
  return Error::success();
}

Expected<std::unique_ptr<Program>>
Program::load(StringRef llvmIR, StringRef name, const Memory &memory) {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
  });
  auto context = std::make_unique<LLVMContext>();
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module =
      parseIR(MemoryBufferRef(llvmIR, "kernel"), diagnostic, *context);
  if (!module)
    return makeError("the LLVM IR cannot be read: " + diagnostic.getMessage());

  auto builder = orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  // Compiling takes longer than running; and nothing may be reordered.
  builder->setCodeGenOptLevel(CodeGenOptLevel::Less);
  auto jit = orc::LLJITBuilder().setJITTargetMachineBuilder(*builder).create();
  if (!jit)
    return jit.takeError();
  module->setTargetTriple(builder->getTargetTriple());
  module->setDataLayout((*jit)->getDataLayout());

  std::unique_ptr<Program> program(new Program);
  if (Error error = program->rewrite(*module, name, memory))
    return error;

  orc::SymbolMap symbols;
  auto define = [&](StringRef symbol, auto *function) {
    symbols[(*jit)->mangleAndIntern(symbol)] = {
        orc::ExecutorAddr::fromPtr(function),
        JITSymbolFlags::Exported | JITSymbolFlags::Callable};
  };
  define("tokopt_sim_access", &tokopt_sim_access);
  define("tokopt_sim_operation", &tokopt_sim_operation);
  define("tokopt_sim_register", &tokopt_sim_register);
  define("tokopt_sim_use", &tokopt_sim_use);
  define("tokopt_sim_array", &tokopt_sim_array);
  define("tokopt_sim_loop", &tokopt_sim_loop);
  define("tokopt_sim_fault", &tokopt_sim_fault);
  if (Error error = (*jit)->getMainJITDylib().define(
          orc::absoluteSymbols(std::move(symbols))))
    return error;
  // memcpy and the like.
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  (*jit)->getMainJITDylib().addGenerator(std::move(*process));
  if (Error error = (*jit)->addIRModule(
          orc::ThreadSafeModule(std::move(module), std::move(context))))
    return error;
  auto entry = (*jit)->lookup("tokopt_sim_entry");
  if (!entry)
    return entry.takeError();
  program->entry = entry->toPtr<Entry>();
  program->jit = std::move(*jit);
  return program;
}
