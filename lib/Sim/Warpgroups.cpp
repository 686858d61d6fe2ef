//===- Warpgroups.cpp - Products of a warpgroup ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions". A product is
// computed when its group is waited for, and not a moment earlier. Until then
// the registers of its sums hold a NaN that names it: a use is reported, and
// only a wait that is given the registers gives the sums.
//
// A product reads shared memory through the async proxy from when it begins
// until it has been waited for. That its reads are over, all threads of the
// warpgroup know after the wait; so each has a time at which the warpgroup's
// groups are done.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::sim;

/// Rows and depth of a product; f16 and bf16 elements of 16 bytes.
static constexpr uint32_t kRows = 64, kDepth = 16, kChunkElements = 8;

//===----------------------------------------------------------------------===//
// Registers of sums in flight
//===----------------------------------------------------------------------===//

/// A quiet NaN that arithmetic does not make, the number of a product in 13
/// bits and that of the thread's sum in 7.
static constexpr uint32_t kFlight = 0x7fe00000, kFlightMask = 0xfff00000;
static constexpr uint32_t kIndexBits = 7, kProducts = 1 << 13;

static uint32_t nameSum(uint32_t product, uint32_t index) {
  return kFlight | product << kIndexBits | index;
}

const uint32_t *Machine::findSum(uint32_t bits, uint32_t thread,
                                 Product *&product) {
  product = nullptr;
  if ((bits & kFlightMask) != kFlight)
    return nullptr;
  auto found = products.find((bits & ~kFlightMask) >> kIndexBits);
  if (found == products.end())
    return nullptr;
  product = &found->second;
  uint32_t index = bits & ((1 << kIndexBits) - 1);
  return product->isDone
             ? &product->sums[thread % kWarpgroupThreads *
                                  (product->sums.size() / kWarpgroupThreads) +
                              index]
             : nullptr;
}

void Machine::takeSum(Product &product) {
  // What all have taken is not asked for again.
  if (++product.taken < product.sums.size())
    return;
  for (auto &[name, candidate] : products)
    if (&candidate == &product) {
      products.erase(name);
      return;
    }
}

void Machine::use(uint32_t site, uint32_t bits) {
  if ((bits & kFlightMask) != kFlight)
    return;
  auto found = products.find((bits & ~kFlightMask) >> kIndexBits);
  if (found == products.end())
    return report("in flight", site, running,
                  "takes a sum that no wait has handed on");
  report("in flight", site, running,
         found->second.isDone
             ? "takes a sum that the wait for its product was not given"
             : "takes a sum of a product that has not been waited for",
         found->second.site,
         program.sites[found->second.site].what + " by " +
             agents.describe(agents.ofWarpgroup(running / kWarpgroupThreads)));
}

//===----------------------------------------------------------------------===//
// Matrices in shared memory
//===----------------------------------------------------------------------===//

namespace {

/// PTX ISA, "Matrix Descriptor Format" and "Strides". Fields are in units of 16
/// bytes; the base offset is always zero here.
struct Descriptor {
  uint64_t start, leading, stride;
  uint32_t swizzle;

  static constexpr uint64_t kFields =
      uint64_t(0x3fff) | uint64_t(0x3fff) << 16 | uint64_t(0x3fff) << 32 |
      uint64_t(3) << 62;

  explicit Descriptor(uint64_t bits)
      : start((bits & 0x3fff) << 4), leading((bits >> 16 & 0x3fff) << 4),
        stride((bits >> 32 & 0x3fff) << 4) {
    static constexpr uint32_t kSwizzles[] = {0, 128, 64, 32};
    swizzle = kSwizzles[bits >> 62];
  }

  /// Where row (of the left) or column (of the right matrix) `row` has its
  /// element of depth `k`, before it is swizzled.
  uint64_t offset(uint32_t row, uint32_t k, bool isTransposed) const {
    if (!isTransposed) {
      // Rows of chunks, eight of them a group.
      uint64_t chunk = k / kChunkElements;
      return row / 8 * stride + row % 8 * (swizzle ? swizzle : kChunkBytes) +
             chunk * (swizzle ? kChunkBytes : leading) + k % kChunkElements * 2;
    }
    if (!swizzle)
      return row / kChunkElements * stride + k / 8 * leading +
             k % 8 * kChunkBytes + row % kChunkElements * 2;
    uint32_t columns = swizzle / 2;
    return row / columns * leading + k / 8 * stride + k % 8 * swizzle +
           row % columns * 2;
  }
};

} // namespace

