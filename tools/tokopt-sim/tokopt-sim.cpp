//===- tokopt-sim.cpp - Runs CUDA kernels with every check on -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exits with 0 only if every kernel of the file is clean.
//
//===----------------------------------------------------------------------===//

#include "tools/KernelFile/KernelFile.h"
#include "tools/tokopt-sim/Case.h"
#include "tools/tokopt-sim/Reference.h"

#include "tokopt/CommandLine.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace tokopt;

static llvm::cl::OptionCategory options("tokopt-sim options");
static llvm::cl::opt<std::string> input(llvm::cl::Positional,
                                        llvm::cl::Required,
                                        llvm::cl::desc("<kernels, as MLIR>"),
                                        llvm::cl::cat(options));
static llvm::cl::opt<std::string>
    target("target", llvm::cl::desc("Architecture (sm_80, sm_90a)"),
           llvm::cl::init("sm_80"), llvm::cl::cat(options));
static llvm::cl::opt<unsigned>
    seed("seed", llvm::cl::desc("Which order of threads and blocks is run"),
         llvm::cl::init(0), llvm::cl::cat(options));

static llvm::cl::opt<uint64_t> steps(
    "steps",
    llvm::cl::desc("Accesses, operations and turns of loops after which a "
                   "block is taken to be endless"),
    llvm::cl::init(sim::Options().stepLimit), llvm::cl::cat(options));

/// There are no others, so a kernel that is clean is so by all of them.
static llvm::cl::opt<std::string>
    check("check", llvm::cl::desc("Which checks are made: all"),
          llvm::cl::init("all"), llvm::cl::cat(options));

static llvm::cl::opt<bool>
    counts("counts",
           llvm::cl::desc("Print what the accesses of each line cost"),
           llvm::cl::init(false), llvm::cl::cat(options));

namespace {

/// One kernel's run and the run of its reference.
class Run {
public:
  Run(ModuleOp module, const Case &what, sim::Simulator &simulator)
      : module(module), what(what), simulator(simulator) {}

  llvm::Expected<sim::Result> simulate();
  /// Adds what differs from the reference to `result`.
  llvm::Error compare(sim::Result &result);

private:
  uint64_t addTensorMap(const CudaTensorMap &map, ArrayRef<uint64_t> arguments);
  void compareBuffer(size_t number, const std::vector<uint8_t> &expected,
                     sim::Result &result);

  ModuleOp module;
  const Case &what;
  sim::Simulator &simulator;
  std::vector<uint8_t *> buffers;
};

} // namespace

uint64_t Run::addTensorMap(const CudaTensorMap &map,
                           ArrayRef<uint64_t> arguments) {
  const CaseArgument &buffer = what.arguments[map.buffer];
  sim::TensorMap made;
  made.base = arguments[map.buffer];
  made.elementBytes = map.elementBytes;
  made.sizes.assign(map.sizes.begin(), map.sizes.end());
  made.sizes.back() = map.lastSize(getBytes(buffer.buffer));
  made.strides.assign(map.strides.begin(), map.strides.end());
  made.box.assign(map.box.begin(), map.box.end());
  made.swizzle = map.swizzle;
  return simulator.addTensorMap(made);
}

llvm::Expected<sim::Result> Run::simulate() {
  std::vector<uint64_t> arguments;
  for (const CaseArgument &argument : what.arguments) {
    if (!argument.buffer) {
      buffers.push_back(nullptr);
      arguments.push_back(argument.number);
      continue;
    }
    auto data =
        simulator.addBuffer(argument.name, getBytes(argument.buffer),
                            /*isWritten=*/argument.fill != Fill::Nothing);
    if (!data)
      return data.takeError();
    if (argument.fill != Fill::Nothing)
      fill(*data, argument);
    buffers.push_back(*data);
    arguments.push_back(reinterpret_cast<uint64_t>(*data));
  }
  for (const CaseArgument &argument : what.arguments)
    if (argument.map)
      arguments[argument.map->argument] =
          addTensorMap(*argument.map, arguments);
  sim::Options how;
  how.seed = seed;
  how.stepLimit = steps;
  return simulator.run(what.launch, arguments, how);
}

llvm::Error Run::compare(sim::Result &result) {
  std::vector<std::vector<uint8_t>> expected;
  std::vector<uint64_t> arguments;
  for (const CaseArgument &argument : what.arguments) {
    std::vector<uint8_t> &copy = expected.emplace_back();
    if (argument.buffer) {
      copy.assign(getBytes(argument.buffer),
                  argument.fill == Fill::Nothing ? 0xff : 0);
      if (argument.fill != Fill::Nothing)
        fill(copy.data(), argument);
    }
    arguments.push_back(argument.buffer
                            ? reinterpret_cast<uint64_t>(copy.data())
                            : argument.number);
  }
  if (llvm::Error error = runReference(module, what.reference, arguments))
    return error;
  for (size_t i = 0; i < expected.size(); ++i)
    if (buffers[i])
      compareBuffer(i, expected[i], result);
  return llvm::Error::success();
}

