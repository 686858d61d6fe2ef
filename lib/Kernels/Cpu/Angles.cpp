//===- Angles.cpp - Cosines and sines of the rows' positions --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each row the cosines and signed sines of one head, laid out so that a
// rotation is `x * cos + partner * sin` at every element: the sine of the first
// of a pair is negated, and from `dims` on the cosine is 1 and the sine 0. Made
// once a step, since all layers and heads share them.
//
// The angle pos * base^(-2i/dims) is computed and reduced to [-pi, pi] in f64;
// an f32 angle of a few thousand would be wrong in its fourth digit.
//
// config: base, dims, head, pairs
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Templates.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

namespace {

/// `values` cosines and sines of `position` times each frequency.
std::pair<Val, Val> cosineAndSine(Emitter &e, Val position,
                                  ArrayRef<double> frequencies) {
  int64_t n = frequencies.size();
  Type wide = e.vec(n, e.f64());
  Val factors = n == 1 ? e.constant(frequencies[0], e.f64())
                       : e.constantVector(frequencies, e.f64());
  Val angle = e.splat(e.convert(position, e.f64()), n) * factors;
  // 2 pi in two parts, so that the multiple is taken off without rounding.
  Val turns = e.roundEven(angle * e.constant(0.15915494309189535, wide));
  Val reduced = e.fma(turns, e.constant(-6.283185307179586, wide), angle);
  reduced = e.fma(turns, e.constant(-2.4492935982947064e-16, wide), reduced);
  Val x = e.convert(reduced, e.f32());
  auto &b = e.at({});
  return {e.wrap(math::CosOp::create(b, x.value)),
          e.wrap(math::SinOp::create(b, x.value))};
}

struct AnglesTemplate : KernelTemplate {
  StringRef getFamily() const override { return "angles"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"base", "dims", "head", "pairs"};
    return kKeys;
  }

  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "once a step", "in every layer",
                        "all layers share the angles"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    Arguments arguments(e, op, entry);
    int64_t dims = configInt(op, "dims"), head = configInt(op, "head");
    bool halves = configName(op, "pairs") == "halves";
    double base = configFloat(op, "base");
    SmallVector<double> frequencies;
    for (int64_t i = 0; i < dims / 2; ++i)
      frequencies.push_back(std::pow(base, -2.0 * i / dims));

    int64_t bytes = rowBytes(op.getOutputs()[0].getType());
    Val positions = e.slot(arguments.frame, Slot::Pos, e.ptr());
    auto [begin, end] = e.share(arguments.frame, arguments.worker,
                                arguments.rowEnd - arguments.rowBegin);
    e.loop(
        arguments.rowBegin + begin, arguments.rowBegin + end, 1, [&](Val row) {
          Val position = e.load(e.i32(), e.offset(positions, row * 4));
          Val at = e.offset(arguments.outputs[0], row * bytes);
          for (int64_t i = 0; i < dims / 2;) {
            int64_t n = dims / 2 - i >= 8 ? 8 : 1;
            auto [cosine, sine] =
                cosineAndSine(e, position, ArrayRef(frequencies).slice(i, n));
            Val negated = e.zero(sine.type()) - sine;
            if (halves) {
              e.store(cosine, at, 4 * i);
              e.store(cosine, at, 4 * (i + dims / 2));
              e.store(negated, at, 4 * (head + i));
              e.store(sine, at, 4 * (head + i + dims / 2));
            } else {
              for (int64_t lane = 0; lane < n; ++lane) {
                auto one = [&](Val v) {
                  return n == 1 ? v : e.extract(v, lane);
                };
                int64_t d = 2 * (i + lane);
                e.store(one(cosine), at, 4 * d);
                e.store(one(cosine), at, 4 * (d + 1));
                e.store(one(negated), at, 4 * (head + d));
                e.store(one(sine), at, 4 * (head + d + 1));
              }
            }
            i += n;
          }
          for (int64_t d = dims; d < head; ++d) {
            e.store(e.constant(1.0, e.f32()), at, 4 * d);
            e.store(e.zero(e.f32()), at, 4 * (head + d));
          }
        });
    e.ret();
    return success();
  }
};

} // namespace

const KernelTemplate &cpu::anglesTemplate() {
  static const AnglesTemplate instance;
  return instance;
}
