//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAttention.h"

#include "tokopt/Kernel.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace tokopt;
using namespace tokopt::test;

namespace {

/// Three layers, of which the kernel reads the middle one.
constexpr int64_t kLayers = 3, kLayer = 1;
constexpr int64_t kContext = 1100;
constexpr int32_t kSequences = 12;
/// Rows of the workspace in front of what blocks share.
constexpr int64_t kCapacity = 5, kRowBytes = 192;
constexpr int64_t kMostSegments = 3;
/// Slots of a block.
constexpr int64_t kBlock = 64;

int64_t elementBytes(const AttentionShape &shape) {
  std::string type = shape.type;
  return type == "i8" ? 1 : type == "f32" ? 4 : 2;
}

/// `value` rounded to `type`, and its bits.
std::pair<double, uint16_t> roundTo(const char *type, float value) {
  llvm::APFloat half(value);
  bool loses;
  half.convert(semanticsOf(type), llvm::APFloat::rmNearestTiesToEven, &loses);
  auto bits = static_cast<uint16_t>(half.bitcastToAPInt().getZExtValue());
  half.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
               &loses);
  return {half.convertToDouble(), bits};
}

std::string moduleOf(const AttentionShape &s) {
  auto text = [](int64_t v) { return std::to_string(v); };
  std::string cache = "!tok.cache<layers = [0-2], heads = " + text(s.heads) +
                      ", k = " + text(s.keySize) + " x " + s.type +
                      ", v = " + text(s.valueSize) + " x " + s.type +
                      ", page = " + text(s.page) +
                      ", keys = post_rope, window = 0, sinks = 0, residual = "
                      "0, tables = shared, columns = [pos], digests = []>";
  std::string q = "memref<?x" + text(s.queries() * s.keySize) + "xf32>",
              out = "memref<?x" + text(s.queries() * s.valueSize) + "xf32>";
  std::string knobs;
  if (s.warps)
    knobs += ", warps = " + text(s.warps);
  if (s.blockGroup)
    knobs += ", group = " + text(s.blockGroup);
  if (s.rowTile)
    knobs += ", row_tile = " + text(s.rowTile);
  if (s.stages)
    knobs += ", stages = " + text(s.stages);
  if (s.compute)
    knobs += std::string(", compute = \"") + s.compute + "\"";
  return "func.func @f(%q: " + q + ", %kv: " + cache + ", %o: " + out +
         ", %b: index, %e: index, %l: index) {\n"
         "tok.kernel \"attention\" rows(%b to %e) layer(%l) ins(%q, %kv : " +
         q + ", " + cache + ") outs(%o : " + out +
         ") {heads = " + text(s.queries()) +
         ", scale = " + std::to_string(s.scale) +
         " : f32, window = " + text(s.window) +
         ", cache = 0, context = " + text(kContext) +
         ", row_bytes = " + text(kRowBytes) + knobs + "}\nreturn\n}\n";
}

} // namespace

std::string AttentionShape::name() const {
  auto text = [](int64_t v) { return std::to_string(v); };
  return std::string(type) + "_" + text(heads) + "x" + text(group) + "_k" +
         text(keySize) + "_v" + text(valueSize) +
         (window ? "_window" + text(window) : "") +
         (warps ? "_warps" + text(warps) : "") +
         (page == 64 ? "" : "_page" + text(page)) +
         (rowTile ? "_rows" + text(rowTile) : "") +
         (stages ? "_stages" + text(stages) : "");
}

int64_t AttentionShape::slotBytes(bool isKey) const {
  return (isKey ? keySize : valueSize) * elementBytes(*this);
}

AttentionRun::AttentionRun(const AttentionShape &shape,
                           const CudaArchitecture &architecture,
                           const KernelEdit &edit)
    : shape(shape), mostRows(shape.compute ? 272 : 12),
      kernel(moduleOf(shape), architecture, edit) {
  if (problem().empty())
    fillPages();
}

uint8_t *AttentionRun::buffer(const char *name, uint64_t bytes,
                              bool isWritten) {
  return llvm::cantFail(kernel.simulator().addBuffer(name, bytes, isWritten));
}

void AttentionRun::put(uint8_t *to, const void *from, uint64_t bytes) {
  std::memcpy(to, from, bytes);
  kernel.simulator().setWritten(to, bytes, true);
}

/// Keys, values and their scales, in the order of lib/Kernels/Common/Pages.h.
int64_t AttentionRun::partOffset(bool isKey, bool isScale) const {
  int64_t bytes = elementBytes(shape);
  int64_t values = llvm::alignTo(shape.keySize * shape.page * bytes, 64);
  int64_t scales =
      values + llvm::alignTo(shape.valueSize * shape.page * bytes, 64);
  if (isScale)
    return scales + (isKey ? 0 : 4 * shape.page);
  return isKey ? 0 : values;
}

