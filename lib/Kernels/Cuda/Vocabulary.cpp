//===- Vocabulary.cpp - The words CUDA templates are written in -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Vocabulary.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
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

Val Emitter::block(Here here) {
  return wrap(NVVM::BlockIdXOp::create(at(here), i32()));
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
    // 1024 bytes is the most any layout of a tile asks for.
    LLVM::GlobalOp::create(at(here), LLVM::LLVMArrayType::get(i8(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           kSharedName, Attribute(), /*alignment=*/1024,
                           kSharedSpace);
  }
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), kSharedSpace);
  Val base = wrap(LLVM::AddressOfOp::create(at(here), type, kSharedName));
  return offset(base, begin, here);
}

/// How many elements of `type` make a chunk.
static int64_t elementsOfChunk(VectorType type) {
  return std::min<int64_t>(type.getNumElements(),
                           kChunkBytes * 8 / type.getElementTypeBitWidth());
}

Val Emitter::loadChunks(VectorType type, Val pointer, Here here) {
  int64_t n = elementsOfChunk(type);
  Type chunk = vec(n, type.getElementType());
  Val result;
  for (int64_t i = 0; i < type.getNumElements(); i += n) {
    Val address = offset(pointer, i * type.getElementTypeBitWidth() / 8, here);
    Val part =
        wrap(LLVM::LoadOp::create(at(here), chunk, address.value, kChunkBytes));
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
    LLVM::StoreOp::create(at(here), part.value, address.value, kChunkBytes);
  }
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

Val Emitter::sumWarp(Val value, Here here) {
  for (int64_t mask = kWarp / 2; mask; mask /= 2) {
    Val other = shuffleXor(value, mask, here);
    value = value + kernels::Operand(other, here);
  }
  return value;
}

Val Emitter::sumBlock(Val value, Here here) {
  value = sumWarp(value, here);
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

void Emitter::finish(int64_t rows, Here here) {
  ret(here);
  function->setAttr(
      tok::kLaunchAttrName,
      builder.getDictionaryAttr(
          {builder.getNamedAttr("threads", builder.getI64IntegerAttr(threads)),
           builder.getNamedAttr("shared",
                                builder.getI64IntegerAttr(sharedBytes)),
           builder.getNamedAttr("rows", builder.getI64IntegerAttr(rows))}));
}
