//===- Matrices.cpp - Matrices of tensor cores ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Matrices.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

ProductSums::ProductSums(ArrayRef<Val> vals) {
  for (; !vals.empty(); vals = vals.drop_front(4))
    products.push_back({{vals[0], vals[1], vals[2], vals[3]}});
}

Vals ProductSums::vals() const {
  Vals vals;
  for (const FragmentC &product : products)
    vals.append(product.sums.begin(), product.sums.end());
  return vals;
}

FragmentC cuda::multiply(Emitter &e, const FragmentA &a, const FragmentB &b,
                         const FragmentC &c, Here here) {
  bool isBrain = a.element.isBF16();
  // The op takes pairs of f16 as vectors and those of bf16 as words.
  auto operands = [&](ArrayRef<Val> pairs) {
    return llvm::map_to_vector(pairs, [&](Val pair) {
      return isBrain ? pair.value
                     : e.bitcast(pair, e.vec(2, e.f16()), here).value;
    });
  };
  SmallVector<Value> left = operands(a.pairs), right = operands(b.pairs),
                     sums = llvm::map_to_vector(
                         c.sums, [](Val sum) { return sum.value; });
  std::optional<std::array<NVVM::MMATypes, 2>> types;
  if (isBrain)
    types = {NVVM::MMATypes::bf16, NVVM::MMATypes::bf16};
  Type f32 = e.f32();
  auto product = NVVM::MmaOp::create(
      e.at(here),
      LLVM::LLVMStructType::getLiteral(e.builder.getContext(),
                                       {f32, f32, f32, f32}),
      left, right, sums,
      ArrayRef<int64_t>{kProductRows, kProductColumns, kProductDepth},
      std::nullopt, std::nullopt, types,
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  Vals sumsAfter = e.unpack(product, here);
  return {{sumsAfter[0], sumsAfter[1], sumsAfter[2], sumsAfter[3]}};
}

FragmentA cuda::round(Emitter &e, const FragmentC &low, const FragmentC &high,
                      Type element, Here here) {
  auto pair = [&](const FragmentC &product, int64_t first) {
    return e.pack(product.sums[first], product.sums[first + 1], element, here);
  };
  return {element, {pair(low, 0), pair(low, 2), pair(high, 0), pair(high, 2)}};
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

SwizzledTile::SwizzledTile(Type element, int64_t rows, int64_t columns)
    : element(element), rows(rows), columns(columns) {
  assert(element.getIntOrFloatBitWidth() == 16 &&
         columns % (kPeriod * kChunkElements) == 0 &&
         "places of a row would lie beyond it");
}

Val SwizzledTile::place(Val row, Val chunk, Here here) const {
  kernels::Emitter &e = *row.emitter;
  Val swizzled = e.xorValues(chunk, e.andBits(row, kPeriod - 1, here), here);
  return row * kernels::Operand(rowBytes(), here) +
         kernels::Operand(swizzled * kernels::Operand(kChunkBytes, here), here);
}

FragmentReader::FragmentReader(Emitter &e, const SwizzledTile &tile,
                               Operand operand, Val firstRow, Val firstColumn,
                               Here here)
    : e(e), tile(tile), operand(operand) {
  // The four matrices of a read are those of its lanes 0 to 7, 8 to 15, ...: of
  // A the upper and lower rows, then those of the next eight columns; of B the
  // upper and lower half of the depth, then those of the next eight columns.
  Val lane = e.lane(here);
  auto quotient = [&](Val number, int64_t divisor) {
    return e.divide(number, e.i32(divisor, here), here);
  };
  auto rest = [&](Val number, int64_t divisor) {
    return e.remainder(number, e.i32(divisor, here), here);
  };
  Val row = rest(lane, 16), chunk = quotient(lane, 16);
  if (operand == Operand::ColumnsOfB) {
    chunk = rest(quotient(lane, 8), 2);
    row = quotient(lane, 16) * kernels::Operand(8, here) +
          kernels::Operand(rest(lane, 8), here);
  }
  row = row + kernels::Operand(firstRow, here);
  chunk = e.xorValues(
      chunk, quotient(firstColumn, SwizzledTile::kChunkElements), here);
  Val swizzled =
      e.xorValues(chunk, e.andBits(row, SwizzledTile::kPeriod - 1, here), here);
  laneOffset =
      row * kernels::Operand(tile.rowBytes(), here) +
      kernels::Operand(swizzled * kernels::Operand(kChunkBytes, here), here);
}

Vals FragmentReader::read(Landed from, int64_t row, int64_t column,
                          int64_t count, Here here) const {
  assert(row % SwizzledTile::kPeriod == 0 && column % kProductDepth == 0 &&
         "the lane's place would be another one");
  // The lane's chunk is 0 or 1, so an even one is added by an exclusive or: of
  // the address, since the tile begins at a multiple of a row. Were it of the
  // offset alone, it would be the same in each round of a loop, and the
  // compiler would keep a register for each column.
  Val lane = e.sharedAddress(e.offset(from.base, laneOffset, here), here);
  Val address = e.xorBits(
      lane, column / SwizzledTile::kChunkElements * kChunkBytes, here);
  Val pointer =
      e.offset(e.sharedPointer(address, here), row * tile.rowBytes(), here);
  return e.loadMatrices(pointer, count, operand == Operand::RowsOfB, here);
}

FragmentA FragmentReader::readA(Landed from, int64_t row, int64_t column,
                                Here here) const {
  assert(operand == Operand::A);
  Vals pairs = read(from, row, column, 4, here);
  return {tile.element, {pairs[0], pairs[1], pairs[2], pairs[3]}};
}

FragmentB FragmentReader::readB(Landed from, int64_t row, int64_t column,
                                Here here) const {
  assert(operand != Operand::A);
  Vals pairs = read(from, row, column, 2, here);
  return {tile.element, {pairs[0], pairs[1]}};
}

std::array<FragmentB, 2> FragmentReader::readTwoB(Landed from, int64_t row,
                                                  int64_t column,
                                                  Here here) const {
  assert(operand != Operand::A);
  Vals pairs = read(from, row, column, 4, here);
  return {FragmentB{tile.element, {pairs[0], pairs[1]}},
          FragmentB{tile.element, {pairs[2], pairs[3]}}};
}

CopyRing::CopyRing(Emitter &e, Of of, int64_t stages, int64_t stageBytes,
                   Here here)
    : e(e), of(of), stages(stages), stageBytes(stageBytes) {
  assert(stages >= 2 && "nothing would be filled while a stage is read");
  int64_t bytes = stages * stageBytes;
  if (of == Of::Block) {
    base = e.shared(bytes, kTileAlignment, here);
    return;
  }
  Val all = e.shared(bytes * (e.threads / kWarp), kChunkBytes, here);
  base = e.offset(all, e.warp(here) * kernels::Operand(bytes, here), here);
}

Val CopyRing::stage(Val number, Here here) const {
  Val turn = e.remainder(number, e.i32(stages, here), here);
  return e.offset(base, turn * kernels::Operand(stageBytes, here), here);
}

void CopyRing::commit(Here here) const { e.commitCopies(here); }

Landed CopyRing::wait(Val number, Here here) const {
  // The groups of later numbers may be on their way.
  e.waitForCopies(ahead() - 1, here);
  if (of == Of::Block)
    e.barrier(here);
  else
    e.warpBarrier(here);
  return {stage(number, here)};
}