int64_t AttentionRun::queryBytes() const {
  return llvm::alignTo(4 * shape.queries() * shape.keySize, 64);
}

int64_t AttentionRun::headBytes() const {
  return partOffset(true, true) +
         (elementBytes(shape) == 1 ? 8 * shape.page : 0);
}

std::vector<double> &AttentionRun::stored(int32_t sequence, int64_t position,
                                          int64_t head, bool isKey) {
  return rows[((sequence * kContext + position) * shape.heads + head) * 2 +
              isKey];
}

void AttentionRun::storeRow(int32_t sequence, int64_t position, int64_t head,
                            bool isKey) {
  int64_t size = isKey ? shape.keySize : shape.valueSize;
  int64_t bytes = elementBytes(shape), slot = position % shape.page;
  int64_t perSequence = (kContext + shape.page - 1) / shape.page;
  int32_t page = pages[sequence * perSequence + position / shape.page];
  uint8_t *place =
      pool + ((page * kLayers + kLayer) * shape.heads + head) * headBytes();
  uint8_t *data = place + partOffset(isKey, false) + slot * size * bytes;
  // A row far above the others takes all attention; one has a scale of its own.
  std::uniform_real_distribution<float> unit(-2, 2);
  float stretch = position % 97 == 13 ? 8 : position % 97 == 40 ? 0.01f : 1;
  std::vector<float> numbers(size);
  float largest = 0;
  for (float &number : numbers) {
    number = stretch * unit(random);
    largest = std::max(largest, std::fabs(number));
  }
  float scale = largest / 127;
  if (bytes == 1)
    put(place + partOffset(isKey, true) + 4 * slot, &scale, 4);
  std::vector<double> &kept = stored(sequence, position, head, isKey);
  for (int64_t d = 0; d < size; ++d) {
    if (bytes == 4) {
      put(data + 4 * d, &numbers[d], 4);
      kept.push_back(numbers[d]);
    } else if (bytes == 2) {
      auto [value, bits] = roundTo(shape.type, numbers[d]);
      put(data + 2 * d, &bits, 2);
      kept.push_back(value);
    } else {
      auto rounded = static_cast<int8_t>(std::nearbyint(numbers[d] / scale));
      put(data + d, &rounded, 1);
      kept.push_back(double(scale) * rounded);
    }
  }
}

void AttentionRun::fillPages() {
  int64_t perSequence = (kContext + shape.page - 1) / shape.page;
  int64_t count = kSequences * perSequence;
  pages.resize(count);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
  uint64_t bytes = count * kLayers * shape.heads * headBytes();
  // What nobody appended must not be read; boxes have it, and nothing may come
  // of it.
  size_t maps = kernel.kernel().maps.size();
  pool = buffer("pool", bytes, /*isWritten=*/maps != 0);
  std::memset(pool, 0xff, bytes);
  for (size_t i = 0; i < maps; ++i)
    mapped.push_back(kernel.addMap(i, reinterpret_cast<uint64_t>(pool), bytes));
  uint8_t *table = buffer("table", 4 * count, true);
  std::memcpy(table, pages.data(), 4 * count);
  uint8_t *caches = buffer("caches", 24, true);
  uint64_t descriptor[] = {reinterpret_cast<uint64_t>(pool),
                           reinterpret_cast<uint64_t>(table),
                           static_cast<uint64_t>(perSequence)};
  std::memcpy(caches, descriptor, sizeof descriptor);

  // Each run writes the rows of its launch.
  position = buffer("pos", 4 * mostRows, false);
  sequence = buffer("seq", 4 * mostRows, false);
  queries = buffer("q", mostRows * queryBytes(), false);
  output = buffer("out",
                  mostRows *
                      llvm::alignTo(4 * shape.queries() * shape.valueSize, 64),
                  false);
  counters = buffer("counters", 4 * mostRows * shape.queries(), true);
  int64_t group = shape.group;
  uint8_t *workspace =
      buffer("workspace",
             kCapacity * kRowBytes + mostRows * shape.heads * kMostSegments *
                                         group * (4 * shape.valueSize + 16),
             false);
  frame = buffer("frame", 8 * 24, true);
  auto set = [&](Slot slot, uint64_t value) {
    std::memcpy(frame + 8 * static_cast<int64_t>(slot), &value, 8);
  };
  set(Slot::Barrier, reinterpret_cast<uint64_t>(counters));
  set(Slot::Pos, reinterpret_cast<uint64_t>(position));
  set(Slot::Seq, reinterpret_cast<uint64_t>(sequence));
  set(Slot::Workspace, reinterpret_cast<uint64_t>(workspace));
  set(Slot::Capacity, kCapacity);
  set(Slot::Caches, reinterpret_cast<uint64_t>(caches));

  rows.resize(kSequences * kContext * shape.heads * 2);
}

