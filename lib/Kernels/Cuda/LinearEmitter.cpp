//===- LinearEmitter.cpp - What the kernels of linears have in common -----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Linear.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

LogicalResult LinearEmitter::emitTiles(const Grid &grid,
                                       function_ref<LogicalResult()> emitTile) {
  firstRow = arguments.rowBegin + wide(e.block()) * grid.rows;
  LogicalResult result = success();
  // There may be more blocks than tiles.
  e.when(e.less(firstRow, arguments.rowEnd), [&] {
    count = narrow(e.min(arguments.rowEnd - firstRow, e.i64(grid.rows)));
    result = emitTile();
  });
  e.finish(grid);
  return result;
}
