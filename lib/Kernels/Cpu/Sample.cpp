//===- Sample.cpp - Draws a token from logits -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Workers share the rows. Nothing is sorted: the top_k-th largest logit and the
// smallest probability that top_p lets in are found bit by bit, from the top,
// by counting (summing) what reaches a trial threshold; floats of one sign
// order like integers.
//
// The draw: u = mix(seed, counter) in [0, 1), then the first candidate in
// ascending id whose running mass exceeds u * total (tok.sample).
//
// config: vocab
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

namespace {

constexpr int64_t kLanes = 16;

/// Emits one sampling kernel. Logits and weights are walked in vectors of 16;
/// what does not fill the last one is loaded as the lowest value.
struct SampleEmitter {
  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  int64_t vocab;
  Val weights; // scratch: exp((logit - max) / temperature), 0 for what is no
               // candidate

  SampleEmitter(Emitter &e, tok::KernelOp op, Block &entry)
      : e(e), op(op), arguments(e, op, entry), vocab(configInt(op, "vocab")) {
    weights =
        e.scratch(arguments.frame, arguments.worker, configInt(op, "scratch"));
  }

  Type vector() { return e.vec(kLanes, e.f32()); }
  Type integers() { return e.vec(kLanes, e.i32()); }

  Val iota() {
    SmallVector<int64_t> lanes = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
    return e.constantVector(ArrayRef<int64_t>(lanes), e.i32());
  }

  /// Ids of the vector at `column`.
  Val ids(Val column) {
    return e.splat(e.convert(column, e.i32()), kLanes) + iota();
  }

  /// `other` where the vector at `column` is beyond the vocabulary.
  Val inside(Val column, Val value, Val other) {
    if (vocab % kLanes == 0)
      return value;
    return e.select(e.less(ids(column), e.constant(vocab, integers())), value,
                    other);
  }

  /// Walks the vocabulary carrying `initial`.
  Vals walk(ArrayRef<Val> initial,
            function_ref<Vals(Val, ArrayRef<Val>)> body) {
    return e.loop(e.i64(0), e.i64(vocab), kLanes, initial, body);
  }

  /// The largest logit, and the lowest id that has it.
  std::pair<Val, Val> largest(Val logits) {
    Val lowest = e.constant(-3.4028234663852886e38, vector());
    Vals found = walk({lowest, e.zero(integers())}, [&](Val column,
                                                        ArrayRef<Val> carried) {
      Val value = inside(column, e.load(vector(), e.offset(logits, column * 4)),
                         lowest);
      Val better = e.less(carried[0], value);
      return Vals{e.select(better, value, carried[0]),
                  e.select(better, ids(column), carried[1])};
    });
    Val value = e.maxLanes(found[0]);
    Val candidates =
        e.select(e.equal(found[0], e.splat(value, kLanes)), found[1],
                 e.constant(int64_t(0x7FFFFFFF), integers()));
    Val id = e.extract(candidates, 0);
    for (int64_t i = 1; i < kLanes; ++i)
      id = e.min(id, e.extract(candidates, i));
    return {value, id};
  }

  /// An integer that orders like the float: negative floats with all bits but
  /// the sign flipped.
  Val orderedBits(Val value) {
    Val bits = e.bitcast(value, integers());
    return e.select(e.less(bits, e.zero(integers())),
                    e.xorBits(bits, 0x7FFFFFFF), bits);
  }

  /// The largest integer t for which `reached(t)`, which holds for all smaller
  /// ones: from bit 30 down, after the sign.
  Val bisect(bool isSigned, function_ref<Val(Val)> reached) {
    Val start = e.zero(e.i32());
    if (isSigned)
      start = e.select(reached(start), start,
                       e.constant(int64_t(-0x80000000LL), e.i32()));
    return e.loop(
        e.i64(0), e.i64(31), 1, {start}, [&](Val i, ArrayRef<Val> carried) {
          Val shift = e.convert(e.i64(30) - i, e.i32());
          Val bit = e.shiftLeftBy(e.constant(int64_t(1), e.i32()), shift);
          Val trial = e.orBits(carried[0], bit);
          return Vals{e.select(reached(trial), trial, carried[0])};
        })[0];
  }

