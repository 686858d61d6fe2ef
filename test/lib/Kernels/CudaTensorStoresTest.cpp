//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The words that store tiles: stages that threads write and one of them stores,
// in each way in which chunks can be swizzled, to a tensor whose last tile has
// rows and columns that are beyond it.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/TensorCopies.h"
#include "test/lib/Kernels/CudaTest.h"

#include <cstring>

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

/// Tiles, stages that hold them in turn, and the tensor that takes them: rows
/// of 104 elements, of which the last four are none of its own.
constexpr int64_t kTiles = 4, kStages = 2, kTileRows = 8, kTileColumns = 128;
constexpr int64_t kRows = 27, kColumns = 100, kStride = 104;

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_90a");
}

const TargetDescription &machine() { return machineOf(architecture()); }

/// Where a chunk of a row of a panel lies (PTX ISA, "Swizzling modes"): the
/// address's bits from 7 on change those from 4 on.
Val placeOf(cuda::Emitter &e, const PanelTile &tile, Val row, Val column) {
  int64_t panelChunks = tile.rowBytes() / kChunkBytes;
  Val panel = e.divide(column, e.i32(panelChunks)),
      chunk = e.remainder(column, e.i32(panelChunks)),
      moved = e.remainder(e.divide(row * tile.rowBytes(), e.i32(128)),
                          e.i32(panelChunks));
  return panel * tile.panelBytes() + row * tile.rowBytes() +
         e.xorValues(chunk, moved) * kChunkBytes;
}

/// Emits y[tile] = x[tile] for tiles of 8 rows, by way of shared memory.
void emitStores(mlir::func::FuncOp function, Swizzle swizzle) {
  constexpr int64_t kChunks = kTileColumns * 2 / kChunkBytes;
  cuda::Emitter e(function, machine(), kTileRows * kChunks);
  Val x = e.wrap(function.getBody().front().getArgument(0));
  PanelTile tile(e.f16(), kTileRows, kTileColumns, swizzle);
  TensorMap map = TensorMap::ofBuffer(e, 1, tile, kColumns, kRows, 2 * kStride);
  Val stages = e.shared(kStages * tile.bytes(), kTileAlignment);
  Val row = e.divide(e.thread(), e.i32(kChunks)),
      column = e.remainder(e.thread(), e.i32(kChunks));
  auto whenFirst = [&](const std::function<void()> &body) {
    e.when(e.equal(e.thread(), e.i32(0)), body);
  };
  e.loop(e.i32(0), e.i32(kTiles), 1, [&](Val number) {
    // The stage was stored two tiles ago; one group may be on its way.
    whenFirst([&] { waitForStoreReads(e, kStages - 1); });
    e.barrier();
    Val stage =
        e.offset(stages, e.remainder(number, e.i32(kStages)) * tile.bytes());
    Val from = e.offset(x, (number * kTileRows + row) * (2 * kTileColumns) +
                               column * kChunkBytes);
    e.storeChunks(e.loadChunks(mlir::VectorType::get({8}, e.f16()), from),
                  e.offset(stage, placeOf(e, tile, row, column)));
    fenceProxies(e);
    e.barrier();
    whenFirst([&] {
      storeTile(e, map, number * kTileRows, stage);
      commitStores(e);
    });
  });
  whenFirst([&] { waitForStores(e, 0); });
  e.finish({});
}

class CudaTensorStoresTest : public testing::TestWithParam<Swizzle> {};

TEST_P(CudaTensorStoresTest, StoresWhatTheTensorHas) {
  CudaKernelUnderTest test(2, architecture(), [&](mlir::func::FuncOp function) {
    emitStores(function, GetParam());
  });
  ASSERT_EQ(test.problem(), "");
  constexpr int64_t kSource = kTiles * kTileRows * kTileColumns;
  uint8_t *x =
      llvm::cantFail(test.simulator().addBuffer("x", 2 * kSource, true));
  for (int64_t i = 0; i < kSource; ++i) {
    auto bits = static_cast<uint16_t>(i);
    std::memcpy(x + 2 * i, &bits, 2);
  }
  constexpr int64_t kBytes = 2 * kRows * kStride;
  uint8_t *y = llvm::cantFail(test.simulator().addBuffer("y", kBytes, true));
  for (uint32_t seed : {0, 1}) {
    std::memset(y, 0, kBytes);
    test.run(1,
             {reinterpret_cast<uint64_t>(x), reinterpret_cast<uint64_t>(y),
              test.addMap(0, reinterpret_cast<uint64_t>(y), kBytes)},
             seed);
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kStride; ++c) {
        uint16_t found;
        std::memcpy(&found, y + 2 * (r * kStride + c), 2);
        ASSERT_EQ(found, c < kColumns ? r * kTileColumns + c : 0)
            << "row " << r << ", column " << c;
      }
  }
  expectAssembles(test.code(), architecture());
}

INSTANTIATE_TEST_SUITE_P(Swizzles, CudaTensorStoresTest,
                         testing::Values(Swizzle::None, Swizzle::Bytes32,
                                         Swizzle::Bytes64, Swizzle::Bytes128),
                         [](const auto &info) {
                           return "bytes_" +
                                  std::to_string(
                                      static_cast<int64_t>(info.param));
                         });

} // namespace
