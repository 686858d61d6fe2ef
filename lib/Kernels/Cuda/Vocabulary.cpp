//===- Vocabulary.cpp - The words CUDA templates are written in -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Vocabulary.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

/// The symbol all shared memory of a module is addressed from. Its size is that
/// of the launch.
static constexpr llvm::StringLiteral kSharedName = "shared";
/// Global and shared memory, by the backend's numbers.
static constexpr unsigned kSharedSpace = 3;

Emitter::Emitter(func::FuncOp function, const TargetDescription &target,
                 int64_t threads)
    : kernels::Emitter(&function.getBody().front()), target(target),
      threads(threads), function(function) {}

//===----------------------------------------------------------------------===//
// Where am I
//===----------------------------------------------------------------------===//

Val Emitter::thread(Here here) {
  return wrap(NVVM::ThreadIdXOp::create(at(here), i32()));
}

Val Emitter::block(Axis axis, Here here) {
  switch (axis) {
  case Axis::X:
    return wrap(NVVM::BlockIdXOp::create(at(here), i32()));
  case Axis::Y:
    return wrap(NVVM::BlockIdYOp::create(at(here), i32()));
  case Axis::Z:
    return wrap(NVVM::BlockIdZOp::create(at(here), i32()));
  }
  llvm_unreachable("an axis without a name");
}

Val Emitter::blockCount(Axis axis, Here here) {
  switch (axis) {
  case Axis::X:
    return wrap(NVVM::GridDimXOp::create(at(here), i32()));
  case Axis::Y:
    return wrap(NVVM::GridDimYOp::create(at(here), i32()));
  case Axis::Z:
    return wrap(NVVM::GridDimZOp::create(at(here), i32()));
  }
  llvm_unreachable("an axis without a name");
}

Val Emitter::warp(Here here) {
  return divide(thread(here), i32(kWarp, here), here);
}

Val Emitter::lane(Here here) {
  return remainder(thread(here), i32(kWarp, here), here);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Val Emitter::shared(int64_t bytes, int64_t alignment, Here here) {
  int64_t begin = llvm::alignTo(sharedBytes, alignment);
  sharedBytes = begin + bytes;
  auto module = function->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(kSharedName)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(at(here), LLVM::LLVMArrayType::get(i8(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           kSharedName, Attribute(),
                           /*alignment=*/kTileAlignment, kSharedSpace);
  }
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), kSharedSpace);
  Val base = wrap(LLVM::AddressOfOp::create(at(here), type, kSharedName));
  return offset(base, begin, here);
}

Val Emitter::sharedAddress(Val pointer, Here here) {
  return wrap(LLVM::PtrToIntOp::create(at(here), i32(), pointer.value));
}

Val Emitter::sharedPointer(Val address, Here here) {
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), kSharedSpace);
  return wrap(LLVM::IntToPtrOp::create(at(here), type, address.value));
}

/// Bytes of a chunk of `type`.
static int64_t bytesOf(Type type) {
  auto vector = cast<VectorType>(type);
  return vector.getNumElements() * vector.getElementTypeBitWidth() / 8;
}

/// How many elements of `type` make a chunk.
static int64_t elementsOfChunk(VectorType type) {
  return std::min<int64_t>(type.getNumElements(),
                           kChunkBytes * 8 / type.getElementTypeBitWidth());
}

Val Emitter::loadChunks(VectorType type, Val pointer, Here here) {
  int64_t n = elementsOfChunk(type);
  auto chunk = VectorType::get({n}, type.getElementType());
  Val result;
  for (int64_t i = 0; i < type.getNumElements(); i += n) {
    Val address = offset(pointer, i * type.getElementTypeBitWidth() / 8, here);
    Val part = wrap(
        LLVM::LoadOp::create(at(here), chunk, address.value, bytesOf(chunk)));
    if (n == type.getNumElements())
      return part;
    if (!result.value)
      result = zero(type, here);
    result = wrap(vector::InsertStridedSliceOp::create(
        at(here), part.value, result.value, ArrayRef<int64_t>{i},
        ArrayRef<int64_t>{1}));
  }
  return result;
}

void Emitter::storeChunks(Val vector, Val pointer, Here here) {
  auto type = cast<VectorType>(vector.type());
  int64_t n = elementsOfChunk(type);
  for (int64_t i = 0; i < type.getNumElements(); i += n) {
    Val part = wrap(vector::ExtractStridedSliceOp::create(
        at(here), vector.value, ArrayRef<int64_t>{i}, ArrayRef<int64_t>{n},
        ArrayRef<int64_t>{1}));
    Val address = offset(pointer, i * type.getElementTypeBitWidth() / 8, here);
    LLVM::StoreOp::create(at(here), part.value, address.value,
                          bytesOf(part.type()));
  }
}