std::vector<float> AttentionRun::queryOf(const StepRow &row) const {
  std::mt19937 own(row.sequence * kContext + row.position + 1);
  std::uniform_real_distribution<float> unit(-2, 2);
  std::vector<float> query(shape.queries() * shape.keySize);
  for (float &q : query)
    q = unit(own);
  return query;
}

llvm::Expected<sim::Result> AttentionRun::run(const std::vector<StepRow> &step,
                                              int32_t splits, uint32_t seed,
                                              std::vector<float> &out,
                                              std::string &left) {
  int64_t count = step.size();
  int64_t valueRow = llvm::alignTo(4 * shape.queries() * shape.valueSize, 64);
  // The range of rows begins at 1; those of the run before are of no use.
  auto forget = [&](uint8_t *rows, int64_t bytes) {
    kernel.simulator().setWritten(rows + bytes, rowsBefore * bytes, false);
  };
  forget(position, 4);
  forget(sequence, 4);
  forget(queries, queryBytes());
  rowsBefore = count;
  for (int64_t r = 0; r < count; ++r) {
    put(position + 4 * (r + 1), &step[r].position, 4);
    put(sequence + 4 * (r + 1), &step[r].sequence, 4);
    // Each slot holds its numbers from the first time on that a row sees it.
    for (int64_t j = 0; j <= step[r].position; ++j)
      for (int64_t g = 0; g < shape.heads; ++g)
        for (bool isKey : {false, true})
          if (stored(step[r].sequence, j, g, isKey).empty())
            storeRow(step[r].sequence, j, g, isKey);
    std::vector<float> query = queryOf(step[r]);
    put(queries + (r + 1) * queryBytes(), query.data(), 4 * query.size());
  }
  std::memset(output, 0xff, mostRows * valueRow);
  sim::Launch launch;
  // A grid may have more blocks than there are rows.
  launch.grid[0] = llvm::divideCeil(count, kernel.kernel().rows) + 1;
  launch.grid[1] = code().kernels.front().parts;
  launch.grid[2] = splits;
  launch.threads = kernel.kernel().threads;
  launch.sharedBytes = kernel.kernel().sharedBytes;
  sim::Options options;
  options.seed = seed;
  std::vector<uint64_t> arguments = {
      reinterpret_cast<uint64_t>(frame),   1,
      static_cast<uint64_t>(count + 1),    kLayer,
      reinterpret_cast<uint64_t>(queries), 0,
      reinterpret_cast<uint64_t>(output)};
  arguments.insert(arguments.end(), mapped.begin(), mapped.end());
  auto result = kernel.simulator().run(launch, arguments, options);
  int64_t columns = shape.queries() * shape.valueSize;
  out.resize(count * columns);
  for (int64_t r = 0; r < count; ++r)
    std::memcpy(&out[r * columns], output + (r + 1) * valueRow, 4 * columns);
  for (int64_t r = 0; r < mostRows; ++r)
    if ((r < 1 || r > count) && output[r * valueRow] != 0xff)
      left = "row " + std::to_string(r) +
             " is written, but is not of the "
             "launch";
  for (int64_t i = 0; i < 4 * mostRows * shape.queries(); ++i)
    if (counters[i])
      left = "counter " + std::to_string(i / 4) + " is not zero";
  return result;
}

std::string
AttentionRun::findNeedlessWork(const std::vector<StepRow> &step,
                               const sim::Statistics &statistics) const {
  int64_t tile = kernel.kernel().rows, count = step.size();
  int64_t slots = 0, blocks = 0;
  for (int64_t begin = 0, end; begin < count; begin = end) {
    int64_t tileEnd = std::min(count, (begin / tile + 1) * tile);
    int64_t first = kContext, last = -1;
    for (end = begin;
         end < tileEnd && step[end].sequence == step[begin].sequence; ++end) {
      int64_t position = step[end].position;
      if (position < 0)
        continue;
      last = std::max(last, position);
      first = std::min(
          first,
          shape.window ? std::max<int64_t>(0, position - shape.window + 1) : 0);
    }
    if (last < 0)
      continue;
    slots += last - first + 1;
    blocks += last / kBlock - first / kBlock + 1;
  }
  int64_t channels = shape.queries() * (shape.keySize + shape.valueSize);
  int64_t read = 0, written = 0;
  for (const sim::AccessCount &count : statistics.counts)
    if (count.what.find("cp.async") == 0)
      (count.isShared ? written : read) += static_cast<int64_t>(count.bytes);
  std::string wrong;
  auto expect = [&](const char *what, int64_t found, int64_t wanted) {
    if (found != wanted)
      wrong += std::string(what) + " " + std::to_string(found) +
               ", but what the rows see takes " + std::to_string(wanted) + "\n";
  };
  // Boxes are whole blocks, and only what they read is counted.
  int64_t whole = 2 * blocks * kBlock * channels;
  expect("bytes that copies read:", read,
         mapped.empty() ? 2 * slots * channels : whole);
  expect("bytes that copies write:", written, mapped.empty() ? whole : 0);
  // An instruction multiplies 16 x 8 x 16.
  expect("products:", static_cast<int64_t>(statistics.products),
         blocks * tile * kBlock * channels / (16 * 8 * 16));
  return wrong;
}

