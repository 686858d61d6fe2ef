//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaLinear.h"

#include "lib/Bundle/Panels.h"

#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace tokopt;
using namespace tokopt::test;

std::string LinearShape::name() const {
  std::string text =
      format + ("_" + std::to_string(outputs)) + "x" + std::to_string(columns);
  if (epilogue != Epilogue::None)
    text += epilogue == Epilogue::Gated ? "_gated" : "_bias";
  for (auto [knob, value] :
       {std::pair("_rows", rowTile), std::pair("_warps", warps),
        std::pair("_stages", stages)})
    if (value)
      text += knob + std::to_string(value);
  return text;
}

static std::string textOf(const LinearShape &shape) {
  std::string n = std::to_string(shape.outputs),
              k = std::to_string(shape.columns);
  std::string in = "memref<?x" + k + "x" + shape.compute + ">",
              out = "memref<?x" + n + "xf32>";
  bool isGated = shape.epilogue == Epilogue::Gated,
       isBiased = shape.epilogue == Epilogue::BiasResidual;
  std::string weight = "tensor<" + n + "x" + k + "x" +
                       findBlockFormat(shape.format).type +
                       "> = source \"weights\" at [0]\n";
  std::string text = "tok.weight @a : " + weight;
  if (isGated)
    text += "tok.weight @b : " + weight;
  if (isBiased)
    text += "tok.weight @b : tensor<" + n + "xf32> = source \"w\" at [0]\n";
  text += "func.func @f(%x: " + in + ", %r: " + out + ", %y: " + out +
          ", %b: index, %e: index) {\ntok.kernel \"linear\" rows(%b to %e) "
          "weights [@a" +
          (isGated || isBiased ? ", @b" : "") + std::string("] ins(%x") +
          (isBiased ? ", %r" : "") + " : " + in + (isBiased ? ", " + out : "") +
          ") outs(%y : " + out +
          ") {matrices = " + std::to_string(shape.matrices()) +
          ", inputs = " + k + ", outputs = " + n + ", compute = \"" +
          shape.compute + "\"";
  for (auto [knob, value] :
       {std::pair("row_tile", shape.rowTile), std::pair("warps", shape.warps),
        std::pair("stages", shape.stages)})
    if (value)
      text += std::string(", ") + knob + " = " + std::to_string(value);
  text += "}";
  if (isBiased)
    text += R"mlir( epilogue {
    ^bb0(%s: f32, %c: f32, %t: f32):
      %u = arith.addf %s, %c : f32
      %v = arith.addf %t, %u : f32
      tok.yield %v : f32
    })mlir";
  if (isGated)
    text += R"mlir( epilogue {
    ^bb0(%g: f32, %u: f32):
      %n = arith.negf %g : f32
      %p = math.exp %n fastmath<nnan,ninf> : f32
      %one = arith.constant 1.0 : f32
      %q = arith.addf %p, %one : f32
      %s = arith.divf %g, %q : f32
      %v = arith.mulf %s, %u : f32
      tok.yield %v : f32
    })mlir";
  return text + "\nreturn\n}\n";
}

const BlockFormat &test::findBlockFormat(llvm::StringRef name) {
  return *llvm::find_if(getBlockFormats(), [&](const BlockFormat &format) {
    return format.name == name;
  });
}

std::vector<uint8_t> test::packMatrixOf(const Matrix &matrix) {
  std::vector<uint8_t> packed;
  int64_t rowBytes = matrix.columns / matrix.format.block * matrix.format.bytes;
  auto getRows = [&](int64_t first, int64_t count, const uint8_t **rows) {
    for (int64_t r = 0; r < count; ++r)
      rows[r] = matrix.bytes.data() + (first + r) * rowBytes;
    return llvm::Error::success();
  };
  llvm::cantFail(
      packMatrix(*parseFormat(matrix.format.name), matrix.rows, matrix.columns,
                 getRows, [&](llvm::ArrayRef<uint8_t> bytes) {
                   packed.insert(packed.end(), bytes.begin(), bytes.end());
                   return llvm::Error::success();
                 }));
  return packed;
}

