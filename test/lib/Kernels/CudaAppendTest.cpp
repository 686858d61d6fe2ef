//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that are rotated and written to a cache, in the simulator with all
// checks on, against scalar code. All of it is exact.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaTest.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace tokopt;
using namespace tokopt::test;

namespace {

constexpr int64_t kLayers = 3, kLayer = 1, kSlots = 64, kPagesOfSequence = 3;
constexpr int64_t kSequences = 3;

struct Append {
  const char *type;
  int64_t heads, size;
  /// `k` or `v`; how pairs are found, or null for values that do not rotate,
  /// and how many channels of a head do.
  const char *side, *pairs;
  int64_t dims;

  int64_t columns() const { return heads * size; }
  int64_t elementBytes() const {
    std::string name = type;
    return name == "i8" ? 1 : name == "f32" ? 4 : 2;
  }
  std::string name() const {
    return std::string(type) + "_" + std::to_string(heads) + "x" +
           std::to_string(size) + side + (pairs ? pairs : "");
  }
};

// One head, heads that fill no warp together, rows longer than a block holds at
// once; all channels that rotate, and half of them.
const Append kAppends[] = {
    {"f16", 3, 64, "k", "adjacent", 64}, {"f16", 1, 128, "v", nullptr, 0},
    {"bf16", 2, 64, "k", "halves", 64},  {"f32", 5, 24, "k", "adjacent", 16},
    {"i8", 3, 64, "k", "halves", 32},    {"i8", 20, 128, "v", nullptr, 0},
};

std::string moduleOf(const Append &a) {
  auto text = [](int64_t v) { return std::to_string(v); };
  std::string half = text(a.size) + " x " + a.type;
  std::string cache = "!tok.cache<layers = [0-2], heads = " + text(a.heads) +
                      ", k = " + half + ", v = " + half +
                      ", page = 64, keys = post_rope, window = 0, sinks = 0, "
                      "residual = 0, tables = shared, columns = [pos], "
                      "digests = []>";
  std::string x = "memref<?x" + text(a.columns()) + "xf32>",
              angles = "memref<?x" + text(2 * a.size) + "xf32>";
  std::string body = "^bb0(%v: f32):\ntok.yield %v : f32\n";
  if (a.pairs)
    body = "^bb0(%v: f32, %c: f32, %s: f32):\n%p = tok.partner %v " +
           std::string(a.pairs) + " head = " + text(a.size) +
           " dims = " + text(a.dims) +
           "\n%t = arith.mulf %v, %c : f32\n%o = math.fma %p, %s, %t : f32\n"
           "tok.yield %o : f32\n";
  return "func.func @f(%x: " + x + ", %a: " + angles + ", %kv: " + cache +
         ", %b: index, %e: index, %l: index) {\n"
         "tok.kernel \"rowwise\" rows(%b to %e) layer(%l) ins(%x" +
         (a.pairs ? ", %a : " + x + ", " + angles : " : " + x) +
         ") outs(%kv : " + cache + ") {columns = " + text(a.columns()) +
         ", cache = 0, side = \"" + a.side + "\"" +
         (a.pairs ? ", angles = 1, head = " + text(a.size) : "") +
         "} prologue {\n" + body + "}\nreturn\n}\n";
}

struct CudaAppendTest : testing::TestWithParam<Append> {
  const Append &append = GetParam();

  /// In the order of lib/Kernels/Common/Pages.h.
  int64_t partOffset(bool isKey, bool isScale) const {
    int64_t half =
        llvm::alignTo(append.size * kSlots * append.elementBytes(), 64);
    if (isScale)
      return 2 * half + (isKey ? 0 : 4 * kSlots);
    return isKey ? 0 : half;
  }
  int64_t headBytes() const {
    return partOffset(true, true) +
           (append.elementBytes() == 1 ? 8 * kSlots : 0);
  }

