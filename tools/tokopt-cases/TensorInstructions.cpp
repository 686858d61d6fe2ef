//===- TensorInstructions.cpp - Boxes of tensors, one at a time -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// cp.async.bulk.tensor: tensors of one to five dimensions, with each swizzle
// and element, boxes within the tensor and beyond each of its ends. A block
// copies one box to shared memory and gives that as it is, or fills shared
// memory and stores one box of it; stored boxes do not overlap.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/KernelText.h"
#include "tools/tokopt-cases/Sketch.h"

#include "llvm/Support/MathExtras.h"

using namespace tokopt;
using namespace cases;

namespace {

constexpr int64_t kThreads = 64;
/// Coordinates of a box in memory, as many as there can be.
constexpr int64_t kMostDimensions = 5;

struct TensorCopy {
  size_t rank;
  const char *element;
  int64_t elementBytes;
  /// Of a row of the box, and whether they are swizzled.
  int64_t rowBytes;
  bool isSwizzled;
  /// From shared to global memory.
  bool isStore = false;

  std::string name() const {
    return std::string(isStore ? "tensor-store-" : "tensor-") +
           std::to_string(rank) + "d-" + element + "-" +
           (isSwizzled ? std::to_string(rowBytes) : "plain");
  }
  int64_t rowElements() const { return rowBytes / elementBytes; }
  /// Rows of eight and more, after which swizzles repeat.
  std::vector<int64_t> box() const {
    constexpr int64_t kBoxes[][kMostDimensions] = {
        {}, {}, {0, 10}, {0, 5, 3}, {0, 3, 2, 2}, {0, 3, 2, 2, 2}};
    std::vector<int64_t> box(kBoxes[rank], kBoxes[rank] + rank);
    box[0] = rowElements();
    return box;
  }
  /// More than a box, or than two beside each other, and no multiple of it.
  std::vector<int64_t> sizes() const {
    std::vector<int64_t> sizes;
    for (int64_t size : box())
      sizes.push_back(sizes.empty() ? (isStore ? 2 : 1) * size + size / 2 + 3
                                    : size + 2);
    return sizes;
  }
  /// Rows of the tensor begin at multiples of 16 bytes, and have a gap.
  std::vector<int64_t> strides() const {
    std::vector<int64_t> strides, all = sizes();
    int64_t stride = llvm::alignTo(all[0] * elementBytes, 16) + 16;
    for (size_t i = 1; i < rank; ++i) {
      strides.push_back(stride);
      stride *= all[i];
    }
    return strides;
  }
  int64_t boxBytes() const {
    int64_t bytes = elementBytes;
    for (int64_t size : box())
      bytes *= size;
    return bytes;
  }
  int64_t tensorBytes() const {
    return rank == 1 ? sizes()[0] * elementBytes
                     : strides().back() * sizes().back();
  }