  /// The top_k-th largest logit as ordered bits.
  Val kthLargest(Val logits, Val k) {
    return bisect(/*isSigned=*/true, [&](Val trial) {
      Val wide = e.splat(trial, kLanes);
      Vals count = walk({e.zero(integers())}, [&](Val column,
                                                  ArrayRef<Val> carried) {
        Val bits = orderedBits(e.load(vector(), e.offset(logits, column * 4)));
        Val one =
            e.select(e.lessEqual(wide, bits),
                     e.constant(int64_t(1), integers()), e.zero(integers()));
        return Vals{carried[0] + inside(column, one, e.zero(integers()))};
      });
      return e.lessEqual(k, e.sumLanes(count[0]));
    });
  }

  /// The sum of the weights that are at least `threshold`.
  Val mass(Val threshold) {
    Val wide = e.splat(threshold, kLanes);
    Vals sum = walk({e.zero(vector())}, [&](Val column, ArrayRef<Val> carried) {
      Val weight = e.load(vector(), e.offset(weights, column * 4));
      return Vals{carried[0] + e.select(e.lessEqual(wide, weight), weight,
                                        e.zero(vector()))};
    });
    return e.sumLanes(sum[0]);
  }

  /// SplitMix64's finalizer over seed + (counter + 1) * golden gamma; the upper
  /// 24 bits as [0, 1).
  Val uniform(Val seeds) {
    Val seed = e.load(e.i64(), seeds), counter = e.load(e.i64(), seeds, 8);
    Val z = seed + (counter + 1) * static_cast<int64_t>(0x9E3779B97F4A7C15ULL);
    z = mix(z, 30) * static_cast<int64_t>(0xBF58476D1CE4E5B9ULL);
    z = mix(z, 27) * static_cast<int64_t>(0x94D049BB133111EBULL);
    z = mix(z, 31);
    Val upper = e.convert(e.shiftRight(z, 40), e.i32());
    return e.convert(upper, e.f32()) * e.constant(0x1p-24, e.f32());
  }
  Val mix(Val z, int64_t bits) { return e.xorValues(z, e.shiftRight(z, bits)); }

  /// Draws from the candidates in `weights`.
  Val draw(Val total, Val u) {
    Val target = e.convert(u, e.f64()) * e.convert(total, e.f64());
    // The id of the first candidate whose running mass exceeds the target; the
    // last candidate, should rounding leave none.
    Vals result = e.loop(
        e.i64(0), e.i64(vocab), 1,
        {e.zero(e.f64()), e.constant(int64_t(-1), e.i32()), e.zero(e.i32())},
        [&](Val id, ArrayRef<Val> carried) {
          Val weight = e.load(e.f32(), e.offset(weights, id * 4));
          Val running = carried[0] + e.convert(weight, e.f64());
          Val id32 = e.convert(id, e.i32());
          Val candidate = e.less(e.zero(e.f32()), weight);
          Val first = e.both(e.both(candidate, e.less(target, running)),
                             e.less(carried[1], e.zero(e.i32())));
          return Vals{running, e.select(first, id32, carried[1]),
                      e.select(candidate, id32, carried[2])};
        });
    return e.select(e.less(result[1], e.zero(e.i32())), result[2], result[1]);
  }

