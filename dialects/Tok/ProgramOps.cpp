//===- ProgramOps.cpp - Which kernel runs when, on which buffer -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// BufferOp
//===----------------------------------------------------------------------===//

int64_t BufferOp::getRowBytes() {
  MemRefType type = getBufferType();
  return llvm::alignTo(type.getDimSize(1) * type.getElementTypeBitWidth() / 8,
                       64);
}

LogicalResult BufferOp::verify() {
  MemRefType type = getBufferType();
  if (type.getRank() != 2 || !type.isDynamicDim(0) || type.isDynamicDim(1) ||
      type.getDimSize(1) <= 0 || !type.getElementType().isIntOrFloat())
    return emitOpError("expects memref<?xN> of numbers, but got ") << type;
  if (type.getDimSize(1) > int64_t(1) << 40)
    return emitOpError("expects rows of at most 2^40 columns, but got ")
           << type;
  if (getOffset() &&
      (static_cast<int64_t>(*getOffset()) < 0 || *getOffset() % 64))
    return emitOpError("expects an offset of a multiple of 64, but got ")
           << *getOffset();
  if (getWorkerRows() && static_cast<int64_t>(*getWorkerRows()) <= 0)
    return emitOpError("expects worker_rows to be positive, but got ")
           << static_cast<int64_t>(*getWorkerRows());
  return success();
}

//===----------------------------------------------------------------------===//
// ProbeOp
//===----------------------------------------------------------------------===//

LogicalResult ProbeOp::verify() {
  if (static_cast<bool>(getRowBegin()) != static_cast<bool>(getRowEnd()))
    return emitOpError("expects both ends of its rows or none");
  auto module = (*this)->getParentOfType<ModuleOp>();
  auto probes =
      module ? module->getAttrOfType<ArrayAttr>(kProbesAttrName) : ArrayAttr();
  int64_t count = probes ? probes.size() : 0;
  auto number = static_cast<int64_t>(getNumber());
  if (number < 0 || number >= count)
    return emitOpError("expects the number of one of the ")
           << count << " probes of '" << kProbesAttrName << "', but got "
           << number;
  auto probe = dyn_cast<DictionaryAttr>(probes[number]);
  bool named = probe && probe.contains("value");
  if (named != static_cast<bool>(getValue()))
    return emitOpError("expects ")
           << (named ? "the value" : "no value") << ", as probe " << number
           << " of '" << kProbesAttrName << "' says";
  if (!getValue())
    return success();
  auto type = cast<ShapedType>(getValue().getType());
  if (type.getRank() < 1 || type.getRank() > 3 || !type.isDynamicDim(0) ||
      type.getNumDynamicDims() > 1)
    return emitOpError("expects a value of rows of static size, but got ")
           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// PartnerOp
//===----------------------------------------------------------------------===//

LogicalResult PartnerOp::verify() {
  int64_t head = getHead(), dims = getDims();
  if (head <= 0 || dims <= 0 || dims % 2 || dims > head)
    return emitOpError("expects an even number of dims of at most the head, "
                       "but got dims = ")
           << dims << " of head = " << head;
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  auto columns = kernel.getConfig().getAs<IntegerAttr>("columns");
  if (kernel.getFamily() != "rowwise" || !columns)
    return emitOpError("expects to stand in a 'rowwise' kernel");
  if (kernel.getConfig().contains("group"))
    return emitOpError("expects to stand in a kernel without groups");
  if (columns.getInt() % head)
    return emitOpError("expects heads that fill the ")
           << columns.getInt() << " columns, but got head = " << head;
  // An input's argument has the input's number as long as no angles, which
  // have two arguments, stand before it.
  int64_t inputs = kernel.getInputs().size();
  if (kernel.getConfig().contains("gather"))
    --inputs;
  if (auto angles = kernel.getConfig().getAs<IntegerAttr>("angles"))
    inputs = std::min(inputs, angles.getInt());
  auto argument = dyn_cast<BlockArgument>(getValue());
  if (!argument || argument.getOwner() != (*this)->getBlock() ||
      argument.getArgNumber() >= inputs)
    return emitOpError("expects the region's argument of an input of values "
                       "that stands before the angles");
  // Lanes write their columns when they come to them.
  Value input = kernel.getInputs()[argument.getArgNumber()];
  if (getPairs() == RopePairs::Halves &&
      llvm::is_contained(kernel.getOutputs(), input))
    return emitOpError("expects halves of an input that is no output of the "
                       "kernel: some would be written before they are read");
  return success();
}
