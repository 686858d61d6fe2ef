//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/KernelTest.h"

#include "test/lib/Target/CodeTest.h"

#include "dialects/Tok/TokOps.h"
#include "tokopt/Bundle.h"
#include "tokopt/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"

#include <cstring>
#include <immintrin.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Memory::Memory(size_t bytes) : bytes(bytes) {
  size_t page = sysconf(_SC_PAGESIZE), whole = alignTo(bytes, page);
  mapped = whole + page;
  base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (base == MAP_FAILED || mprotect(base + whole, page, PROT_NONE))
    report_fatal_error("out of memory");
  // What the frame points to is aligned to 64 bytes; the rest of the last line
  // is nobody's.
  data = base + whole - alignTo(bytes, 64);
}

Memory::~Memory() {
  if (base)
    munmap(base, mapped);
}

Memory::Memory(Memory &&other) noexcept
    : base(std::exchange(other.base, nullptr)), data(other.data),
      bytes(other.bytes), mapped(other.mapped) {}

void Rows::poison() { std::memset(memory.as<char>(), 0xCD, memory.size()); }

testing::AssertionResult tokopt::test::sameBits(const float *a, const float *b,
                                                int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (std::memcmp(a + i, b + i, sizeof(float)))
      return testing::AssertionFailure()
             << "element " << i << ": " << a[i] << " and " << b[i];
  return testing::AssertionSuccess();
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

std::ostream &tokopt::test::operator<<(std::ostream &os,
                                       const Variant &variant) {
  return os << variant.name;
}

ArrayRef<Variant> tokopt::test::getVariants() {
  static const Variant variants[] = {
      {"avx2", "avx2", "avx2"},
      {"avx512vnni", "avx512vnni", "avx512vnni"},
      {"avx512amx", "avx512amx", "avx512amx"},
      // Few rows take the dot products of VNNI here, too.
      {"avx512amx_emulated", "avx512amx", "avx2"}};
  return variants;
}

ArrayRef<Variant> tokopt::test::getVariantsWithoutTiles() {
  static const Variant variants[] = {
      {"avx2", "avx2", "avx2"},
      {"avx512vnni", "avx512vnni", "avx512vnni"},
      {"avx512vnni_emulated", "avx512vnni", "avx2"}};
  return variants;
}

bool tokopt::test::canRun(const Variant &variant, std::string &reason) {
  if (hostRuns(*findIsaLevel(variant.level)))
    return true;
  reason = std::string("this machine has no ") + variant.level;
  return false;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

struct Program::Code {
  SmallVector<char, 0> bytes;
  std::unique_ptr<LoadedImage> loaded;
  void (*entry)(const uint64_t *, uint64_t) = nullptr;
};

Program::~Program() = default;

static Format formatOf(mlir::Type element) {
  std::string name;
  raw_string_ostream(name) << element;
  std::optional<Format> format =
      parseFormat(StringRef(name).rsplit('.').second.empty()
                      ? StringRef(name)
                      : StringRef(name).rsplit('.').second);
  if (!format)
    report_fatal_error("no format of weights");
  return *format;
}

/// The packed weights of a lowered module.
static Memory packWeights(mlir::ModuleOp module,
                          const std::vector<uint8_t> &weights) {
  SmallString<128> path;
  int descriptor;
  if (sys::fs::createTemporaryFile("tokopt-kernel", "weights", descriptor,
                                   path))
    report_fatal_error("no temporary file");
  FileRemover remover(path);
  {
    raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    os.write(reinterpret_cast<const char *>(weights.data()), weights.size());
  }
  std::shared_ptr<const SourceFile> file = cantFail(SourceFile::open(path));
  std::vector<std::pair<int64_t, std::unique_ptr<WeightProducer>>> items;
  size_t bytes = 0;
  for (auto weight : module.getOps<tok::WeightOp>())
    for (auto [place, offset] :
         zip_equal(*weight.getImage(), weight.getOffsets())) {
      mlir::RankedTensorType type = weight.getTensorType();
      SourceRange range{file, static_cast<uint64_t>(offset),
                        static_cast<uint64_t>(weight.getMemberBytes()),
                        weight.getSymName().str()};
      Format format = formatOf(type.getElementType());
      items.emplace_back(
          place,
          cantFail(type.getRank() == 1
                       ? makeVectorProducer(format, type.getDimSize(0), range)
                       : makeMatrixProducer(format, type.getDimSize(0),
                                            type.getDimSize(1), range)));
      bytes = std::max<size_t>(bytes, place + items.back().second->getBytes());
    }
  Memory image(bytes);
  for (auto &[place, item] : items) {
    char *at = image.as<char>() + place;
    cantFail(item->produce([&](ArrayRef<uint8_t> piece) {
      std::memcpy(at, piece.data(), piece.size());
      at += piece.size();
      return Error::success();
    }));
  }
  return image;
}

/// Sets `knobs` in the kernels of their family.
static void setKnobs(mlir::ModuleOp module, const Knobs &knobs) {
  mlir::Builder builder(module.getContext());
  module.walk([&](tok::KernelOp kernel) {
    if (kernel.getFamily() != knobs.family)
      return;
    mlir::NamedAttrList config(kernel.getConfig());
    for (const auto &[name, value] : knobs.values)
      config.set(name, builder.getI64IntegerAttr(value));
    kernel.setConfigAttr(config.getDictionary(module.getContext()));
  });
}

Program::Program(const std::string &text, const Variant &variant,
                 const std::vector<uint8_t> &weights, const Knobs &knobs)
    : code(std::make_unique<Code>()) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    report_fatal_error("the test's module does not parse");
  mlir::PassManager manager(&context);
  buildProgramPipeline(manager);
  mlir::PassManager kernels(&context);
  buildKernelPipeline(kernels, variant.target);
  if (failed(manager.run(*module)))
    report_fatal_error("the test's module does not lower");
  setKnobs(*module, knobs);
  if (failed(kernels.run(*module)))
    report_fatal_error("the test's module does not lower");

  auto program =
      (*module)->getAttrOfType<mlir::DictionaryAttr>(tok::kProgramAttrName);
  rowBytes = program.getAs<mlir::IntegerAttr>("row_bytes").getInt();
  fixedBytes = program.getAs<mlir::IntegerAttr>("fixed_bytes").getInt();
  scratchBytes = program.getAs<mlir::IntegerAttr>("scratch_bytes").getInt();
  for (auto cache : program.getAs<mlir::ArrayAttr>("caches")
                        .getAsRange<mlir::DictionaryAttr>())
    pageBytes = cache.getAs<mlir::IntegerAttr>("page_bytes").getInt();
  std::destroy_at(&image);
  std::construct_at(&image, packWeights(*module, weights));

  // Only what the CPU target knows goes on.
  for (mlir::Operation &op : make_early_inc_range(*module->getBody()))
    if (isa<tok::TokDialect>(op.getDialect()))
      op.erase();
  (*module)->removeAttr(tok::kProgramAttrName);
  if (StringRef(variant.target) != variant.level)
    emulateIntrinsics(*module);
  CpuCompileOptions options;
  options.barePointers = false;
  auto object =
      cantFail(compileModule(*module, *findIsaLevel(variant.level), options));
  code->bytes =
      cantFail(linkSharedObject(StringRef(object.data(), object.size()), ""));
  StringRef shared(code->bytes.data(), code->bytes.size());
  uint64_t address =
      cantFail(findEntry(shared, std::string("step.") + variant.level));
  code->loaded = std::make_unique<LoadedImage>(shared);
  code->entry = code->loaded->get<void(const uint64_t *, uint64_t)>(address);
}

/// Yields for the barrier, since tests may run on one core.
static void yieldThread() { std::this_thread::yield(); }

void Program::run(std::vector<uint64_t> frame, int64_t rows,
                  int64_t workers) const {
  // The workspace was made for more rows than this step has.
  int64_t capacity = rows + 3;
  Memory barrier(128), workspace(rowBytes * capacity + fixedBytes),
      scratch(scratchBytes * workers);
  // Neither is promised to be zero.
  std::memset(workspace.as<char>(), 0xCD, workspace.size());
  std::memset(scratch.as<char>(), 0xCD, scratch.size());
  auto set = [&](Slot slot, uint64_t value) {
    frame[static_cast<size_t>(slot)] = value;
  };
  set(Slot::Workers, workers);
  set(Slot::Barrier, reinterpret_cast<uint64_t>(barrier.as<char>()));
  set(Slot::Yield, reinterpret_cast<uint64_t>(&yieldThread));
  set(Slot::Weights, reinterpret_cast<uint64_t>(image.as<char>()));
  set(Slot::Rows, rows);
  set(Slot::Workspace, reinterpret_cast<uint64_t>(workspace.as<char>()));
  set(Slot::Capacity, capacity);
  set(Slot::Scratch, reinterpret_cast<uint64_t>(scratch.as<char>()));
  auto work = [&](uint64_t worker) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); // flush to zero, denormals are zero
    code->entry(frame.data(), worker);
    _mm_setcsr(before);
  };
  std::vector<std::thread> threads;
  for (int64_t worker = 1; worker < workers; ++worker)
    threads.emplace_back(work, worker);
  work(0);
  for (std::thread &thread : threads)
    thread.join();
}
