//===- TensorCopies.cpp - Boxes of tensors to shared memory and back ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/TensorCopies.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

/// Shared memory of the blocks of a cluster; that of the own block is part of
/// it. Copies to it are in the oldest PTX version that has them.
static constexpr unsigned kClusterSpace = 7;
/// Bytes of a barrier.
static constexpr int64_t kMbarrierBytes = 8;

PanelTile::PanelTile(Type element, int64_t rows, int64_t columns,
                     Swizzle swizzle)
    : element(element), rows(rows), columns(columns), swizzle(swizzle) {
  assert(element.getIntOrFloatBitWidth() == 16 && rows % 8 == 0 &&
         rows <= 256 && columns % panelColumns() == 0 &&
         "no box is so large, or descriptors have no such strides");
}

TensorMap TensorMap::make(Emitter &e, StringRef of, int64_t number,
                          const PanelTile &tile, int64_t columns, int64_t rows,
                          int64_t stride, Here here) {
  Builder &b = e.builder;
  NamedAttrList description;
  description.set(of, b.getI64IntegerAttr(number));
  description.set("element", TypeAttr::get(tile.element));
  description.set("sizes", b.getI64ArrayAttr({columns, rows}));
  description.set("strides", b.getI64ArrayAttr({stride}));
  description.set("box", b.getI64ArrayAttr({tile.panelColumns(), tile.rows}));
  description.set("swizzle",
                  b.getI64IntegerAttr(static_cast<int64_t>(tile.swizzle)));
  return {tile, e.addMap(std::move(description), here)};
}

TensorMap TensorMap::ofBuffer(Emitter &e, int64_t buffer, const PanelTile &tile,
                              int64_t columns, int64_t rows, int64_t stride,
                              Here here) {
  return make(e, "buffer", buffer, tile, columns, rows, stride, here);
}

TensorMap TensorMap::ofCache(Emitter &e, int64_t cache, const PanelTile &tile,
                             int64_t columns, int64_t stride, Here here) {
  return make(e, "cache", cache, tile, columns, /*rows=*/-1, stride, here);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

Mbarriers::Mbarriers(Emitter &e, int64_t count, int64_t arrivals, Here here)
    : e(e), count(count), arrivals(arrivals),
      base(e.shared(count * kMbarrierBytes, kMbarrierBytes, here)) {}

void Mbarriers::init(Here here) const {
  Val threads = e.i32(arrivals, here);
  for (int64_t i = 0; i < count; ++i) {
    Val mbarrier = e.offset(base, i * kMbarrierBytes, here);
    NVVM::MBarrierInitOp::create(e.at(here), mbarrier.value, threads.value,
                                 Value());
  }
}

void cuda::publishMbarriers(Emitter &e, Here here) {
  NVVM::FenceMbarrierInitOp::create(e.at(here));
}

Val Mbarriers::at(Val number, Here here) const {
  return e.offset(base, number * kernels::Operand(kMbarrierBytes, here), here);
}

void Mbarriers::arrive(Val number, Here here) const {
  Val mbarrier = at(number, here);
  NVVM::MBarrierArriveOp::create(e.at(here), e.i64(), mbarrier.value, Value(),
                                 NVVM::MemScopeKind::CTA, /*relaxed=*/false);
}

void Mbarriers::expect(Val number, int64_t bytes, Here here) const {
  Val mbarrier = at(number, here), expected = e.i32(bytes, here);
  NVVM::MBarrierArriveExpectTxOp::create(
      e.at(here), Type(), mbarrier.value, expected.value,
      NVVM::MemScopeKind::CTA, /*relaxed=*/false, Value());
}

void Mbarriers::wait(Val number, Val parity, Here here) const {
  Val mbarrier = at(number, here);
  // The instruction gives up after a time.
  e.repeatWhile(
      {},
      [&](ArrayRef<Val>) {
        Val hasEnded = e.wrap(NVVM::MBarrierTryWaitOp::create(
            e.at(here), e.builder.getI1Type(), mbarrier.value, parity.value,
            Value(), NVVM::MemScopeKind::CTA, /*relaxed=*/false));
        return e.equal(hasEnded, e.zero(hasEnded.type(), here), here);
      },
      [](ArrayRef<Val>) { return Vals(); }, here);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

void cuda::copyTile(Emitter &e, const TensorMap &map, Val row, Val to,
                    Val mbarrier, Here here) {
  auto type = LLVM::LLVMPointerType::get(e.builder.getContext(), kClusterSpace);
  for (int64_t panel = 0; panel < map.tile.panels(); ++panel) {
    Val place = e.offset(to, panel * map.tile.panelBytes(), here);
    Value cluster =
        LLVM::AddrSpaceCastOp::create(e.at(here), type, place.value);
    Val column = e.i32(panel * map.tile.panelColumns(), here);
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        e.at(here), cluster, map.pointer.value,
        ValueRange{column.value, row.value}, mbarrier.value, ValueRange(),
        Value(), Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
        NVVM::CTAGroupKindAttr(), Value());
  }
}

void cuda::storeTile(Emitter &e, const TensorMap &map, Val row, Val from,
                     Here here) {
  for (int64_t panel = 0; panel < map.tile.panels(); ++panel) {
    Val place = e.offset(from, panel * map.tile.panelBytes(), here);
    Val column = e.i32(panel * map.tile.panelColumns(), here);
    NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
        e.at(here), map.pointer.value, place.value,
        ValueRange{column.value, row.value}, /*l2CacheHint=*/Value(),
        NVVM::TMAStoreMode::TILE, /*predicate=*/Value());
  }
}

