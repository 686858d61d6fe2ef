//===- Warpgroup.cpp - Products of a warpgroup ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Warpgroup.h"

#include "tokopt/CudaAssembly.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

/// Emits `form` and gives its results.
static Vals emit(Emitter &e, const CudaAssembly &form, ArrayRef<Val> operands,
                 Here here) {
  MLIRContext *context = e.builder.getContext();
  SmallVector<Type> types(form.results() - form.words, e.f32());
  types.append(form.words, e.i32());
  if (types.empty())
    return {};
  Type type = types.size() == 1
                  ? types.front()
                  : LLVM::LLVMStructType::getLiteral(context, types);
  auto values =
      llvm::map_to_vector(operands, [](Val val) { return val.value; });
  auto assembly = LLVM::InlineAsmOp::create(
      e.at(here), type, values, form.text(), form.constraints(),
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  if (types.size() == 1)
    return {e.wrap(assembly.getRes())};
  return e.unpack(assembly.getRes(), here);
}

//===----------------------------------------------------------------------===//
// Matrices in shared memory
//===----------------------------------------------------------------------===//

/// The fields of a descriptor but for the address (PTX ISA, "Matrix Descriptor
/// Format"), strides in bytes.
static uint64_t fieldsOf(int64_t leading, int64_t stride, Swizzle swizzle) {
  uint64_t mode = 0;
  switch (swizzle) {
  case Swizzle::None:
    break;
  case Swizzle::Bytes128:
    mode = 1;
    break;
  case Swizzle::Bytes64:
    mode = 2;
    break;
  case Swizzle::Bytes32:
    mode = 3;
    break;
  }
  return static_cast<uint64_t>(leading / kChunkBytes) << 16 |
         static_cast<uint64_t>(stride / kChunkBytes) << 32 | mode << 62;
}

WarpgroupOperand::WarpgroupOperand(Emitter &e, const PanelTile &tile, Lies lies,
                                   Landed landed, Here here)
    : tile(tile), lies(lies) {
  // From eight rows to the next, and from a panel to the next. Where nothing is
  // swizzled, the two fields change places by how the matrix lies.
  int64_t rows = 8 * tile.rowBytes(), panels = tile.panelBytes();
  bool panelsLead = tile.swizzle != Swizzle::None || lies == Lies::ByRows;
  uint64_t fields = fieldsOf(panelsLead ? panels : rows,
                             panelsLead ? rows : panels, tile.swizzle);
  Val address = e.convert(e.sharedAddress(landed.base, here), e.i64(),
                          /*isUnsigned=*/true, here);
  // 18 bits of the address in units of 16 bytes.
  Val start = e.shiftRight(e.andBits(address, (1 << 18) - 1, here), 4, here);
  first = e.orBits(start, e.i64(static_cast<int64_t>(fields), here), here);
}

Val WarpgroupOperand::descriptor(int64_t row, int64_t column, Here here) const {
  int64_t bytes = column / tile.panelColumns() * tile.panelBytes() +
                  row * tile.rowBytes() + column % tile.panelColumns() * 2;
  assert(bytes % kChunkBytes == 0 && row % 8 == 0 && "not where chunks begin");
  return first + kernels::Operand(bytes / kChunkBytes, here);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The registers of sums.
static Vals registersOf(ArrayRef<FragmentC> sums) {
  Vals registers;
  for (const FragmentC &fragment : sums)
    registers.append(fragment.sums.begin(), fragment.sums.end());
  return registers;
}

SumsInFlight cuda::fence(Emitter &e, const WarpgroupSums &sums,
                         MutableArrayRef<FragmentA> left, Here here) {
  Vals registers = registersOf(sums);
  CudaAssembly form{CudaAssembly::Kind::Fence};
  form.sums = registers.size();
  for (const FragmentA &fragment : left)
    registers.append(fragment.pairs.begin(), fragment.pairs.end());
  form.words = registers.size() - form.sums;
  if (registers.empty()) {
    NVVM::WgmmaFenceAlignedOp::create(e.at(here));
    return {};
  }
  registers = emit(e, form, registers, here);
  ArrayRef<Val> words = ArrayRef(registers).drop_front(form.sums);
  for (FragmentA &fragment : left) {
    llvm::copy(words.take_front(4), fragment.pairs.begin());
    words = words.drop_front(4);
  }
  registers.truncate(form.sums);
  return {registers};
}

/// Fills in what products of either left matrix have.
static SumsInFlight multiplySlices(Emitter &e, CudaAssembly form,
                                   ArrayRef<Val> left,
                                   const WarpgroupSlice &right, int64_t columns,
                                   const SumsInFlight *sums, Here here) {
  form.columns = columns;
  form.isBrain = right.operand.tile.element.isBF16();
  form.transposesRight =
      right.operand.lies == WarpgroupOperand::Lies::ByColumns;
  form.accumulates = sums != nullptr;
  Vals operands;
  if (sums)
    operands.append(sums->registers);
  operands.append(left.begin(), left.end());
  operands.push_back(right.operand.descriptor(right.row, right.column, here));
  return {emit(e, form, operands, here)};
}

SumsInFlight cuda::multiply(Emitter &e, const WarpgroupSlice &left,
                            const WarpgroupSlice &right, int64_t columns,
                            const SumsInFlight *sums, Here here) {
  CudaAssembly form{CudaAssembly::Kind::Multiply};
  form.transposesLeft = left.operand.lies == WarpgroupOperand::Lies::ByColumns;
  return multiplySlices(e, form,
                        left.operand.descriptor(left.row, left.column, here),
                        right, columns, sums, here);
}

SumsInFlight cuda::multiply(Emitter &e, const FragmentA &left,
                            const WarpgroupSlice &right, int64_t columns,
                            const SumsInFlight *sums, Here here) {
  CudaAssembly form{CudaAssembly::Kind::Multiply};
  form.leftInRegisters = true;
  return multiplySlices(e, form, left.pairs, right, columns, sums, here);
}

void cuda::commitProducts(Emitter &e, Here here) {
  NVVM::WgmmaGroupSyncAlignedOp::create(e.at(here));
}

WarpgroupSums cuda::wait(Emitter &e, int64_t pending, const SumsInFlight &sums,
                         MutableArrayRef<FragmentC> meanwhile, Here here) {
  Vals registers = sums.registers;
  registers.append(registersOf(meanwhile));
  CudaAssembly form{CudaAssembly::Kind::Wait};
  form.pending = pending;
  form.sums = registers.size();
  registers = emit(e, form, registers, here);
  WarpgroupSums fragments;
  for (ArrayRef<Val> left = registers; !left.empty(); left = left.drop_front(4))
    fragments.push_back({{left[0], left[1], left[2], left[3]}});
  size_t own = sums.registers.size() / 4;
  llvm::copy(ArrayRef(fragments).drop_front(own), meanwhile.begin());
  fragments.truncate(own);
  return fragments;
}

WarpgroupSums cuda::wait(Emitter &e, int64_t pending, const SumsInFlight &sums,
                         Here here) {
  return wait(e, pending, sums, {}, here);
}

void cuda::releaseRegisters(Emitter &e, int64_t count, Here here) {
  NVVM::SetMaxRegisterOp::create(e.at(here), count,
                                 NVVM::SetMaxRegisterAction::decrease);
}

void cuda::claimRegisters(Emitter &e, int64_t count, Here here) {
  NVVM::SetMaxRegisterOp::create(e.at(here), count,
                                 NVVM::SetMaxRegisterAction::increase);
}
