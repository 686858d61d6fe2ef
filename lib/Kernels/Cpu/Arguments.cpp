//===- Arguments.cpp - The arguments of a kernel function -----------------===//

#include "lib/Kernels/Cpu/Arguments.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

Arguments::Arguments(Emitter &e, tok::KernelOp op, Block &entry) {
  auto *argument = entry.getArguments().begin();
  auto next = [&] { return e.wrap(*argument++); };
  frame = next();
  worker = next();
  rowBegin = next();
  rowEnd = next();
  layer = next();
  for (size_t i = 0, n = op.getWeights() ? op.getWeights()->size() : 0; i < n;
       ++i)
    weights.push_back(next());
  for (size_t i = 0; i < op.getInputs().size(); ++i)
    inputs.push_back(next());
  for (size_t i = 0; i < op.getOutputs().size(); ++i)
    outputs.push_back(next());
}

int64_t cpu::rowBytes(Type memref) {
  auto type = cast<MemRefType>(memref);
  return llvm::alignTo(type.getDimSize(1) * type.getElementTypeBitWidth() / 8,
                       64);
}

int64_t cpu::columnsOf(Type memref) {
  return cast<MemRefType>(memref).getDimSize(1);
}

int64_t cpu::configInt(tok::KernelOp op, StringRef name) {
  return op.getConfig().getAs<IntegerAttr>(name).getInt();
}

StringRef cpu::configName(tok::KernelOp op, StringRef name) {
  auto attribute = op.getConfig().getAs<StringAttr>(name);
  return attribute ? attribute.getValue() : StringRef();
}

double cpu::configFloat(tok::KernelOp op, StringRef name) {
  return op.getConfig().getAs<FloatAttr>(name).getValueAsDouble();
}

DictionaryAttr cpu::extendConfig(tok::KernelOp op,
                                 ArrayRef<NamedAttribute> entries) {
  NamedAttrList list(op.getConfig());
  for (NamedAttribute entry : entries)
    list.set(entry.getName(), entry.getValue());
  return list.getDictionary(op.getContext());
}