LinearRun::LinearRun(const LinearShape &shape,
                     const CudaArchitecture &architecture,
                     const KernelEdit &edit)
    : shape(shape), kernel(textOf(shape), architecture, edit) {
  if (!problem().empty())
    return;
  sim::Simulator &simulator = kernel.simulator();
  for (int64_t i = 0; i < shape.matrices(); ++i) {
    matrices.push_back(makeMatrix(findBlockFormat(shape.format), shape.outputs,
                                  shape.columns, [&] { return random(); }));
    std::vector<uint8_t> packed = packMatrixOf(matrices.back());
    uint8_t *data = llvm::cantFail(simulator.addBuffer(
        "w" + std::to_string(i), packed.size(), /*isWritten=*/true));
    std::memcpy(data, packed.data(), packed.size());
    weightAddresses.push_back(reinterpret_cast<uint64_t>(data));
  }
  auto rows = [&](const char *name, int64_t count, int64_t columns, bool isHalf,
                  bool isWritten) {
    return std::make_unique<DeviceRows>(simulator, name, count, columns, isHalf,
                                        isWritten);
  };
  x = std::make_unique<DeviceRows>(simulator, "x", kRows, shape.columns,
                                   semanticsOf(shape.compute),
                                   /*isWritten=*/true);
  bias = rows("bias", 1, shape.outputs, /*isHalf=*/false, true);
  residual = rows("r", kRows, shape.outputs, /*isHalf=*/false, true);
  y = rows("y", kRows, shape.outputs, /*isHalf=*/false, false);
  x->fill(random, -2, 2);
  bias->fill(random);
  residual->fill(random);
  // A row of zeros; the first and the last column alone.
  for (int64_t c = 0; c < shape.columns; ++c) {
    x->set(3, c, 0);
    x->set(4, c, c == 0);
    x->set(5, c, c == shape.columns - 1 ? -1 : 0);
  }
}

llvm::Expected<sim::Result> LinearRun::run(int64_t begin, int64_t end,
                                           uint32_t seed, std::string &left) {
  const CudaKernel &launched = kernel.kernel();
  sim::Launch launch;
  // More blocks than rows: a launch may serve any number up to its own.
  launch.grid[0] = (end - begin) / launched.rows + 1;
  launch.grid[1] = launched.parts;
  launch.threads = launched.threads;
  launch.sharedBytes = launched.sharedBytes;
  std::vector<uint64_t> arguments = {0, static_cast<uint64_t>(begin),
                                     static_cast<uint64_t>(end), 0};
  arguments.insert(arguments.end(), weightAddresses.begin(),
                   weightAddresses.end());
  bool isBiased = shape.epilogue == Epilogue::BiasResidual;
  if (isBiased)
    arguments.push_back(bias->address());
  arguments.push_back(x->address());
  if (isBiased)
    arguments.push_back(residual->address());
  arguments.push_back(y->address());
  std::memset(const_cast<uint8_t *>(y->row(0)), 0xff, kRows * y->rowBytes);
  sim::Options options;
  options.seed = seed;
  auto result = kernel.simulator().run(launch, arguments, options);
  for (int64_t r = 0; r < kRows; ++r) {
    bool isInside = begin <= r && r < end;
    if (!isInside && !y->isUntouched(r))
      left = "row " + std::to_string(r) + ", which is not of the launch";
    for (int64_t c = shape.outputs; isInside && c < y->stride; ++c)
      if (y->get(r, c) != 0)
        left =
            "column " + std::to_string(c) + " behind row " + std::to_string(r);
  }
  return result;
}

void LinearRun::multiply(int64_t begin, int64_t end, uint32_t seed) {
  std::string left;
  llvm::Expected<sim::Result> result = run(begin, end, seed, left);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  for (const sim::Report &report : result->reports) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    sim::print(stream, report);
    ADD_FAILURE() << text;
  }
  EXPECT_EQ(left, "");
}

std::vector<uint8_t> LinearRun::row(int64_t number) const {
  return {y->row(number), y->row(number) + y->rowBytes};
}

