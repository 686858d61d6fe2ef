//===- WeightsTest.cpp - Two evaluations of what weights are computed by --===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tok.dequantize, tok.quantize and tok.scale_columns as compiled code of their
// decompositions, against what the bundler computes from the same bytes: equal
// bit for bit, whether or not the machine flushes denormals.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include "lib/Reference/Emit.h"
#include "test/lib/Bundle/TemporaryFolder.h"
#include "tokopt/WeightExpression.h"

#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Endian.h"
#include <cmath>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::test;

namespace {

constexpr int64_t kRows = 7, kColumns = 512;

using Bytes = std::vector<uint8_t>;

void runPasses(ModuleOp module, llvm::StringRef pipeline) {
  static const bool registered = (registerPasses(), true);
  (void)registered;
  PassManager manager(module.getContext());
  if (failed(parsePassPipeline(pipeline, manager)) ||
      failed(manager.run(module)))
    llvm::report_fatal_error("the test's module does not compile");
}

/// A matrix in memory as code takes it: allocated and aligned pointer, offset,
/// sizes, strides.
void appendMatrix(std::vector<uint64_t> &arguments, Bytes &bytes, int64_t rows,
                  int64_t elements) {
  auto address = reinterpret_cast<uint64_t>(bytes.data());
  for (uint64_t value : {address, address, uint64_t(0), uint64_t(rows),
                         uint64_t(elements), uint64_t(elements), uint64_t(1)})
    arguments.push_back(value);
}

void appendVector(std::vector<uint64_t> &arguments, Bytes &bytes,
                  int64_t elements) {
  auto address = reinterpret_cast<uint64_t>(bytes.data());
  for (uint64_t value :
       {address, address, uint64_t(0), uint64_t(elements), uint64_t(1)})
    arguments.push_back(value);
}

template <size_t... Indices>
void callWith(uint64_t entry, const std::vector<uint64_t> &arguments,
              std::index_sequence<Indices...>) {
  auto *function =
      reinterpret_cast<void (*)(decltype(uint64_t(Indices))...)>(entry);
  function(arguments[Indices]...);
}

/// A function @f of the tok dialect that takes one or two tensors and returns a
/// matrix, compiled through its decomposition.
class CompiledFunction {
public:
  explicit CompiledFunction(llvm::StringRef text) {
    DialectRegistry registry;
    registerDialects(registry);
    MLIRContext context(registry);
    context.loadAllAvailableDialects();
    auto module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      llvm::report_fatal_error("the test's module does not parse");
    runPasses(*module, "tok-decompose");
    addDestination(*module);
    runPasses(*module, "tok-bufferize-model,tok-place-temporaries");
    PassManager loops(&context);
    loops.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
    if (failed(loops.run(*module)))
      llvm::report_fatal_error("the test's module does not compile");
    auto program =
        (*module)->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName);
    fixedBytes = program.getAs<IntegerAttr>("fixed_bytes").getInt();
    rowBytes = program.getAs<IntegerAttr>("row_bytes").getInt();
    (*module)->removeAttr(tok::kProgramAttrName);
    module->lookupSymbol<func::FuncOp>("f").removeArgAttrsAttr();

    const IsaLevel *level = llvm::find_if(getIsaLevels(), hostRuns);
    if (level == getIsaLevels().end())
      return;
    CpuCompileOptions options;
    options.barePointers = false;
    auto object = must(compileModule(*module, *level, options));
    auto linked = must(
        linkSharedObject(llvm::StringRef(object.data(), object.size()), ""));
    llvm::StringRef image(linked.data(), linked.size());
    loaded = std::make_unique<LoadedImage>(image);
    entry = reinterpret_cast<uint64_t>(loaded->get<void()>(
        must(findEntry(image, ("f." + level->name).str()))));
  }

  bool canRun() const { return entry; }