void Machine::readChunks(uint64_t bits, uint32_t rows, bool isTransposed,
                         const View &view, Product &product, const Stamp &now) {
  Descriptor descriptor(bits);
  // Places of chunks repeat after eight rows, where a matrix must begin.
  uint64_t pattern = descriptor.swizzle * uint64_t(8);
  uint64_t rowsMask = pattern ? (pattern - 1) & ~uint64_t(127) : 0;
  if ((bits & ~Descriptor::kFields) || (descriptor.start & rowsMask)) {
    report("bad descriptor", product.site, running,
           bits & ~Descriptor::kFields
               ? "has bits where no field is: " + Twine::utohexstr(bits)
               : "begins at shared + " + Twine(descriptor.start) +
                     ", within the rows of a swizzle of " +
                     Twine(descriptor.swizzle) + " bytes");
    abandon();
  }
  uint32_t rowStep = isTransposed ? kChunkElements : 1,
           depthStep = isTransposed ? 1 : kChunkElements;
  for (uint32_t row = 0; row < rows; row += rowStep)
    for (uint32_t k = 0; k < kDepth; k += depthStep) {
      uint64_t address = swizzle(memory.sharedBase() + descriptor.start +
                                     descriptor.offset(row, k, isTransposed),
                                 descriptor.swizzle);
      checkPlace(address, kChunkBytes, kChunkBytes, product.site);
      if (std::optional<Conflict> conflict =
              shadow.access(address, kChunkBytes, now, view, /*isWrite=*/false,
                            /*isWritten=*/false))
        reportConflict(*conflict, product.site);
      shadow.beginCopyFrom(address, kChunkBytes, now);
      product.chunks.push_back(address);
    }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The low half of a thread's operand.
static uint32_t wordOf(const uint64_t *operands, uint32_t number) {
  uint32_t word;
  std::memcpy(&word, &operands[number], sizeof word);
  return word;
}

void Machine::startProduct(uint32_t number, uint32_t site) {
  Warpgroup &warpgroup = warpgroups[number];
  const Operation &operation = program.sites[site].operation;
  const CudaAssembly &form = operation.assembly;
  const Thread *lanes = &threads[number * kWarpgroupThreads];
  if (!warpgroup.isFenced || operation.takesUnfenced)
    report("missing wgmma fence", site, running,
           operation.takesUnfenced
               ? "takes registers that no wgmma.fence has given back"
               : "comes after a wait, or first, without a wgmma.fence");
  uint32_t name = productCount++ % kProducts;
  products.erase(name);
  Product &product = products[name];
  product.site = site;
  uint32_t sums = form.productSums(), first = form.sumOperands();
  product.sums.assign(sums * kWarpgroupThreads, 0);
  uint32_t right = first + (form.leftInRegisters ? 4 : 1);
  product.leftDescriptor = form.leftInRegisters ? 0 : lanes[0].operands[first];
  product.rightDescriptor = lanes[0].operands[right];
  View common = lanes[0].view;
  for (uint32_t t = 0; t < kWarpgroupThreads; ++t) {
    const uint64_t *operands = lanes[t].operands;
    for (uint32_t i = 0; i < first; ++i)
      product.sums[t * sums + i] = wordOf(operands, i);
    for (uint32_t i = 0; form.leftInRegisters && i < 4; ++i)
      product.left.push_back(wordOf(operands, first + i));
    if (operands[right] != product.rightDescriptor ||
        (!form.leftInRegisters && operands[first] != product.leftDescriptor)) {
      report("bad descriptor", site, number * kWarpgroupThreads + t,
             "is not that of the warpgroup's first thread");
      abandon();
    }
    common.intersect(lanes[t].view);
    for (uint32_t i = 0; i < sums; ++i) {
      uint32_t bits = nameSum(name, i);
      std::memcpy(static_cast<char *>(lanes[t].result) + 4 * i, &bits, 4);
    }
  }
  // It is known when its group is done.
  Stamp now{block, agents.ofWarpgroup(number), warpgroup.committed + 1, site};
  now.isAsync = true;
  if (!form.leftInRegisters)
    readChunks(product.leftDescriptor, kRows, form.transposesLeft, common,
               product, now);
  readChunks(product.rightDescriptor, form.columns, form.transposesRight,
             common, product, now);
  warpgroup.products.push_back(name);
  // As many products of the smaller shape that a warp multiplies.
  result.statistics.products += kRows / 16 * (form.columns / 8);
}

/// D = A B + C, A of 64 x 16, B of 16 x N. Warp w has rows 16 w to 16 w + 15,
/// whose registers are those of `mma` m16n8k16. The sum is exact and rounded
/// once.
void Machine::finishProduct(uint32_t number, Product &product) {
  const CudaAssembly &form = program.sites[product.site].operation.assembly;
  for (uint64_t address : product.chunks)
    shadow.endCopyFrom(address, kChunkBytes);
  auto load = [&](uint64_t bits, uint32_t row, uint32_t k, bool isTransposed) {
    Descriptor descriptor(bits);
    uint64_t address = swizzle(memory.sharedBase() + descriptor.start +
                                   descriptor.offset(row, k, isTransposed),
                               descriptor.swizzle);
    uint16_t element;
    std::memcpy(&element, reinterpret_cast<void *>(address), sizeof element);
    return toFloat(element, form.isBrain);
  };
  std::vector<std::array<float, kDepth>> left(kRows), right(form.columns);
  for (uint32_t k = 0; k < kDepth; ++k) {
    for (uint32_t n = 0; n < form.columns; ++n)
      right[n][k] = load(product.rightDescriptor, n, k, form.transposesRight);
    for (uint32_t m = 0; !form.leftInRegisters && m < kRows; ++m)
      left[m][k] = load(product.leftDescriptor, m, k, form.transposesLeft);
  }
  auto rowOf = [](uint32_t t) {
    return t / kWarpThreads * 16 + t % kWarpThreads / 4;
  };
  for (uint32_t t = 0; form.leftInRegisters && t < kWarpgroupThreads; ++t)
    for (uint32_t i = 0; i < 8; ++i)
      left[rowOf(t) + i / 2 % 2 * 8][t % 4 * 2 + i % 2 + i / 4 * 8] = toFloat(
          static_cast<uint16_t>(product.left[t * 4 + i / 2] >> 16 * (i % 2)),
          form.isBrain);
  uint32_t sums = form.productSums();
  for (uint32_t t = 0; t < kWarpgroupThreads; ++t)
    for (uint32_t i = 0; i < sums; ++i) {
      uint32_t &bits = product.sums[t * sums + i];
      float start = 0;
      if (form.accumulates) {
        Product *source;
        if (const uint32_t *sum = findSum(bits, t, source)) {
          bits = *sum;
          takeSum(*source);
        }
        std::memcpy(&start, &bits, sizeof start);
      }
      const auto &row = left[rowOf(t) + i / 2 % 2 * 8],
                 &column = right[i / 4 * 8 + t % 4 * 2 + i % 2];
      double sum = start;
      for (uint32_t k = 0; k < kDepth; ++k)
        sum += double(row[k]) * column[k];
      auto rounded = static_cast<float>(sum);
      std::memcpy(&bits, &rounded, sizeof bits);
    }
  product.isDone = true;
}

void Machine::handRegistersOn(uint32_t number, const CudaAssembly &form) {
  for (uint32_t t = 0; t < kWarpgroupThreads; ++t) {
    const Thread &thread = threads[number * kWarpgroupThreads + t];
    for (uint32_t i = 0; i < form.results(); ++i) {
      uint32_t bits = wordOf(thread.operands, i);
      Product *source = nullptr;
      // Others than sums may be any bits.
      if (i < form.sums)
        if (const uint32_t *sum = findSum(bits, t, source)) {
          bits = *sum;
          takeSum(*source);
        }
      std::memcpy(static_cast<char *>(thread.result) + 4 * i, &bits, 4);
    }
  }
}

void Machine::waitForProducts(uint32_t number, uint32_t site) {
  Warpgroup &warpgroup = warpgroups[number];
  const Operation &operation = program.sites[site].operation;
  uint64_t pending = operation.hasSize
                         ? threads[number * kWarpgroupThreads].operands[0]
                         : operation.assembly.pending;
  while (warpgroup.groups.size() > pending) {
    for (uint32_t name : warpgroup.groups.front())
      finishProduct(number, products.at(name));
    warpgroup.groups.pop_front();
    ++warpgroup.done;
  }
  for (uint32_t t = 0; t < kWarpgroupThreads; ++t)
    threads[number * kWarpgroupThreads + t].view.learn(
        agents.ofWarpgroup(number), warpgroup.done);
  // Registers are anybody's again.
  warpgroup.isFenced = false;
}

void Machine::executeWarpgroup(uint32_t number, uint32_t site) {
  ++result.statistics.collectives;
  for (uint32_t i = 0; i < kWarpgroupThreads / kWarpThreads; ++i)
    counter.meet(number * (kWarpgroupThreads / kWarpThreads) + i);
  Warpgroup &warpgroup = warpgroups[number];
  const Operation &operation = program.sites[site].operation;
  switch (operation.opcode) {
  case Opcode::WarpgroupMultiply:
    return startProduct(number, site);
  case Opcode::WarpgroupCommit:
    warpgroup.groups.push_back(std::move(warpgroup.products));
    warpgroup.products.clear();
    ++warpgroup.committed;
    return;
  case Opcode::WarpgroupWait:
    waitForProducts(number, site);
    return handRegistersOn(number, operation.assembly);
  case Opcode::ReleaseRegisters:
  case Opcode::ClaimRegisters:
    return changeRegisters(number, site);
  default:
    warpgroup.isFenced = true;
    return handRegistersOn(number, operation.assembly);
  }
}

void Machine::meetWarpgroup(uint32_t site, const uint64_t *operands,
                            void *result) {
  uint32_t number = running / kWarpgroupThreads;
  Thread &thread = threads[running];
  thread.site = site;
  thread.operands = operands;
  thread.result = result;
  if (number >= warpgroups.size()) {
    report("inactive lane", site, running,
           "needs all four warps of the warpgroup, but the block ends within "
           "it");
    abandon();
  }
  Warpgroup &warpgroup = warpgroups[number];
  uint32_t first = number * kWarpgroupThreads;
  if (warpgroup.arrived && warpgroup.site != site) {
    auto other = find_if(ArrayRef(threads).slice(first, kWarpgroupThreads),
                         [&](const Thread &candidate) {
                           return candidate.state == State::InWarp;
                         });
    report("divergent collective", site, running,
           "other threads of the warpgroup wait elsewhere", warpgroup.site,
           "thread " + Twine(other - threads.data()) + " waits here");
    abandon();
  }
  warpgroup.site = site;
  if (++warpgroup.arrived < kWarpgroupThreads)
    return wait(State::InWarp);
  warpgroup.arrived = 0;
  executeWarpgroup(number, site);
  bool isWaiting = warpgroup.claimed;
  for (uint32_t i = first; i < first + kWarpgroupThreads; ++i)
    threads[i].state = isWaiting ? State::AtPool : State::Ready;
  if (isWaiting)
    wait(State::AtPool);
}

void Machine::checkProductsAwaited() {
  for (auto [number, warpgroup] : enumerate(warpgroups)) {
    const std::vector<uint32_t> *left = &warpgroup.products;
    for (const std::vector<uint32_t> &group : reverse(warpgroup.groups))
      if (!group.empty())
        left = &group;
    if (!left->empty())
      report("in flight", products.at(left->front()).site,
             number * kWarpgroupThreads,
             "has not been waited for when its block ends");
  }
}