  /// Where boxes begin: at the first element and within, before the first,
  /// across the last, and wholly beyond it. In a tensor of several dimensions
  /// also beyond each of them alone. Where boxes are stored, those that do not
  /// overlap: before the first, within, across the last, beyond.
  std::vector<std::vector<int64_t>> coordinates() const {
    std::vector<int64_t> all = sizes(), within(rank, 1), before(rank, -1),
                         across, beyond = all;
    within[0] = 3;
    before[0] = -5;
    for (size_t i = 0; i < rank; ++i)
      across.push_back(all[i] - (i ? 1 : 3));
    if (isStore) {
      within[0] = rowElements();
      return {before, within, across, beyond};
    }
    std::vector<std::vector<int64_t>> places = {std::vector<int64_t>(rank, 0),
                                                within, before, across, beyond};
    for (size_t i = 1; i < rank; ++i) {
      places.emplace_back(rank, 0);
      places.back()[i] = i % 2 ? all[i] - 1 : -1;
    }
    return places;
  }
};

std::string list(const std::vector<int64_t> &numbers) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

/// Where the block's box begins, as operands of a copy.
std::string placeOf(KernelText &k, const TensorCopy &copy) {
  std::string coordinates, first = k.times(k.block, 4 * kMostDimensions);
  for (size_t i = 0; i < copy.rank; ++i)
    coordinates +=
        (i ? ", " : "") +
        k.load({"%c", 1}, k.add(first, k.constant(4 * int64_t(i))), "i32", 4);
  return "box[" + coordinates + "]";
}

/// The box to shared memory, whose barrier is at `mbarrierAt`, and that to `y`.
void emitLoad(KernelText &k, const TensorCopy &copy, int64_t mbarrierAt) {
  std::string mbarrier = k.offset({k.shared, 3}, k.constant(mbarrierAt));
  k.onlyFirst([&] {
    k.effect("nvvm.mbarrier.init " + mbarrier + ", " + k.constant(1) +
             " : !llvm.ptr<3>, i32");
    k.effect("nvvm.fence.mbarrier.init");
  });
  k.effect("nvvm.barrier0");
  k.onlyFirst([&] {
    std::string place = placeOf(k, copy);
    k.effect("nvvm.mbarrier.arrive.expect_tx " + mbarrier + ", " +
             k.constant(copy.boxBytes()) + " : !llvm.ptr<3>, i32");
    std::string to = k.value("llvm.addrspacecast " + k.shared +
                             " : !llvm.ptr<3> to !llvm.ptr<7>");
    k.effect("nvvm.cp.async.bulk.tensor.shared.cluster.global " + to +
             ", %map, " + mbarrier + ", " + place +
             " : !llvm.ptr<7>, !llvm.ptr");
  });
  std::string parity = k.constant(0), no = k.value("arith.constant false");
  k.effect("scf.while : () -> () {");
  std::string hasEnded = k.value("nvvm.mbarrier.try_wait " + mbarrier + ", " +
                                 parity + " : !llvm.ptr<3>, i32 -> i1");
  std::string goesOn =
      k.value("arith.cmpi eq, " + hasEnded + ", " + no + " : i1");
  k.effect("scf.condition(" + goesOn + ")\n} do {\nscf.yield\n}");
  std::string to = k.offset({"%y", 1}, k.times(k.block, copy.boxBytes()));
  k.copy({k.shared, 3}, {to, 1}, copy.boxBytes(), kThreads);
}

/// The box from `x` to shared memory, and that to the tensor.
void emitStore(KernelText &k, const TensorCopy &copy) {
  std::string from = k.offset({"%x", 1}, k.times(k.block, copy.boxBytes()));
  k.copy({from, 1}, {k.shared, 3}, copy.boxBytes(), kThreads);
  k.effect("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = "
           "#nvvm.shared_space<cta>}");
  k.effect("nvvm.barrier0");
  k.onlyFirst([&] {
    std::string place = placeOf(k, copy);
    k.effect("nvvm.cp.async.bulk.tensor.global.shared.cta %map, " + k.shared +
             ", " + place + " : !llvm.ptr, !llvm.ptr<3>");
    k.effect("nvvm.cp.async.bulk.commit.group");
    k.effect("nvvm.cp.async.bulk.wait_group 0");
  });
}

std::string moduleOf(const TensorCopy &copy) {
  int64_t mbarrierAt = llvm::alignTo(copy.boxBytes(), 8);
  KernelText k(
      {"x: !llvm.ptr<1>", "c: !llvm.ptr<1>", "y: !llvm.ptr<1>",
       "map: !llvm.ptr"},
      "threads = " + std::to_string(kThreads) +
          ", shared = " + std::to_string(mbarrierAt + (copy.isStore ? 0 : 8)) +
          ", maps = [{argument = 3, buffer = " + (copy.isStore ? "2" : "0") +
          ", element = " + copy.element + ", sizes = " + list(copy.sizes()) +
          ", strides = " + list(copy.strides()) +
          ", box = " + list(copy.box()) + ", swizzle = " +
          std::to_string(copy.isSwizzled ? copy.rowBytes : 0) + "}]");
  if (copy.isStore)
    emitStore(k, copy);
  else
    emitLoad(k, copy, mbarrierAt);
  return k.finish();
}

/// For each byte of a box in shared memory that begins at `place`, rows one
/// behind the other and their chunks exchanged, where the tensor has it; -1
/// where it has nothing.
std::vector<int64_t> bytesOf(const TensorCopy &copy,
                             const std::vector<int64_t> &place) {
  std::vector<int64_t> box = copy.box(), sizes = copy.sizes(),
                       strides = copy.strides(), bytes(copy.boxBytes());
  for (int64_t byte = 0; byte < copy.boxBytes(); ++byte) {
    int64_t rest = byte / copy.elementBytes, at = byte % copy.elementBytes;
    bool isInside = true;
    for (size_t i = 0; i < copy.rank; ++i) {
      int64_t index = place[i] + rest % box[i];
      rest /= box[i];
      isInside &= index >= 0 && index < sizes[i];
      at += index * (i ? strides[i - 1] : copy.elementBytes);
    }
    bytes[swizzlePlace(byte, copy.isSwizzled ? copy.rowBytes : 0)] =
        isInside ? at : -1;
  }
  return bytes;
}

/// Boxes one behind the other, zeros where the tensor has nothing.
std::vector<ExpectedNumber> expectLoaded(const TensorCopy &copy,
                                         const Contents &contents) {
  std::vector<ExpectedNumber> expected;
  for (const std::vector<int64_t> &place : copy.coordinates())
    for (int64_t from : bytesOf(copy, place))
      expected.push_back(
          {from < 0 ? 0 : contents["x"].get(from, Element::I8), 0});
  return expected;
}

/// The tensor, whose bytes are -1 where no box is.
std::vector<ExpectedNumber> expectStored(const TensorCopy &copy,
                                         const Contents &contents) {
  std::vector<ExpectedNumber> expected(copy.tensorBytes(), {-1, 0});
  uint64_t from = 0;
  for (const std::vector<int64_t> &place : copy.coordinates())
    for (int64_t to : bytesOf(copy, place)) {
      if (to >= 0)
        expected[to].value = contents["x"].get(from, Element::I8);
      ++from;
    }
  return expected;
}

void add(std::vector<Sketch> &sketches, const TensorCopy &copy) {
  Sketch sketch = sketchInstruction(copy.name(), moduleOf(copy), "sm_90a");
  Case &given = sketch.given;
  sketch.blocks = 0;
  Buffer x, c, y;
  c.name = "c";
  uint64_t boxBytes = copy.boxBytes();
  for (const std::vector<int64_t> &place : copy.coordinates()) {
    if (!copy.isStore) {
      given.checks.push_back(
          {"y", sketch.blocks * boxBytes, Element::I8, boxBytes});
      sketch.parts.push_back("the box at " + list(place));
    }
    ++sketch.blocks;
    c.integers.insert(c.integers.end(), place.begin(), place.end());
    c.integers.resize(kMostDimensions * sketch.blocks);
  }
  c.bytes = 4 * c.integers.size();
  uint64_t boxes = sketch.blocks * boxBytes, tensor = copy.tensorBytes();
  x.name = "x";
  x.bytes = copy.isStore ? boxes : tensor;
  x.parts = {{0, x.bytes, Element::I8, 0}};
  y.name = "y";
  y.bytes = copy.isStore ? tensor : boxes;
  if (copy.isStore)
    given.checks = {{"y", 0, Element::I8, tensor}};
  given.buffers = {x, c, y};
  given.arguments = {{"x", 0}, {"c", 0}, {"y", 0}};
  sketch.reference = [=](const Contents &contents) {
    return copy.isStore ? expectStored(copy, contents)
                        : expectLoaded(copy, contents);
  };
  sketches.push_back(std::move(sketch));
}

} // namespace

void tokopt::addTensorInstructions(std::vector<Sketch> &sketches) {
  add(sketches, {1, "f16", 2, 96, false});
  for (size_t rank = 2; rank <= kMostDimensions; ++rank) {
    add(sketches, {rank, "f16", 2, 48, false});
    for (int64_t bytes : {32, 64, 128})
      add(sketches, {rank, "f16", 2, bytes, true});
  }
  // Elements of other sizes: 64 bytes of a row, and 128.
  add(sketches, {1, "i8", 1, 48, false});
  add(sketches, {3, "i8", 1, 64, true});
  add(sketches, {2, "f32", 4, 128, true});
  add(sketches, {4, "bf16", 2, 128, true});
  constexpr bool kStore = true;
  add(sketches, {1, "f16", 2, 96, false, kStore});
  add(sketches, {2, "f16", 2, 48, false, kStore});
  add(sketches, {2, "f32", 4, 128, true, kStore});
  add(sketches, {3, "bf16", 2, 64, true, kStore});
  add(sketches, {4, "i8", 1, 32, true, kStore});
  add(sketches, {5, "f16", 2, 128, true, kStore});
}