void cuda::commitStores(Emitter &e, Here here) {
  NVVM::CpAsyncBulkCommitGroupOp::create(e.at(here));
}

void cuda::waitForStoreReads(Emitter &e, int64_t pending, Here here) {
  NVVM::CpAsyncBulkWaitGroupOp::create(e.at(here), pending,
                                       e.builder.getUnitAttr());
}

void cuda::waitForStores(Emitter &e, int64_t pending, Here here) {
  NVVM::CpAsyncBulkWaitGroupOp::create(e.at(here), pending,
                                       /*read=*/UnitAttr());
}

void cuda::fenceProxies(Emitter &e, Here here) {
  auto space = NVVM::SharedSpaceAttr::get(e.builder.getContext(),
                                          NVVM::SharedSpace::shared_cta);
  NVVM::FenceProxyOp::create(e.at(here), NVVM::ProxyKind::async_shared, space);
}

TensorRing::TensorRing(Emitter &e, int64_t stages, int64_t stageBytes,
                       int64_t readers, Here here)
    : e(e), stages(stages), stageBytes(stageBytes),
      filled(e, stages, /*arrivals=*/1, here), freed(e, stages, readers, here),
      base(e.shared(stages * stageBytes, kTileAlignment, here)) {
  assert(stageBytes % kTileAlignment == 0 && "swizzles begin there");
}

void TensorRing::init(Here here) const {
  filled.init(here);
  freed.init(here);
}

Val TensorRing::stageOf(Val number, Here here) const {
  return e.remainder(number, e.i32(stages, here), here);
}

Val TensorRing::stage(Val number, Here here) const {
  return e.offset(
      base, stageOf(number, here) * kernels::Operand(stageBytes, here), here);
}

Val TensorRing::parityOf(Val number, Here here) const {
  return e.andBits(e.divide(number, e.i32(stages, here), here), 1, here);
}

Val TensorRing::claim(Val number, Here here) const {
  // At first all are free: the phase before the first has the other parity, and
  // counts as ended.
  freed.wait(stageOf(number, here), e.xorBits(parityOf(number, here), 1, here),
             here);
  return stage(number, here);
}

Val TensorRing::fill(Val number, Here here) const {
  Val to = claim(number, here);
  filled.expect(stageOf(number, here), stageBytes, here);
  return to;
}

void TensorRing::publish(Val number, Here here) const {
  filled.arrive(stageOf(number, here), here);
}

Val TensorRing::filledAt(Val number, Here here) const {
  return filled.at(stageOf(number, here), here);
}

Landed TensorRing::wait(Val number, Here here) const {
  filled.wait(stageOf(number, here), parityOf(number, here), here);
  return {stage(number, here)};
}

void TensorRing::release(Val number, Here here) const {
  freed.arrive(stageOf(number, here), here);
}
