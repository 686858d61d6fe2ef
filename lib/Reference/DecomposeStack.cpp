//===- DecomposeStack.cpp - Layers applied in order -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// `table[entry]`, as an index.
static Term lookUp(Emitter &b, ArrayRef<int64_t> table, Term entry) {
  if (llvm::equal(table, llvm::seq<int64_t>(0, table.size())))
    return entry;
  auto type = RankedTensorType::get(table.size(), b.getI64Type());
  Value constant =
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, table));
  return toIndex(b.extract(constant, entry.value));
}

/// Calls the kind of entry `entry` of the table for `rows` rows. `arguments`
/// are all but the place of the first result. Each call has one of its own: one
/// place for several calls would be the loop's for one of them, and for which
/// would change from run to run.
static ValueRange callKind(Emitter &b, tok::StackOp op, Term entry, Term rows,
                           TypeRange results, ValueRange arguments) {
  auto call = [&](OpBuilder &builder, int64_t kind) {
    auto type = cast<RankedTensorType>(results.front());
    SmallVector<Value> operands(arguments);
    operands.push_back(
        tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(),
                                type.getElementType(), ValueRange(rows.value)));
    return func::CallOp::create(builder, op.getLoc(), results,
                                cast<FlatSymbolRefAttr>(op.getKinds()[kind]),
                                operands);
  };
  int64_t kinds = op.getKinds().size();
  if (kinds == 1)
    return call(b, 0).getResults();
  Term kind = lookUp(b, op.getKindOf(), entry);
  // The last kind stands as the default.
  auto cases = llvm::to_vector(llvm::seq<int64_t>(0, kinds - 1));
  auto choice =
      scf::IndexSwitchOp::create(b, results, kind.value, cases, cases.size());
  for (auto [index, region] : llvm::enumerate(choice->getRegions())) {
    // The default is the first region of the op.
    OpBuilder inner = OpBuilder::atBlockEnd(&region.emplaceBlock());
    auto chosen = call(inner, index == 0 ? kinds - 1 : index - 1);
    scf::YieldOp::create(inner, op.getLoc(), chosen.getResults());
  }
  return choice.getResults();
}

namespace {

struct DecomposeStack : DecomposePattern<tok::StackOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::StackOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    int64_t entries = op.getLayers().size();
    Value input = adaptor.getInput().front();
    Value frontier = adaptor.getFrontier().front();
    b.requireSameRows(input, frontier,
                      "tok.stack: the input has not the rows of the frontier");
    for (Value column : adaptor.getRows())
      b.requireSameRows(input, column,
                        "tok.stack: the input has not the rows of the columns");
    Term full = b.term(adaptor.getFullRows().front());
    Term begin = b.term(adaptor.getBegin().front());
    Term end = b.term(adaptor.getEnd().front());
    Term rows = b.dim(input, 0), zero = b.index(0), last = b.index(entries);
    Value bytes =
        module.getBytes(rewriter, op->getParentOfType<func::FuncOp>());

    // Rows behind the full ones enter from the frontier unless they start.
    Term entering = select(begin == zero, zero, rows - full);
    Value x = b.insertRows(b.sliceRows(frontier, full, entering), input, full,
                           entering);

    SmallVector<Value> carried = {x};
    for (ValueRange cache : adaptor.getCaches())
      llvm::append_range(carried, cache);
    // Without full rows, only the entries of the others are walked.
    Term none = full == zero;
    ValueRange results = b.forLoop(
        select(none, begin, zero), select(none, end, last), 1, carried,
        [&](Emitter &b, Term entry, ValueRange carried) {
          Term inside = (entry >= begin) & (entry < end);
          Term count = select(inside, rows, full);
          Term layer = lookUp(b, op.getLayers(), entry);
          SmallVector<Value> arguments = {
              b.sliceRows(carried[0], b.index(0), count)};
          for (Value column : adaptor.getRows())
            arguments.push_back(b.sliceRows(column, b.index(0), count));
          llvm::append_range(arguments, carried.drop_front());
          llvm::append_range(arguments, ValueRange{layer, bytes});
          SmallVector<Value> next(
              callKind(b, op, entry, count, carried.getTypes(), arguments));
          next[0] = b.insertRows(next[0], carried[0], b.index(0), count);
          return next;
        });

    // They leave to the frontier unless they are done.
    Term leaving = select(end == last, zero, rows - full);
    Value nextFrontier = b.insertRows(b.sliceRows(results[0], full, leaving),
                                      frontier, full, leaving);
    SmallVector<SmallVector<Value>> replacements = {{results[0]},
                                                    {nextFrontier}};
    ValueRange parts = results.drop_front();
    for (ValueRange cache : adaptor.getCaches()) {
      replacements.push_back(llvm::to_vector(parts.take_front(cache.size())));
      parts = parts.drop_front(cache.size());
    }
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }
};

} // namespace

void reference::populateStackPatterns(const PartsConverter &converter,
                                      const ModuleContext &module,
                                      RewritePatternSet &patterns) {
  patterns.add<DecomposeStack>(converter, patterns.getContext(), module);
}
