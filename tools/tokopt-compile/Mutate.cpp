//===- Mutate.cpp - Breaks kernels on purpose -----------------------------===//
//
// A test that compares numbers is worth what it notices. This makes the mistake
// that a template could make, a wrong constant, so that a test can show that it
// is noticed.
//
//===----------------------------------------------------------------------===//

#include "Mutate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

int64_t tokopt::mutateConstants(ModuleOp module, double from, double to) {
  int64_t count = 0;
  module.walk([&](arith::ConstantOp constant) {
    Type type = constant.getType();
    Type element = getElementTypeOrSelf(type);
    if (!element.isF32())
      return;
    auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
    auto scalar = dyn_cast<FloatAttr>(constant.getValue());
    if (!splat && !scalar)
      return;
    float value = splat ? splat.getSplatValue<float>()
                        : scalar.getValue().convertToFloat();
    if (value != static_cast<float>(from))
      return;
    TypedAttr mutated = FloatAttr::get(element, to);
    if (splat)
      mutated =
          DenseElementsAttr::get(cast<ShapedType>(type), Attribute(mutated));
    constant.setValueAttr(mutated);
    ++count;
  });
  return count;
}