  /// Calls it on `rows` rows; the result has `elements` of a row, `bytes` in
  /// all. `scale` is a second operand, a vector of f32.
  Bytes run(Bytes input, int64_t inputElements, Bytes scale, int64_t elements,
            size_t bytes, bool flush) {
    Bytes output(bytes, 0xee),
        workspace(fixedBytes + kRows * rowBytes + 64, 0xff);
    std::vector<uint64_t> arguments;
    appendMatrix(arguments, input, kRows, inputElements);
    if (!scale.empty())
      appendVector(arguments, scale, scale.size() / 4);
    appendMatrix(arguments, output, kRows, elements);
    appendVector(arguments, workspace, workspace.size());
    // Aligned to 64, as in the runtime.
    arguments[arguments.size() - 4] =
        llvm::alignTo(arguments[arguments.size() - 4], 64);
    arguments.push_back(kRows);
    unsigned control = _mm_getcsr();
    _mm_setcsr(flush ? control | 0x8040 : control);
    if (scale.empty())
      callWith(entry, arguments, std::make_index_sequence<20>());
    else
      callWith(entry, arguments, std::make_index_sequence<25>());
    _mm_setcsr(control);
    return output;
  }

private:
  /// Lets @f write its result to an argument, as entries do.
  static void addDestination(ModuleOp module) {
    auto function = module.lookupSymbol<func::FuncOp>("f");
    Operation *end = function.getBody().front().getTerminator();
    Type type = end->getOperand(0).getType();
    unsigned index = function.getNumArguments();
    (void)function.insertArgument(index, type, {}, function.getLoc());
    OpBuilder builder(end);
    reference::Emitter b(end->getLoc(), builder);
    Value into = function.getArgument(index);
    end->setOperand(
        0, b.insertRows(end->getOperand(0), into, b.index(0), b.dim(into, 0)));
  }

  std::unique_ptr<LoadedImage> loaded;
  uint64_t entry = 0;
  int64_t fixedBytes = 0, rowBytes = 0;
};

/// What the bundler makes of `input`.
Bytes evaluate(WeightExpression expression) {
  Bytes bytes;
  auto producer = makeRawProducer(std::move(expression));
  if (llvm::Error error = producer->produce([&](ArrayRef<uint8_t> piece) {
        bytes.insert(bytes.end(), piece.begin(), piece.end());
        return llvm::Error::success();
      }))
    llvm::report_fatal_error(llvm::Twine(llvm::toString(std::move(error))));
  return bytes;
}

std::string getType(Format format, llvm::StringRef rows = "?") {
  llvm::StringRef name = getFormatInfo(format).name;
  bool plain = getFormatInfo(format).blockColumns == 1;
  return ("tensor<" + rows + "x512x" + (plain ? "" : "!tok.") + name + ">")
      .str();
}

/// Elements of a row in the tensor that stands for one of `format`, and its
/// bytes.
std::pair<int64_t, size_t> getRow(Format format) {
  const FormatInfo &info = getFormatInfo(format);
  int64_t bytes = kColumns / info.blockColumns * info.sourceBlockBytes;
  return {info.blockColumns == 1 ? kColumns : bytes, bytes};
}