void Emitter::copyAsync(Val to, Val from, Val bytes, Here here) {
  NVVM::CpAsyncOp::create(at(here), to.value, from.value, kChunkBytes,
                          NVVM::LoadCacheModifierKind::CG, bytes.value);
}

void Emitter::commitCopies(Here here) {
  NVVM::CpAsyncCommitGroupOp::create(at(here));
}

void Emitter::waitForCopies(int64_t pending, Here here) {
  NVVM::CpAsyncWaitGroupOp::create(at(here), pending);
}

//===----------------------------------------------------------------------===//
// Numbers and control
//===----------------------------------------------------------------------===//

Val Emitter::pack(Val low, Val high, Type element, Here here) {
  Type pair = vec(2, element);
  auto create = [&]<typename Op>(std::type_identity<Op>) {
    return wrap(Op::create(at(here), pair, high.value, low.value, Value(),
                           NVVM::FPRoundingMode::RN, NVVM::SaturationMode::NONE,
                           /*relu=*/false));
  };
  Val packed = element.isBF16()
                   ? create(std::type_identity<NVVM::ConvertF32x2ToBF16x2Op>())
                   : create(std::type_identity<NVVM::ConvertF32x2ToF16x2Op>());
  return bitcast(packed, i32(), here);
}

/// 2^n * 2^f with n the nearest integer: adding 1.5 * 2^23 rounds to it and
/// leaves it in the low bits; a polynomial for 2^f on [-1/2, 1/2] (minimax with
/// 1 at 0, degree 4); n added to the exponent. At -127 the exponent's field is
/// zero, and so is the number.
Val Emitter::exp2(Val x, Here here) {
  constexpr double kRound = 12582912;
  constexpr double coefficients[] = {9.5828529e-3, 5.5906426e-2, 2.4024099e-1,
                                     6.9312418e-1, 1.0};
  Type type = x.type();
  auto operand = [&](double value) {
    return kernels::Operand(constant(value, type, here), here);
  };
  Val t = max(x, constant(-127.0, type, here), here);
  Val rounded = t + operand(kRound);
  Val f = t - kernels::Operand(rounded - operand(kRound), here);
  Val p = constant(coefficients[0], type, here);
  for (double c : ArrayRef(coefficients).drop_front())
    p = fma(p, f, constant(c, type, here), here);
  Val exponent = shiftLeft(bitcast(rounded, i32(), here), 23, here);
  Val bits = bitcast(p, i32(), here) + kernels::Operand(exponent, here);
  return bitcast(bits, type, here);
}

