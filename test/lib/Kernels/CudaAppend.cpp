//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAppend.h"

#include "tokopt/Kernel.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace tokopt;
using namespace tokopt::test;

namespace {

/// Three layers, of which the kernel writes the middle one.
constexpr int64_t kLayers = 3, kLayer = 1, kSlots = 64, kPagesOfSequence = 3;
constexpr int64_t kSequences = 3, kPages = kSequences * kPagesOfSequence;

/// Where the rows of a launch go.
constexpr struct {
  int32_t sequence, position;
} kPlaces[AppendRun::kRows] = {{0, 0}, {1, 63}, {1, 64}, {2, 130}, {0, 5}};

} // namespace

int64_t Append::elementBytes() const {
  std::string name = type;
  return name == "i8" ? 1 : name == "f32" ? 4 : 2;
}

std::string Append::name() const {
  return std::string(type) + "_" + std::to_string(heads) + "x" +
         std::to_string(size) + side + (pairs ? pairs : "") +
         (in == std::string("f32") ? "" : in);
}

std::string Append::module() const {
  auto text = [](int64_t v) { return std::to_string(v); };
  std::string half = text(size) + " x " + type;
  std::string cache = "!tok.cache<layers = [0-2], heads = " + text(heads) +
                      ", k = " + half + ", v = " + half +
                      ", page = 64, keys = post_rope, window = 0, sinks = 0, "
                      "residual = 0, tables = shared, columns = [pos], "
                      "digests = []>";
  std::string x = "memref<?x" + text(columns()) + "x" + in + ">",
              angles = "memref<?x" + text(2 * size) + "xf32>";
  std::string body = "^bb0(%v: f32):\ntok.yield %v : f32\n";
  if (pairs)
    body = "^bb0(%v: f32, %c: f32, %s: f32):\n%p = tok.partner %v " +
           std::string(pairs) + " head = " + text(size) +
           " dims = " + text(dims) +
           "\n%t = arith.mulf %v, %c : f32\n%o = math.fma %p, %s, %t : f32\n"
           "tok.yield %o : f32\n";
  return "func.func @f(%x: " + x + ", %a: " + angles + ", %kv: " + cache +
         ", %b: index, %e: index, %l: index) {\n"
         "tok.kernel \"rowwise\" rows(%b to %e) layer(%l) ins(%x" +
         (pairs ? ", %a : " + x + ", " + angles : " : " + x) +
         ") outs(%kv : " + cache + ") {columns = " + text(columns()) +
         ", cache = 0, side = \"" + side + "\"" +
         (pairs ? ", angles = 1, head = " + text(size) : "") +
         "} prologue {\n" + body + "}\nreturn\n}\n";
}

AppendRun::AppendRun(const Append &append, const CudaArchitecture &architecture,
                     const KernelEdit &edit)
    : append(append), kernel(append.module(), architecture, edit) {
  if (!problem().empty())
    return;
  fillRows();
  fillTables();
}

void AppendRun::fillRows() {
  auto rows = [&](const char *name, int64_t columns, const char *type) {
    return std::make_unique<DeviceRows>(kernel.simulator(), name, kRows + 2,
                                        columns, semanticsOf(type), true);
  };
  x = rows("x", append.columns(), append.in);
  angles = rows("angles", 2 * append.size, "f32");
  std::mt19937 random(1);
  x->fill(random, -3, 3);
  angles->fill(random);
  // A head of zeros has no scale, and what does not rotate no sine.
  for (int64_t d = 0; d < append.size; ++d)
    x->set(2, d, 0);
  for (int64_t r = 0; r < kRows + 2; ++r)
    for (int64_t d = append.dims; d < append.size; ++d) {
      angles->set(r, d, 1);
      angles->set(r, append.size + d, 0);
    }
  // Rows outside of the launch must not be read.
  for (const DeviceRows *each : {x.get(), angles.get()})
    for (int64_t outside : {int64_t(0), kRows + 1})
      kernel.simulator().setWritten(each->row(outside), each->rowBytes, false);
}

void AppendRun::fillTables() {
  auto buffer = [&](const char *name, uint64_t bytes, bool isWritten) {
    return llvm::cantFail(kernel.simulator().addBuffer(name, bytes, isWritten));
  };
  pages.resize(kPages);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
  poolBytes = kPages * kLayers * append.heads * headBytes();
  pool = buffer("pool", poolBytes, false);
  frame = buffer("frame", 8 * 24, true);
  uint8_t *table = buffer("table", 4 * kPages, true),
          *caches = buffer("caches", 24, true),
          *position = buffer("pos", 4 * (kRows + 1), true),
          *sequence = buffer("seq", 4 * (kRows + 1), true);
  for (uint8_t *column : {position, sequence})
    kernel.simulator().setWritten(column, 4, false);
  std::memcpy(table, pages.data(), 4 * kPages);
  uint64_t descriptor[] = {reinterpret_cast<uint64_t>(pool),
                           reinterpret_cast<uint64_t>(table), kPagesOfSequence};
  std::memcpy(caches, descriptor, sizeof descriptor);
  for (int64_t r = 0; r < kRows; ++r) {
    std::memcpy(position + 4 * (r + 1), &kPlaces[r].position, 4);
    std::memcpy(sequence + 4 * (r + 1), &kPlaces[r].sequence, 4);
  }
  auto set = [&](Slot slot, uint8_t *value) {
    auto address = reinterpret_cast<uint64_t>(value);
    std::memcpy(frame + 8 * static_cast<int64_t>(slot), &address, 8);
  };
  set(Slot::Pos, position);
  set(Slot::Seq, sequence);
  set(Slot::Caches, caches);
}