Bytes toBytes(ArrayRef<float> values) {
  Bytes bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Rows of values that a quantizer may get wrong.
std::vector<float> makeHostileValues() {
  std::vector<float> values = makeValues(kRows * kColumns, 11);
  auto row = [&](int64_t number) { return &values[number * kColumns]; };
  // Magnitudes over the range that the scales of all formats can say.
  for (int64_t i = 0; i < kColumns; ++i)
    row(1)[i] = std::ldexp(row(1)[i], static_cast<int>(i / 32 * 3) - 33);
  // Around the least that counts: denormals, what flushes to them, and both
  // sides of 2^-125, alone and beside larger ones.
  for (int64_t i = 0; i < kColumns; ++i)
    row(2)[i] = std::ldexp(row(2)[i], static_cast<int>(i / 32) - 135);
  // Integers and halves, where rounding is decided by a rule.
  for (int64_t i = 0; i < kColumns; ++i)
    row(3)[i] = static_cast<float>(i % 32 * 8 - 127) * 0.5f;
  float *row4 = row(4);
  std::fill(row4, row4 + kColumns, 0.0f);
  for (int64_t i = 32; i < 64; ++i)
    row4[i] = -0.0f;
  // Zeroes of both signs, a single value, equal values, two extremes of which
  // the first counts.
  for (int64_t i = 64; i < 96; ++i)
    row4[i] = i % 2 ? -0.0f : 0.0f;
  row4[100] = -3;
  for (int64_t i = 128; i < 160; ++i)
    row4[i] = 0.7f;
  row4[161] = 1.5f;
  row4[170] = -1.5f;
  row4[193] = -1.5f;
  row4[200] = 1.5f;
  // One denormal among ordinary numbers, one number among denormals.
  row4[230] = 1e-40f;
  row4[231] = 1;
  for (int64_t i = 256; i < 288; ++i)
    row4[i] = -1e-41f;
  row4[260] = 0x1p-125f;
  for (int64_t i = 288; i < 320; ++i)
    row4[i] = std::nextafter(0x1p-125f, 0.0f) * (i % 2 ? 1 : -1);
  // Values whose difference from the least is a denormal.
  for (int64_t i = 320; i < 352; ++i)
    row4[i] = 0x1p-124f * (1 + static_cast<float>(i - 320) * 0x1p-10f);
  // The largest that f16 holds.
  for (int64_t i = 352; i < 384; ++i)
    row4[i] = i % 3 ? 65504.0f : -65504.0f;
  // Ties of f16, and its denormals.
  for (int64_t i = 384; i < 448; ++i)
    row4[i] = 1 + static_cast<float>(i - 384) * 0x1p-11f;
  for (int64_t i = 448; i < 512; ++i)
    row4[i] = static_cast<float>(i - 448) * 0x1p-25f;
  return values;
}

struct WeightOps : testing::TestWithParam<Format> {
  TemporaryFolder folder;

  /// A value of an expression whose bytes are `bytes`.
  WeightExpression::Value addSource(WeightExpression &expression, Format format,
                                    const Bytes &bytes) {
    return must(expression.addSource(
        format, kRows, kColumns,
        {folder.makeSource(bytes), 0, bytes.size(), "source"}));
  }
};

class Quantize : public WeightOps {};

std::string nameOf(const testing::TestParamInfo<Format> &info) {
  return getFormatInfo(info.param).name.str();
}

INSTANTIATE_TEST_SUITE_P(All, Quantize,
                         testing::Values(Format::F32, Format::F16, Format::BF16,
                                         Format::Q4_0, Format::Q4_1,
                                         Format::Q5_0, Format::Q8_0),
                         nameOf);

TEST_P(Quantize, IsWhatTheBundlerComputes) {
  CompiledFunction code("func.func @f(%x: tensor<?x512xf32>) -> " +
                        getType(GetParam()) + " {\n  %q = tok.quantize %x -> " +
                        getType(GetParam()) +
                        "\n  return %q : " + getType(GetParam()) + "\n}");
  if (!code.canRun())
    GTEST_SKIP();
  Bytes input = toBytes(makeHostileValues());
  WeightExpression expression("w");
  auto source = addSource(expression, Format::F32, input);
  must(expression.addQuantize(source, GetParam()));
  Bytes expected = evaluate(std::move(expression));

  auto [elements, rowBytes] = getRow(GetParam());
  ASSERT_EQ(expected.size(), kRows * rowBytes);
  for (bool flush : {false, true}) {
    Bytes found =
        code.run(input, kColumns, {}, elements, kRows * rowBytes, flush);
    int64_t block = getFormatInfo(GetParam()).sourceBlockBytes;
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_EQ(found[i], expected[i])
          << "row " << i / rowBytes << ", block " << i % rowBytes / block
          << ", byte " << i % block << (flush ? ", denormals are zero" : "");
  }
}

class Decode : public WeightOps {};

INSTANTIATE_TEST_SUITE_P(All, Decode,
                         testing::Values(Format::F32, Format::F16, Format::BF16,
                                         Format::Q4_0, Format::Q4_1,
                                         Format::Q5_0, Format::Q8_0,
                                         Format::Q4_K, Format::Q6_K),
                         nameOf);

TEST_P(Decode, IsWhatTheBundlerComputes) {
  CompiledFunction code(
      "func.func @f(%x: " + getType(GetParam()) +
      ") -> tensor<?x512xf32> {\n  %d = tok.dequantize %x : " +
      getType(GetParam()) + "\n  return %d : tensor<?x512xf32>\n}");
  if (!code.canRun())
    GTEST_SKIP();
  auto [elements, rowBytes] = getRow(GetParam());
  // Any bytes; scales of all sizes, infinite ones and NaNs among them.
  std::mt19937 draw(5);
  Bytes input(kRows * rowBytes);
  for (uint8_t &byte : input)
    byte = draw() & 255;
  WeightExpression expression("w");
  must(expression.addDequantize(addSource(expression, GetParam(), input)));
  Bytes expected = evaluate(std::move(expression));
  for (bool flush : {false, true}) {
    Bytes found =
        code.run(input, elements, {}, kColumns, kRows * kColumns * 4, flush);
    ASSERT_EQ(found.size(), expected.size());
    int numbers = 0;
    for (size_t i = 0; i < found.size(); i += 4) {
      float one, other;
      std::memcpy(&one, &found[i], 4);
      std::memcpy(&other, &expected[i], 4);
      // Which NaN is the processor's choice.
      if (std::isnan(one) && std::isnan(other))
        continue;
      ++numbers;
      ASSERT_EQ(llvm::bit_cast<uint32_t>(one), llvm::bit_cast<uint32_t>(other))
          << "value " << i / 4 << (flush ? ", denormals are zero" : "");
    }
    EXPECT_GT(numbers, kRows * kColumns / 2);
  }
}

TEST_F(WeightOps, ScalesAsTheBundlerDoes) {
  CompiledFunction code(R"mlir(
    func.func @f(%x: tensor<?x512xf32>, %s: tensor<512xf32>) -> tensor<?x512xf32> {
      %y = tok.scale_columns %x, %s : tensor<?x512xf32>
      return %y : tensor<?x512xf32>
    })mlir");
  if (!code.canRun())
    GTEST_SKIP();
  Bytes input = toBytes(makeHostileValues());
  std::vector<float> factors = makeValues(kColumns, 3);
  // Products on both sides of the least that counts, denormal factors, zeroes
  // of both signs, one that gives an infinity.
  for (int64_t i = 0; i < kColumns; i += 2)
    factors[i] = std::ldexp(factors[i], static_cast<int>(i % 64) - 40);
  factors[1] = -0.0f;
  factors[3] = 1e-40f;
  factors[5] = 0x1p-126f;
  factors[7] = 3e38f;
  factors[9] = INFINITY;
  Bytes scale = toBytes(factors);

  WeightExpression expression("w");
  auto source = addSource(expression, Format::F32, input);
  auto vector = must(expression.addSource(
      Format::F32, 1, kColumns,
      {must(SourceFile::open(folder.write("scale", scale))), 0, scale.size(),
       "scale"}));
  must(expression.addScaleColumns(source, vector));
  Bytes expected = evaluate(std::move(expression));
  for (bool flush : {false, true}) {
    Bytes found =
        code.run(input, kColumns, scale, kColumns, input.size(), flush);
    for (size_t i = 0; i < found.size(); i += 4) {
      float one, other;
      std::memcpy(&one, &found[i], 4);
      std::memcpy(&other, &expected[i], 4);
      if (!std::isnan(one) || !std::isnan(other))
        ASSERT_EQ(std::memcmp(&one, &other, 4), 0)
            << "value " << i / 4 << ": " << one << " instead of " << other;
    }
  }
}

} // namespace