void Run::compareBuffer(size_t number, const std::vector<uint8_t> &expected,
                        sim::Result &result) {
  RankedTensorType type = what.arguments[number].buffer;
  Type element = type.getElementType();
  uint64_t count = type.getNumElements(),
           width = element.getIntOrFloatBitWidth() / 8;
  double squares = 0;
  for (uint64_t i = 0; i < count; ++i) {
    double value = getElement(expected.data(), element, i);
    squares += std::isfinite(value) ? value * value : 0;
  }
  double allowed =
      what.tolerance * std::sqrt(squares / std::max<uint64_t>(count, 1));
  sim::Report report;
  report.count = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t *found = buffers[number] + i * width;
    if (!std::memcmp(found, expected.data() + i * width, width))
      continue;
    double got = getElement(buffers[number], element, i),
           wanted = getElement(expected.data(), element, i);
    // Not a number is never near.
    if (what.tolerance && std::fabs(got - wanted) <= allowed)
      continue;
    if (report.count++)
      continue;
    report.kind = "wrong result";
    report.location = what.kernel;
    llvm::raw_string_ostream(report.text)
        << what.arguments[number].name << "[" << i << "] is "
        << llvm::format("%.9g", got) << ", but the reference gives "
        << llvm::format("%.9g", wanted);
    std::string writer = simulator.describeWriter(found);
    size_t split = writer.find(": note: ");
    if (split == std::string::npos) {
      report.text += "; nothing wrote it";
    } else {
      report.otherLocation = writer.substr(0, split);
      report.otherText = writer.substr(split + 8);
    }
  }
  if (report.count)
    result.reports.push_back(report);
}

/// Runs the kernel of a case, which `alone` has, and says so. Returns whether
/// it is clean.
static llvm::Expected<bool> runCase(ModuleOp module, ModuleOp alone,
                                    const Case &what,
                                    const CudaArchitecture &architecture) {
  llvm::Expected<CudaCode> code = compileCudaModule(alone, architecture);
  if (!code)
    return code.takeError();
  auto simulator = sim::Simulator::create(code->llvmIR, what.kernel);
  if (!simulator)
    return simulator.takeError();
  Run run(module, what, **simulator);
  llvm::Expected<sim::Result> result = run.simulate();
  if (!result)
    return result.takeError();
  if (!what.reference.empty())
    if (llvm::Error error = run.compare(*result))
      return error;

  for (const sim::Report &report : result->reports)
    sim::print(llvm::outs(), report);
  if (counts) {
    for (const sim::AccessCount &count : result->statistics.counts)
      sim::print(llvm::outs(), count);
    if (uint64_t products = result->statistics.products)
      llvm::outs() << what.kernel << ": " << products
                   << " products of 16 x 16 by 16 x 8\n";
  }
  const sim::Launch &launch = what.launch;
  llvm::outs() << what.kernel << ": "
               << (result->reports.empty()
                       ? "clean"
                       : std::to_string(result->reports.size()) +
                             (result->reports.size() == 1 ? " report"
                                                          : " reports"))
               << " for " << architecture.name << ", LLVM IR " << code->hash
               << ", grid " << launch.grid[0] << "x" << launch.grid[1] << "x"
               << launch.grid[2] << " of " << launch.threads << " threads, "
               << result->statistics.accesses << " accesses, "
               << result->statistics.barriers << " barriers, "
               << result->statistics.collectives << " warp operations\n";
  return result->reports.empty();
}

/// Runs all kernels of the file. Returns whether they are clean.
static llvm::Expected<bool> runKernels(KernelFile &file) {
  bool isClean = true;
  std::vector<OwningOpRef<ModuleOp>> modules =
      splitCudaKernels(file.getModule());
  auto next = modules.begin();
  for (auto kernel : file.getModule().getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(tok::kLaunchAttrName))
      continue;
    FailureOr<Case> what = readCase(kernel);
    if (failed(what) ||
        (!what->reference.empty() && failed(checkReference(kernel, *what))))
      return llvm::createStringError("kernel '" + kernel.getName() +
                                     "' cannot be run");
    llvm::Expected<bool> result =
        runCase(file.getModule(), **next++, *what, file.getArchitecture());
    if (!result)
      return result.takeError();
    isClean &= *result;
  }
  if (modules.empty())
    return llvm::createStringError(
        "found no kernel, expected a func.func with '" +
        Twine(tok::kLaunchAttrName) + "'");
  return isClean;
}

static llvm::Expected<bool> runFile(const CudaArchitecture &architecture) {
  auto file = KernelFile::read(input, architecture);
  if (!file)
    return file.takeError();
  llvm::Expected<bool> isClean = runKernels(**file);
  if (!isClean)
    return (*file)->explain(isClean.takeError());
  return isClean;
}

int main(int argc, char **argv) {
  llvm::cl::HideUnrelatedOptions(options);
  if (!parseCommandLine(argc, argv,
                        "runs CUDA kernels on the CPU with every check on\n"))
    return BadUsage;
  if (check != "all")
    return reportError(
        "tokopt-sim",
        llvm::createStringError("expects --check to be all, but got '" + check +
                                "': there are no single ones"),
        BadUsage);
  auto architecture = parseArchitecture(target);
  if (!architecture)
    return reportError("tokopt-sim", architecture.takeError(), BadUsage);
  llvm::Expected<bool> isClean = runFile(**architecture);
  if (!isClean)
    return reportError("tokopt-sim", isClean.takeError(), BadInput);
  return *isClean ? Success : BadInput;
}
