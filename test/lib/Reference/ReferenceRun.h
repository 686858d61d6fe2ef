//===- ReferenceRun.h - Runs entries of the reference backend ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a module of the tok dialect through the reference backend and calls
// its entry in this process, with a frame that the test fills in.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_REFERENCE_REFERENCERUN_H
#define TOKOPT_TEST_LIB_REFERENCE_REFERENCERUN_H

#include "test/lib/Target/CodeTest.h"

#include "dialects/Tok/TokOps.h"
#include "tokopt/Pipelines.h"
#include "tokopt/Reference.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <immintrin.h>
#include <random>
#include <vector>

namespace tokopt::test {

/// The value, or the end of the test with the error's message.
template <typename T>
T must(llvm::Expected<T> result) {
  if (!result)
    llvm::report_fatal_error(llvm::Twine(llvm::toString(result.takeError())));
  return std::move(*result);
}

/// One compiled module and the memory that its entry works on.
class ReferenceRun {
public:
  explicit ReferenceRun(llvm::StringRef text) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    mlir::MLIRContext context(registry);
    context.loadAllAvailableDialects();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module || mlir::failed(lowerToReference(*module)))
      llvm::report_fatal_error("the test's module does not compile");
    readProgram(*module);
    for (mlir::Operation &op : llvm::make_early_inc_range(*module->getBody()))
      if (llvm::isa<tok::TokDialect>(op.getDialect()))
        op.erase();
    module->getOperation()->removeAttr(tok::kProgramAttrName);

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
    step = loaded->get<Step>(
        must(findEntry(image, ("step." + level->name).str())));
  }

  /// Whether this machine has a level that code is generated for.
  bool canRun() const { return step; }

  /// Runs a step of `rows` rows, of which `outs` ask for logits.
  void run(uint64_t rows, uint64_t outs, uint64_t worker = 0) {
    uint64_t capacity = rows + 3;
    // All ones are NaNs: what is read before it is written shows.
    std::vector<uint8_t> workspace(fixedBytes + capacity * rowBytes + 64, 0xff);
    auto aligned =
        llvm::alignTo(reinterpret_cast<uint64_t>(workspace.data()), 64);
    auto address = [](auto &vector) {
      return reinterpret_cast<uint64_t>(vector.data());
    };
    uint64_t caches[] = {address(pool), address(table), tableStride};
    uint64_t frame[24] = {};
    frame[0] = 1;
    frame[3] = address(weights);
    frame[4] = rows;
    frame[5] = fullRows.value_or(rows);
    frame[6] = layerBegin;
    frame[7] = layerEnd;
    frame[8] = address(ids);
    frame[9] = address(pos);
    frame[10] = address(seq);
    frame[11] = outs;
    frame[12] = address(out);
    frame[13] = address(logits);
    frame[14] = address(sampling);
    frame[15] = address(seeds);
    frame[16] = address(tokens);
    frame[17] = address(frontier);
    frame[18] = aligned;
    frame[19] = capacity;
    frame[21] = reinterpret_cast<uint64_t>(caches);
    // As the workers of the runtime: denormals are zero.
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x8040);
    step(frame, worker);
    _mm_setcsr(control);
  }

  uint64_t layerBegin = 0, layerEnd = 0;
  std::optional<uint64_t> fullRows;
  std::vector<uint8_t> weights, pool;
  std::vector<int32_t> ids, pos, seq, out, tokens, table;
  uint64_t tableStride = 0;
  /// With the row strides of docs/bundle.md.
  std::vector<float> logits, sampling, frontier;
  std::vector<int64_t> seeds;
  /// From `tok.program`.
  int64_t fixedBytes = 0, rowBytes = 0, logitsStride = 0;
  std::vector<int64_t> pageBytes;

private:
  using Step = void(const uint64_t *, uint64_t);

  void readProgram(mlir::ModuleOp module) {
    auto program =
        module->getAttrOfType<mlir::DictionaryAttr>(tok::kProgramAttrName);
    auto get = [](mlir::DictionaryAttr dictionary, llvm::StringRef name) {
      return dictionary.getAs<mlir::IntegerAttr>(name).getInt();
    };
    fixedBytes = get(program, "fixed_bytes");
    rowBytes = get(program, "row_bytes");
    logitsStride = get(program, "logits_stride");
    for (auto cache : program.getAs<mlir::ArrayAttr>("caches")
                          .getAsRange<mlir::DictionaryAttr>())
      pageBytes.push_back(get(cache, "page_bytes"));
  }

  std::unique_ptr<LoadedImage> loaded;
  Step *step = nullptr;
};

/// Numbers that are the same on every machine.
inline std::vector<float> makeValues(size_t count, uint32_t seed,
                                     float scale = 1) {
  std::mt19937 draw(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = scale * (static_cast<float>(draw() >> 8) * 0x1p-23f - 1);
  return values;
}

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_REFERENCE_REFERENCERUN_H