int64_t AppendRun::partOffset(bool isKey, bool isScale) const {
  int64_t half =
      llvm::alignTo(append.size * kSlots * append.elementBytes(), 64);
  if (isScale)
    return 2 * half + (isKey ? 0 : 4 * kSlots);
  return isKey ? 0 : half;
}

int64_t AppendRun::headBytes() const {
  return partOffset(true, true) + (append.elementBytes() == 1 ? 8 * kSlots : 0);
}

std::vector<float> AppendRun::rotate(int64_t row, int64_t head) const {
  std::vector<float> numbers;
  int64_t half = append.dims / 2;
  auto at = [&](int64_t channel) {
    return static_cast<float>(x->get(row, head * append.size + channel));
  };
  for (int64_t d = 0; d < append.size; ++d) {
    if (!append.pairs) {
      numbers.push_back(at(d));
      continue;
    }
    int64_t partner = append.pairs == std::string("adjacent") ? d ^ 1
                      : d < half                              ? d + half
                                                              : d - half;
    float straight = at(d) * static_cast<float>(angles->get(row, d));
    auto sine = static_cast<float>(angles->get(row, append.size + d));
    numbers.push_back(d < append.dims ? std::fmaf(at(partner), sine, straight)
                                      : straight);
  }
  return numbers;
}

std::vector<uint8_t> AppendRun::encode(const std::vector<float> &numbers,
                                       float &scale) const {
  std::vector<uint8_t> bytes(append.elementBytes() * numbers.size());
  float largest = 0;
  for (float number : numbers)
    largest = std::max(largest, std::fabs(number));
  scale = largest / 127;
  float inverse = largest > 0 ? 127 / largest : 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    uint32_t bits = llvm::bit_cast<uint32_t>(numbers[i]);
    if (append.type == std::string("i8")) {
      bits = static_cast<uint32_t>(
          static_cast<int32_t>(std::nearbyint(numbers[i] * inverse)));
    } else if (append.type == std::string("bf16")) {
      bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    } else if (append.type == std::string("f16")) {
      llvm::APFloat half(numbers[i]);
      bool loses;
      half.convert(llvm::APFloat::IEEEhalf(),
                   llvm::APFloat::rmNearestTiesToEven, &loses);
      bits = static_cast<uint32_t>(half.bitcastToAPInt().getZExtValue());
    }
    std::memcpy(&bytes[append.elementBytes() * i], &bits,
                append.elementBytes());
  }
  return bytes;
}

llvm::Expected<sim::Result> AppendRun::run(uint32_t seed) {
  std::memset(pool, 0xff, poolBytes);
  sim::Launch launch;
  // A grid may have more blocks than there are rows.
  launch.grid[0] = kRows + 1;
  launch.threads = kernel.kernel().threads;
  launch.sharedBytes = kernel.kernel().sharedBytes;
  std::vector<uint64_t> arguments = {reinterpret_cast<uint64_t>(frame), 1,
                                     kRows + 1, kLayer, x->address()};
  if (append.pairs)
    arguments.push_back(angles->address());
  arguments.push_back(0);
  sim::Options options;
  options.seed = seed;
  return kernel.simulator().run(launch, arguments, options);
}

std::string AppendRun::findDifference() const {
  std::vector<uint8_t> expected(poolBytes, 0xff);
  for (int64_t r = 0; r < kRows; ++r) {
    auto [sequence, position] = kPlaces[r];
    int32_t page = pages[sequence * kPagesOfSequence + position / kSlots];
    int64_t slot = position % kSlots;
    for (int64_t g = 0; g < append.heads; ++g) {
      float scale;
      std::vector<uint8_t> bytes = encode(rotate(r + 1, g), scale);
      uint8_t *head =
          expected.data() +
          ((page * kLayers + kLayer) * append.heads + g) * headBytes();
      std::memcpy(head + partOffset(isKey(), false) + slot * bytes.size(),
                  bytes.data(), bytes.size());
      if (append.elementBytes() == 1)
        std::memcpy(head + partOffset(isKey(), true) + 4 * slot, &scale, 4);
    }
  }
  auto [found, wanted] =
      std::mismatch(pool, pool + poolBytes, expected.begin(), expected.end());
  if (wanted == expected.end())
    return "";
  return "byte " + std::to_string(found - pool) + " of " +
         std::to_string(poolBytes) + " is " + std::to_string(*found) +
         ", but should be " + std::to_string(*wanted);
}