  Val sample(Val logits, Val maximum, Val parameters, Val seeds) {
    Val temperature = e.load(e.f32(), parameters);
    Val topK = e.load(e.f32(), parameters, 4);
    Val topP = e.load(e.f32(), parameters, 8),
        minP = e.load(e.f32(), parameters, 12);
    Val k = e.convert(
        e.min(topK, e.constant(static_cast<double>(vocab), e.f32())), e.i32());
    Val threshold = e.choose(
        e.lessEqual(e.constant(int64_t(1), e.i32()), k), {e.i32()},
        [&] { return Vals{kthLargest(logits, k)}; },
        [&] { return Vals{e.constant(int64_t(-0x80000000LL), e.i32())}; })[0];

    Val inverse =
        e.splat(e.divide(e.constant(1.0, e.f32()), temperature), kLanes);
    Val wideMaximum = e.splat(maximum, kLanes),
        wideThreshold = e.splat(threshold, kLanes);
    Val wideMinP = e.splat(minP, kLanes), zero = e.zero(vector());
    walk({}, [&](Val column, ArrayRef<Val>) {
      Val logit = e.load(vector(), e.offset(logits, column * 4));
      Val weight = e.exp((logit - wideMaximum) * inverse);
      weight = e.select(e.lessEqual(wideThreshold, orderedBits(logit)), weight,
                        zero);
      weight = e.select(e.lessEqual(wideMinP, weight), weight, zero);
      e.store(inside(column, weight, zero), e.offset(weights, column * 4));
      return Vals();
    });

    // The largest threshold whose mass is still enough lets in the smallest
    // set.
    Val all = mass(e.zero(e.f32()));
    e.when(e.less(topP, e.constant(1.0, e.f32())), [&] {
      Val enough = all * topP;
      Val bits = bisect(/*isSigned=*/false, [&](Val trial) {
        // A trial above the bits of 1.0 lets nothing in.
        Val float1 = e.bitcast(trial, e.f32());
        return e.both(
            e.lessEqual(trial, e.constant(int64_t(0x3F800000), e.i32())),
            e.lessEqual(enough, mass(float1)));
      });
      Val least = e.splat(e.bitcast(bits, e.f32()), kLanes);
      walk({}, [&](Val column, ArrayRef<Val>) {
        Val at = e.offset(weights, column * 4);
        Val weight = e.load(vector(), at);
        e.store(e.select(e.lessEqual(least, weight), weight, zero), at);
        return Vals();
      });
    });
    return draw(mass(e.zero(e.f32())), uniform(seeds));
  }

  LogicalResult emit() {
    auto [begin, end] = e.share(arguments.frame, arguments.worker,
                                arguments.rowEnd - arguments.rowBegin);
    e.loop(arguments.rowBegin + begin, arguments.rowBegin + end, 1,
           [&](Val row) {
             Val logits = e.offset(arguments.inputs[0],
                                   row * rowBytes(op.getInputs()[0].getType()));
             Val parameters = e.offset(arguments.inputs[1], row * 16);
             Val seeds = e.offset(arguments.inputs[2], row * 16);
             auto [maximum, best] = largest(logits);
             Val greedy =
                 e.lessEqual(e.load(e.f32(), parameters), e.zero(e.f32()));
             Val token = e.choose(
                 greedy, {e.i32()}, [&, best = best] { return Vals{best}; },
                 [&, maximum = maximum] {
                   return Vals{sample(logits, maximum, parameters, seeds)};
                 })[0];
             e.store(token, e.offset(arguments.outputs[0], row * 4));
           });
    e.ret();
    return success();
  }
};

struct SampleTemplate : KernelTemplate {
  StringRef getFamily() const override { return "sample"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"vocab", "scratch"};
    return kKeys;
  }

  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "thresholds by bisection", "a sort",
                        "reads the logits, moves nothing"};
  }

  int64_t getScratchBytes(tok::KernelOp op) const override {
    return llvm::alignTo(4 * configInt(op, "vocab"), 64);
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    return SampleEmitter(e, op, entry).emit();
  }
};

} // namespace

const KernelTemplate &cpu::sampleTemplate() {
  static const SampleTemplate instance;
  return instance;
}
