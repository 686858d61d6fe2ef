//===- Embed.cpp - Gathers embeddings from packed panels ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table is stored once, packed as a linear reads it, so that a tied output
// head needs no second copy; a token's row is one lane of its panel.
//
// config: columns, scale
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Codecs.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

namespace {

struct EmbedTemplate : KernelTemplate {
  StringRef getFamily() const override { return "embed"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"columns", "scale"};
    return kKeys;
  }

  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "a lane of the packed panel", "none",
                        "the table is stored once"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    Arguments arguments(e, op, entry);
    SymbolTableCollection symbols;
    auto weight = symbols.lookupNearestSymbolFrom<tok::WeightOp>(
        op, cast<FlatSymbolRefAttr>((*op.getWeights())[0]));
    const Codec &codec = *findCodec(weight.getTensorType().getElementType());
    int64_t columns = configInt(op, "columns");
    int64_t blocks = columns / codec.blockColumns();
    Val factor = e.constant(configFloat(op, "scale"), e.f32());

    auto [begin, end] = e.share(arguments.frame, arguments.worker,
                                arguments.rowEnd - arguments.rowBegin);
    e.loop(
        arguments.rowBegin + begin, arguments.rowBegin + end, 1, [&](Val row) {
          Val id = e.convert(
              e.load(e.i32(), e.offset(arguments.inputs[0], row * 4)), e.i64());
          Val lane = e.remainder(id, e.i64(kPanelRows));
          Val panel =
              e.offset(arguments.weights[0], e.divide(id, e.i64(kPanelRows)) *
                                                 (blocks * codec.panelBytes()));
          Val at = e.offset(arguments.outputs[0],
                            row * rowBytes(op.getOutputs()[0].getType()));
          e.loop(e.i64(0), e.i64(blocks), 1, [&](Val b) {
            Val block = e.offset(panel, b * codec.panelBytes());
            e.loop(e.i64(0), e.i64(codec.groups()), 1, [&](Val g) {
              Val group =
                  e.offset(block, g * codec.groupBytes() + codec.groupOffset());
              Val column = b * codec.blockColumns() + g * codec.groupColumns();
              GroupRef ref{block, group, /*firstRow=*/0, /*lanes=*/1, lane};
              for (int64_t k = 0; k < codec.groupColumns(); ++k)
                e.store(codec.decode(e, ref, k) * factor,
                        e.offset(at, column * 4), 4 * k);
            });
          });
          for (int64_t c = columns;
               c < static_cast<int64_t>(llvm::alignTo(columns, kPanelRows));
               ++c)
            e.store(e.zero(e.f32()), at, 4 * c);
        });
    e.ret();
    return success();
  }
};

} // namespace

const KernelTemplate &cpu::embedTemplate() {
  static const EmbedTemplate instance;
  return instance;
}