Vals Emitter::repeatWhile(ArrayRef<Val> carried,
                          function_ref<Val(ArrayRef<Val>)> condition,
                          function_ref<Vals(ArrayRef<Val>)> body, Here here) {
  auto valuesOf = [](ArrayRef<Val> vals) {
    return llvm::map_to_vector(vals, [](Val val) { return val.value; });
  };
  auto wrapAll = [&](ValueRange values) {
    Vals vals;
    for (Value value : values)
      vals.push_back(wrap(value));
    return vals;
  };
  SmallVector<Value> initial = valuesOf(carried);
  auto types = llvm::to_vector(ValueRange(initial).getTypes());
  auto loop = scf::WhileOp::create(at(here), types, initial);
  SmallVector<Location> places(types.size(), loop.getLoc());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore(), {}, types, places);
  Val goesOn = condition(wrapAll(loop.getBeforeArguments()));
  scf::ConditionOp::create(at(here), goesOn.value, loop.getBeforeArguments());
  builder.createBlock(&loop.getAfter(), {}, types, places);
  scf::YieldOp::create(at(here),
                       valuesOf(body(wrapAll(loop.getAfterArguments()))));
  return wrapAll(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Together
//===----------------------------------------------------------------------===//

void Emitter::barrier(Here here) { NVVM::Barrier0Op::create(at(here)); }

Val Emitter::shuffleXor(Val value, int64_t mask, Here here) {
  Val everyLane = i32(-1, here), offset = i32(mask, here),
      clamp = i32(kWarp - 1, here);
  return wrap(NVVM::ShflOp::create(at(here), value.type(), everyLane.value,
                                   value.value, offset.value, clamp.value,
                                   NVVM::ShflKind::bfly, UnitAttr()));
}

void Emitter::warpBarrier(Here here) {
  Val everyLane = i32(-1, here);
  NVVM::SyncWarpOp::create(at(here), everyLane.value);
}

/// The scope of threads of all blocks.
static constexpr llvm::StringLiteral kDeviceScope = "device";

void Emitter::fence(Here here) {
  LLVM::FenceOp::create(at(here), LLVM::AtomicOrdering::acq_rel, kDeviceScope);
}

Val Emitter::countUp(Val pointer, Val last, Here here) {
  return wrap(LLVM::AtomicRMWOp::create(
      at(here), LLVM::AtomicBinOp::uinc_wrap, pointer.value, last.value,
      LLVM::AtomicOrdering::monotonic, kDeviceScope));
}

Val Emitter::sumWarp(Val value, int64_t copies, Here here) {
  for (int64_t mask = kWarp / 2; mask >= copies; mask /= 2) {
    Val other = shuffleXor(value, mask, here);
    value = value + kernels::Operand(other, here);
  }
  return value;
}

Val Emitter::maxWarp(Val value, int64_t copies, Here here) {
  for (int64_t mask = kWarp / 2; mask >= copies; mask /= 2)
    value = max(value, shuffleXor(value, mask, here), here);
  return value;
}

Vals Emitter::unpack(Value structure, Here here) {
  auto type = cast<LLVM::LLVMStructType>(structure.getType());
  Vals members;
  for (int64_t i = 0, n = type.getBody().size(); i < n; ++i)
    members.push_back(wrap(LLVM::ExtractValueOp::create(at(here), structure,
                                                        ArrayRef<int64_t>{i})));
  return members;
}

Val Emitter::minWarp(Val value, Here here) {
  for (int64_t mask = kWarp / 2; mask; mask /= 2)
    value = min(value, shuffleXor(value, mask, here), here);
  return value;
}

Vals Emitter::loadMatrices(Val pointer, int64_t count, bool isTransposed,
                           Here here) {
  MLIRContext *context = builder.getContext();
  Type loaded = i32();
  if (count > 1)
    loaded = LLVM::LLVMStructType::getLiteral(context,
                                              SmallVector<Type>(count, i32()));
  Value result = NVVM::LdMatrixOp::create(
      at(here), loaded, pointer.value, count,
      isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  return count == 1 ? Vals{wrap(result)} : unpack(result, here);
}

Val Emitter::scatterSum(ArrayRef<Val> values, int64_t lanes, Here here) {
  Vals left(values);
  int64_t mask = lanes / 2;
  // Each step halves the values: a lane keeps one half and gives the other to
  // its partner.
  for (; left.size() > 1; mask /= 2) {
    Val bit = andBits(lane(here), mask, here);
    Val keepsLow = equal(bit, i32(0, here), here);
    size_t half = left.size() / 2;
    Vals next;
    for (size_t i = 0; i < half; ++i) {
      Val kept = select(keepsLow, left[i], left[i + half], here);
      Val given = select(keepsLow, left[i + half], left[i], here);
      next.push_back(kept +
                     kernels::Operand(shuffleXor(given, mask, here), here));
    }
    left = std::move(next);
  }
  for (; mask; mask /= 2)
    left[0] = left[0] + kernels::Operand(shuffleXor(left[0], mask, here), here);
  return left[0];
}

Val Emitter::sumBlock(Val value, Here here) {
  value = sumWarp(value, /*copies=*/1, here);
  int64_t warps = threads / kWarp;
  if (warps == 1)
    return value;
  Val partial = shared(warps * 4, kChunkBytes, here);
  Val isFirst = equal(lane(here), i32(0, here), here);
  when(
      isFirst,
      [&] {
        Val place = convert(warp(here), i64(), /*isUnsigned=*/true, here);
        Val bytes = place * kernels::Operand(4, here);
        store(value, offset(partial, bytes, here), 0, here);
      },
      here);
  barrier(here);
  Val sum = load(f32(), partial, 0, here);
  for (int64_t i = 1; i < warps; ++i) {
    Val next = load(f32(), partial, 4 * i, here);
    sum = sum + kernels::Operand(next, here);
  }
  return sum;
}

Val Emitter::addMap(NamedAttrList description, Here here) {
  unsigned number = function.getNumArguments();
  description.set("argument", builder.getI64IntegerAttr(number));
  maps.push_back(description.getDictionary(builder.getContext()));
  auto type = LLVM::LLVMPointerType::get(builder.getContext());
  [[maybe_unused]] LogicalResult added =
      function.insertArgument(number, type, {}, at(here).getLoc());
  assert(succeeded(added) && "a kernel is no declaration");
  return wrap(function.getArgument(number));
}

void Emitter::finish(const Grid &grid, Here here) {
  ret(here);
  NamedAttrList launch;
  auto set = [&](StringRef name, int64_t value) {
    launch.set(name, builder.getI64IntegerAttr(value));
  };
  set("threads", threads);
  set("shared", sharedBytes);
  set("rows", grid.rows);
  if (grid.parts > 1)
    set("parts", grid.parts);
  if (grid.splits > 1) {
    set("splits", grid.splits);
    set("split_rows", grid.splitRows);
  }
  if (!maps.empty())
    launch.set("maps", builder.getArrayAttr(maps));
  if (grid.residents)
    set("blocks", grid.residents);
  function->setAttr(tok::kLaunchAttrName,
                    launch.getDictionary(builder.getContext()));
}