std::string LinearRun::findDifference(int64_t begin, int64_t end) const {
  // What a sum may be off: each of its roundings, three for 32 columns and one
  // for each warp and term of the epilogue, by at most 2^-24 of the magnitudes.
  double unit = std::ldexp(3.0 * shape.columns / 32 + 12, -24);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t n = 0; n < shape.outputs; ++n) {
      std::vector<Decoded> sums;
      for (const Matrix &matrix : matrices) {
        Decoded sum = {};
        for (int64_t k = 0; k < shape.columns; ++k) {
          Decoded weight = matrix.at(n, k);
          sum.value += weight.value * x->get(r, k);
          sum.magnitude += weight.magnitude * std::fabs(x->get(r, k));
        }
        sums.push_back(sum);
      }
      double expected = sums[0].value, error = unit * sums[0].magnitude;
      if (shape.epilogue == Epilogue::BiasResidual) {
        double added = bias->get(0, n) + residual->get(r, n);
        expected += added;
        error += unit *
                 (std::fabs(bias->get(0, n)) + std::fabs(residual->get(r, n)));
      }
      if (shape.epilogue == Epilogue::Gated) {
        // No activation is steeper than 1.1.
        double gate = sums[0].value / (1 + std::exp(-sums[0].value));
        expected = gate * sums[1].value;
        error = 1.1 * error * std::fabs(sums[1].value) +
                unit * sums[1].magnitude * std::fabs(gate) +
                1e-6 * std::fabs(expected);
      }
      // Not a number is never near.
      if (!(std::fabs(y->get(r, n) - expected) <= error))
        return "row " + std::to_string(r) + ", output " + std::to_string(n) +
               ": expected " + std::to_string(expected) + " to " +
               std::to_string(error) + ", but got " +
               std::to_string(y->get(r, n));
    }
  return "";
}

int64_t LinearRun::productsOfTile() const {
  int64_t rowTile = shape.rowTile ? shape.rowTile : shape.isPacked() ? 8 : 128;
  if (!shape.isPacked()) {
    // Columns come by 64.
    int64_t steps = llvm::divideCeil(shape.columns, 64),
            outputs = rowTile == 16 ? 64 : 128;
    return shape.parts() * (steps * 64 / 16) * (rowTile / 16) * (outputs / 8);
  }
  // Of each 32 columns two products for each 16 outputs; and two for the sums
  // of inputs, where weights have an offset. Columns come by 128.
  int64_t tiles = llvm::divideCeil(shape.columns, 128),
          rows = llvm::divideCeil(rowTile, 8);
  bool hasOffset =
      llvm::is_contained({"q4_1", "q4_k"}, llvm::StringRef(shape.format));
  return shape.matrices() * shape.parts() * rows * tiles * 4 *
         (2 * 2 + (hasOffset ? 2 : 0));
}

std::string
LinearRun::findNeedlessWork(int64_t rows,
                            const sim::Statistics &statistics) const {
  int64_t tiles = llvm::divideCeil(rows, kernel.kernel().rows);
  uint64_t wanted = tiles * productsOfTile();
  if (statistics.products == wanted)
    return "";
  return "products: " + std::to_string(statistics.products) + ", but " +
         std::to_string(rows) + " rows take " + std::to_string(wanted);
}

static Notice noticeIn(const LinearShape &shape, const KernelEdit &edit) {
  LinearRun run(shape, *findCudaArchitecture("sm_80"), edit);
  if (!run.problem().empty())
    return Notice::ofUntested(run.problem());
  constexpr int64_t kEnd = LinearRun::kRows;
  std::vector<uint8_t> last;
  // The last count fills its tiles, behind which one more block has no rows.
  for (int64_t count : {43, 6, 1, 5, 9, 15, 13, 3, 32}) {
    std::string left;
    llvm::Expected<sim::Result> result =
        run.run(kEnd - count, kEnd, /*seed=*/count, left);
    if (!result)
      return Notice::ofUntested(llvm::toString(result.takeError()));
    if (!result->reports.empty()) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      sim::print(stream, result->reports.front());
      return text;
    }
    std::string wrong = run.findDifference(kEnd - count, kEnd) + left +
                        run.findNeedlessWork(count, result->statistics);
    if (!wrong.empty())
      return wrong;
    if (!last.empty() && last != run.row(kEnd - 1))
      return "other bits in another company";
    last = run.row(kEnd - 1);
  }
  return "";
}

Notice test::noticeInLinears(llvm::ArrayRef<LinearShape> shapes,
                             const KernelEdit &edit) {
  for (const LinearShape &shape : shapes)
    if (Notice notice = noticeIn(shape, edit); !notice.isSilent())
      return notice;
  return "";
}