  /// The bytes of some numbers of a head, and the scale if there is one.
  std::vector<uint8_t> encode(const std::vector<float> &numbers,
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
};

TEST_P(CudaAppendTest, WritesItsSlotsAndNothingElse) {
  CudaKernelUnderTest test(moduleOf(append), *findCudaArchitecture("sm_80"));
  ASSERT_EQ(test.problem(), "");
  auto buffer = [&](const char *name, uint64_t bytes, bool isWritten) {
    return llvm::cantFail(test.simulator().addBuffer(name, bytes, isWritten));
  };
  // Ends of pages, and two rows of a sequence; the rows begin at 1.
  struct {
    int32_t sequence, position;
  } const rows[] = {{0, 0}, {1, 63}, {1, 64}, {2, 130}, {0, 5}};
  constexpr int64_t kRows = std::size(rows);
  DeviceRows x(test.simulator(), "x", kRows + 1, append.columns(), false, true),
      angles(test.simulator(), "angles", kRows + 1, 2 * append.size, false,
             true);
  std::mt19937 random(1);
  x.fill(random, -3, 3);
  angles.fill(random);
  // A head of zeros has no scale, and what does not rotate no sine.
  for (int64_t d = 0; d < append.size; ++d)
    x.set(2, d, 0);
  for (int64_t r = 0; r <= kRows; ++r)
    for (int64_t d = append.dims; d < append.size; ++d) {
      angles.set(r, d, 1);
      angles.set(r, append.size + d, 0);
    }
  constexpr int64_t kPages = kSequences * kPagesOfSequence;
  std::vector<int32_t> pages(kPages);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
  int64_t poolBytes = kPages * kLayers * append.heads * headBytes();
  uint8_t *pool = buffer("pool", poolBytes, false),
          *table = buffer("table", 4 * kPages, true),
          *caches = buffer("caches", 24, true),
          *position = buffer("pos", 4 * (kRows + 1), true),
          *sequence = buffer("seq", 4 * (kRows + 1), true),
          *frame = buffer("frame", 8 * 24, true);
  std::memcpy(table, pages.data(), 4 * kPages);
  uint64_t descriptor[] = {reinterpret_cast<uint64_t>(pool),
                           reinterpret_cast<uint64_t>(table), kPagesOfSequence};
  std::memcpy(caches, descriptor, sizeof descriptor);
  auto set = [&](Slot slot, uint8_t *value) {
    auto address = reinterpret_cast<uint64_t>(value);
    std::memcpy(frame + 8 * static_cast<int64_t>(slot), &address, 8);
  };
  set(Slot::Pos, position);
  set(Slot::Seq, sequence);
  set(Slot::Caches, caches);

  std::vector<uint8_t> expected(poolBytes, 0xff);
  bool isKey = append.side == std::string("k");
  for (int64_t r = 0; r < kRows; ++r) {
    std::memcpy(position + 4 * (r + 1), &rows[r].position, 4);
    std::memcpy(sequence + 4 * (r + 1), &rows[r].sequence, 4);
    int32_t page =
        pages[rows[r].sequence * kPagesOfSequence + rows[r].position / kSlots];
    int64_t slot = rows[r].position % kSlots, half = append.dims / 2;
    for (int64_t g = 0; g < append.heads; ++g) {
      std::vector<float> numbers;
      for (int64_t d = 0; d < append.size; ++d) {
        auto at = [&](int64_t channel) {
          return static_cast<float>(x.get(r + 1, g * append.size + channel));
        };
        if (!append.pairs) {
          numbers.push_back(at(d));
          continue;
        }
        int64_t partner = append.pairs == std::string("adjacent") ? d ^ 1
                          : d < half                              ? d + half
                                                                  : d - half;
        float straight = at(d) * static_cast<float>(angles.get(r + 1, d));
        numbers.push_back(d < append.dims
                              ? std::fmaf(at(partner),
                                          static_cast<float>(angles.get(
                                              r + 1, append.size + d)),
                                          straight)
                              : straight);
      }
      float scale;
      std::vector<uint8_t> bytes = encode(numbers, scale);
      uint8_t *head =
          expected.data() +
          ((page * kLayers + kLayer) * append.heads + g) * headBytes();
      std::memcpy(head + partOffset(isKey, false) + slot * bytes.size(),
                  bytes.data(), bytes.size());
      if (append.elementBytes() == 1)
        std::memcpy(head + partOffset(isKey, true) + 4 * slot, &scale, 4);
    }
  }

  sim::Launch launch;
  // A grid may have more blocks than there are rows.
  launch.grid[0] = kRows + 1;
  launch.threads = test.kernel().threads;
  launch.sharedBytes = test.kernel().sharedBytes;
  std::vector<uint64_t> arguments = {reinterpret_cast<uint64_t>(frame), 1,
                                     kRows + 1, kLayer, x.address()};
  if (append.pairs)
    arguments.push_back(angles.address());
  arguments.push_back(0);
  llvm::Expected<sim::Result> result = test.simulator().run(launch, arguments);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  expectNoReports(*result);
  auto [found, wanted] =
      std::mismatch(pool, pool + poolBytes, expected.begin(), expected.end());
  EXPECT_EQ(found, pool + poolBytes)
      << "byte " << found - pool << " of " << poolBytes << " is " << int(*found)
      << ", but should be " << int(*wanted);
  // Neighbours write neighbours.
  for (const sim::AccessCount &count : result->statistics.counts)
    if (!count.what.rfind("store", 0)) {
      EXPECT_TRUE(count.units == count.fewest ||
                  count.what == "store of 4 bytes")
          << count.location << ": " << count.units << " sectors, but "
          << count.fewest << " would do";
    }
}

TEST_P(CudaAppendTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    CudaKernelUnderTest test(moduleOf(append), each);
    ASSERT_EQ(test.problem(), "");
    expectAssembles(test.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaAppendTest, testing::ValuesIn(kAppends),
                         [](const auto &info) { return info.param.name(); });

std::string problemOf(const Append &append) {
  return CudaKernelUnderTest(moduleOf(append), *findCudaArchitecture("sm_80"))
      .problem();
}

TEST(CudaAppend, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  EXPECT_THAT(problemOf({"f16", 1, 20, "v", nullptr, 0}),
              HasSubstr("expects heads of a cache of a multiple of 8, but got "
                        "20"));
  EXPECT_THAT(problemOf({"i8", 1, 96, "v", nullptr, 0}),
              HasSubstr("expects heads that are rounded to bytes to be 8, 16, "
                        "32, ... or 256 wide, but got 96"));
  EXPECT_THAT(problemOf({"f16", 1, 64, "k", "halves", 24}),
              HasSubstr("expects halves of a multiple of 8 of the kernel's "
                        "inputs in a CUDA kernel, but got 12"));
}

} // namespace