std::vector<StepRow> tokopt::test::onesAt(const std::vector<int32_t> &positions,
                                          int32_t firstSequence) {
  std::vector<StepRow> rows;
  for (int32_t position : positions)
    rows.push_back({firstSequence++, position});
  return rows;
}

std::vector<StepRow> tokopt::test::chunkOf(int32_t sequence, int32_t begin,
                                           int32_t end) {
  std::vector<StepRow> rows;
  for (int32_t position = begin; position < end; ++position)
    rows.push_back({sequence, position});
  return rows;
}

std::vector<float> AttentionRun::attend(const std::vector<StepRow> &step,
                                        int32_t splits, uint32_t seed) {
  std::vector<float> out;
  std::string left;
  llvm::Expected<sim::Result> result = run(step, splits, seed, out, left);
  if (!result) {
    ADD_FAILURE() << llvm::toString(result.takeError());
    return out;
  }
  expectNoReports(*result);
  EXPECT_EQ(left, "");
  return out;
}

std::string AttentionRun::findDifference(const std::vector<StepRow> &step,
                                         const std::vector<float> &got) const {
  auto stored = [&](const StepRow &row, int64_t j, int64_t g,
                    bool isKey) -> const std::vector<double> & {
    return rows[((row.sequence * kContext + j) * shape.heads + g) * 2 + isKey];
  };
  // A weight is rounded by half an unit in its last place; below the normal
  // numbers of f16, that of the smallest one.
  bool isBrain = shape.compute && std::string(shape.compute) == "bf16";
  double rounding = !shape.compute ? 0 : isBrain ? 0x1p-8 : 0x1p-11;
  double smallest = shape.compute && !isBrain ? 0x1p-25 : 0;
  for (int64_t r = 0; r < static_cast<int64_t>(step.size()); ++r) {
    std::vector<float> query = queryOf(step[r]);
    if (shape.compute)
      for (float &q : query)
        q = static_cast<float>(roundTo(shape.compute, q).first);
    int64_t last = step[r].position;
    int64_t first =
        shape.window ? std::max<int64_t>(0, last - shape.window + 1) : 0;
    for (int64_t h = 0; h < shape.queries(); ++h) {
      int64_t g = h / shape.group;
      std::vector<double> scores;
      double largest = -INFINITY, terms = 0, total = 0;
      for (int64_t j = first; j <= last; ++j) {
        double sum = 0, magnitudes = 0;
        for (int64_t d = 0; d < shape.keySize; ++d) {
          double product =
              stored(step[r], j, g, true)[d] * query[h * shape.keySize + d];
          sum += product;
          magnitudes += std::fabs(product);
        }
        scores.push_back(sum * shape.scale);
        largest = std::max(largest, scores.back());
        terms = std::max(terms, magnitudes * shape.scale);
      }
      std::vector<double> sum(shape.valueSize), magnitude(shape.valueSize),
          absolute(shape.valueSize);
      for (size_t j = 0; j < scores.size(); ++j) {
        double p = std::exp(scores[j] - largest);
        total += p;
        for (int64_t d = 0; d < shape.valueSize; ++d) {
          double value = stored(step[r], first + j, g, false)[d];
          sum[d] += p * value;
          magnitude[d] += p * std::fabs(value);
          absolute[d] += std::fabs(value);
        }
      }
      // A score that is off by e scales its weight by 1 + e.
      double relative = 4e-6 + 1e-6 * terms + rounding;
      for (int64_t d = 0; d < shape.valueSize; ++d) {
        float found = got[(r * shape.queries() + h) * shape.valueSize + d];
        double wanted = scores.empty() ? 0 : sum[d] / total;
        double allowed =
            scores.empty()
                ? 0
                : (relative * magnitude[d] + smallest * absolute[d]) / total +
                      1e-30;
        if (std::fabs(found - wanted) <= allowed)
          continue;
        std::string text;
        llvm::raw_string_ostream(text)
            << "sequence " << step[r].sequence << ", position " << last
            << ", head " << h << ", element " << d << ": is " << found
            << ", but softmax gives " << wanted << ", give or take " << allowed;
        return text;
      }
    }
  }
  return "";
}
