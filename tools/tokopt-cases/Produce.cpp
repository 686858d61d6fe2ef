//===- Produce.cpp - From a sketch to a case ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelFile/KernelFile.h"
#include "tools/tokopt-cases/Sketch.h"

#include "tokopt/OutputFile.h"
#include "tokopt/Sim.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace tokopt;
using namespace cases;

//===----------------------------------------------------------------------===//
// Contents
//===----------------------------------------------------------------------===//

Contents::Contents(const Case &given) {
  for (const Buffer &buffer : given.buffers)
    buffers[buffer.name] =
        contentsOf(buffer, [](const std::string &) { return 0; });
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// The kernel of a sketch for one architecture.
static llvm::Expected<CudaCode> compile(const Sketch &sketch,
                                        const CudaArchitecture &architecture) {
  auto file =
      KernelFile::parse(llvm::MemoryBuffer::getMemBufferCopy(sketch.module),
                        sketch.given.name, architecture);
  if (!file)
    return file.takeError();
  bool hasOps = (*file)
                    ->getModule()
                    .walk([](tok::KernelOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();
  OwningOpRef<ModuleOp> kernels;
  if (hasOps) {
    kernels = emitCudaKernels((*file)->getModule(), architecture);
    if (!kernels)
      return (*file)->explain(
          llvm::createStringError("the kernel cannot be emitted"));
  } else {
    kernels = OwningOpRef<ModuleOp>((*file)->getModule().clone());
  }
  llvm::Expected<CudaCode> code = compileCudaModule(*kernels, architecture);
  if (!code)
    return (*file)->explain(code.takeError());
  if (code->kernels.size() != 1)
    return llvm::createStringError(sketch.given.name + ": found " +
                                   llvm::Twine(code->kernels.size()) +
                                   " kernels, expected one");
  return code;
}

static llvm::Error makeError(const Case &given, const llvm::Twine &what) {
  return llvm::createStringError(given.name + ": " + what);
}

/// The elements that a launcher can tell the driver of.
static std::optional<Element> elementOf(StringRef type) {
  return llvm::StringSwitch<std::optional<Element>>(type)
      .Case("f32", Element::F32)
      .Case("f16", Element::F16)
      .Case("bf16", Element::BF16)
      .Case("i8", Element::I8)
      .Default(std::nullopt);
}

/// The maps that the kernel takes, of buffers of the case.
static llvm::Expected<std::vector<cases::TensorMap>>
mapsOf(const Sketch &sketch, const CudaKernel &kernel) {
  const Case &given = sketch.given;
  std::vector<cases::TensorMap> maps;
  for (const CudaTensorMap &description : kernel.maps) {
    // A case's arguments are those of every image, so maps come behind them.
    size_t number = given.arguments.size() + maps.size();
    if (description.argument != static_cast<int64_t>(number))
      return makeError(given,
                       "found a map as argument number " +
                           llvm::Twine(description.argument) +
                           ", expected it behind the others, as number " +
                           llvm::Twine(number));
    cases::TensorMap map;
    if (description.buffer >= 0)
      map.address = given.arguments[description.buffer];
    else if (description.cache < static_cast<int64_t>(sketch.caches.size()))
      map.address = {sketch.caches[description.cache], 0};
    auto buffer = llvm::find_if(given.buffers, [&](const Buffer &known) {
      return known.name == map.address.buffer;
    });
    if (buffer == given.buffers.end())
      return makeError(given, "found a map of no buffer");
    std::optional<Element> element = elementOf(description.element);
    if (!element)
      return makeError(given, "found a map of " + description.element +
                                  ", of which the launcher knows nothing");
    map.element = *element;
    map.sizes.assign(description.sizes.begin(), description.sizes.end());
    map.sizes.back() = description.lastSize(
        static_cast<int64_t>(buffer->bytes - map.address.value));
    map.strides.assign(description.strides.begin(), description.strides.end());
    map.box.assign(description.box.begin(), description.box.end());
    map.swizzle = description.swizzle;
    maps.push_back(std::move(map));
  }
  return maps;
}

/// How the kernel is launched, for an image that has no name yet.
static llvm::Expected<Image> launchOf(const Sketch &sketch,
                                      const CudaKernel &kernel) {
  Image image;
  auto maps = mapsOf(sketch, kernel);
  if (!maps)
    return maps.takeError();
  image.maps = std::move(*maps);
  image.threads = kernel.threads;
  image.sharedBytes = kernel.sharedBytes;
  image.grid[0] = sketch.blocks;
  if (sketch.rows == 0)
    return image;
  image.grid[0] = llvm::divideCeil(sketch.rows, kernel.rows);
  image.grid[1] = kernel.parts;
  image.splits = kernel.splits;
  return image;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// The bytes of all checks, in order.
using Found = std::vector<std::vector<uint8_t>>;

/// A map as the simulator takes it; `address` is that of its first element.
static sim::TensorMap describe(const cases::TensorMap &map, uint64_t address) {
  return {address,   static_cast<uint32_t>(sizeOf(map.element)),
          map.sizes, map.strides,
          map.box,   map.swizzle};
}

static llvm::Expected<Found>
runInSimulator(const Case &given, const Image &image, const CudaCode &code) {
  auto simulator =
      sim::Simulator::create(code.llvmIR, code.kernels.front().name);
  if (!simulator)
    return makeError(given, llvm::toString(simulator.takeError()));
  std::map<std::string, uint8_t *> blocks;
  for (const Buffer &buffer : given.buffers) {
    bool isWritten = buffer.fill != 0xff || !buffer.parts.empty() ||
                     !buffer.words.empty() || !buffer.integers.empty();
    auto block = (*simulator)->addBuffer(buffer.name, buffer.bytes, isWritten);
    if (!block)
      return makeError(given, llvm::toString(block.takeError()));
    blocks[buffer.name] = *block;
  }
  auto addressOf = [&](const std::string &name) {
    return reinterpret_cast<uint64_t>(blocks.at(name));
  };
  for (const Buffer &buffer : given.buffers) {
    std::vector<uint8_t> data = contentsOf(buffer, addressOf);
    for (uint64_t at = 0; at < buffer.bytes; at += data.size())
      std::memcpy(blocks[buffer.name] + at, data.data(),
                  std::min<uint64_t>(data.size(), buffer.bytes - at));
  }
  std::vector<uint64_t> arguments;
  for (const Word &word : given.arguments)
    arguments.push_back(word.value +
                        (word.buffer.empty() ? 0 : addressOf(word.buffer)));
  for (const cases::TensorMap &map : image.maps)
    arguments.push_back(
        (*simulator)
            ->addTensorMap(describe(map, addressOf(map.address.buffer) +
                                             map.address.value)));
  sim::Launch launch;
  std::copy_n(image.grid, 3, launch.grid);
  if (image.splits > 1)
    launch.grid[2] = image.splits;
  launch.threads = image.threads;
  launch.sharedBytes = image.sharedBytes;
  auto result = (*simulator)->run(launch, arguments);
  if (!result)
    return makeError(given, llvm::toString(result.takeError()));
  if (!result->reports.empty()) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    sim::print(stream, result->reports.front());
    return makeError(given, "the simulator reports: " + text);
  }
  Found found;
  for (const Check &check : given.checks) {
    const uint8_t *from = blocks.at(check.buffer) + check.offset;
    found.emplace_back(from, from + check.count * sizeOf(check.element));
  }
  return found;
}

/// The pairs of a case's file of expected numbers.
static std::vector<float> pairsOf(const std::vector<ExpectedNumber> &expected) {
  std::vector<float> pairs;
  for (const auto &[value, allowed] : expected) {
    // What rounding the two to f32 takes away is allowed as well.
    auto number = static_cast<float>(value);
    double slack = std::fabs(number - value) + allowed;
    pairs.push_back(number);
    pairs.push_back(
        slack == 0 ? 0 : std::nextafter(static_cast<float>(slack), INFINITY));
  }
  return pairs;
}

static std::vector<float> exactPairs(const Case &given, const Found &found) {
  std::vector<float> pairs;
  for (auto [check, bytes] : llvm::zip_equal(given.checks, found))
    for (uint64_t i = 0; i < check.count; ++i) {
      pairs.push_back(static_cast<float>(
          decode(bytes.data() + i * sizeOf(check.element), check.element)));
      pairs.push_back(0);
    }
  return pairs;
}

static llvm::Error compare(const Case &given, const Found &found,
                           const std::vector<float> &pairs) {
  const float *next = pairs.data();
  double worst = 0;
  for (auto [check, bytes] : llvm::zip_equal(given.checks, found)) {
    std::string difference = findDifference(check, bytes.data(), next, worst);
    if (!difference.empty())
      return makeError(given, "the simulator gives other numbers than the "
                              "reference: " +
                                  difference);
    next += 2 * check.count;
  }
  return llvm::Error::success();
}

static llvm::Error write(StringRef folder, const std::string &name,
                         StringRef bytes) {
  auto file = OutputFile::create((folder + "/" + name).str());
  if (!file)
    return file.takeError();
  file->os() << bytes;
  return file->keep();
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

/// Whether the kernel can be compiled for it.
static bool isFor(const Sketch &sketch, const CudaArchitecture &architecture) {
  return sketch.architecture.empty() ||
         sketch.architecture == architecture.name;
}

llvm::Expected<Found> tokopt::simulate(const Sketch &sketch) {
  const CudaArchitecture *architecture =
      llvm::find_if(getCudaArchitectures(), [&](const CudaArchitecture &known) {
        return isFor(sketch, known);
      });
  llvm::Expected<CudaCode> code = compile(sketch, *architecture);
  if (!code)
    return code.takeError();
  llvm::Expected<Image> launch = launchOf(sketch, code->kernels.front());
  if (!launch)
    return launch.takeError();
  return runInSimulator(sketch.given, *launch, *code);
}

llvm::Expected<Case> tokopt::produce(const Sketch &sketch, StringRef ptxas,
                                     StringRef folder) {
  Case given = sketch.given;
  std::vector<float> pairs;
  if (sketch.reference)
    pairs = pairsOf(sketch.reference(Contents(given)));
  for (const CudaArchitecture &architecture : getCudaArchitectures()) {
    if (!isFor(sketch, architecture))
      continue;
    llvm::Expected<CudaCode> code = compile(sketch, architecture);
    if (!code)
      return code.takeError();
    given.kernel = code->kernels.front().name;
    llvm::Expected<Image> launch = launchOf(sketch, code->kernels.front());
    if (!launch)
      return launch.takeError();
    auto binary = assemblePtx(ptxas, code->ptx, architecture);
    if (!binary)
      return makeError(given, llvm::toString(binary.takeError()));
    if (llvm::Error error = checkBinary(*binary))
      return makeError(given, llvm::toString(std::move(error)));
    auto keep = [&](const std::string &image, StringRef bytes) {
      given.images.push_back(*launch);
      given.images.back().name = image;
      return write(folder, given.name + "." + image, bytes);
    };
    std::string name = architecture.name.str();
    if (llvm::Error error = keep(name + ".cubin", binary->cubin))
      return std::move(error);
    // For drivers that are older than ptxas; later GPUs too run what the driver
    // makes of PTX, unless it has what only one GPU has.
    if (llvm::Error error = keep(name + ".ptx", code->ptx))
      return std::move(error);
    if (given.isSmall) {
      llvm::Expected<Found> found = runInSimulator(given, *launch, *code);
      if (!found)
        return found.takeError();
      if (!pairs.empty())
        if (llvm::Error error = compare(given, *found, pairs))
          return std::move(error);
      // The next architecture must give these bits too.
      if (sketch.isExact)
        pairs = exactPairs(given, *found);
    }
  }
  if (llvm::Error error =
          write(folder, given.name + kExpectedSuffix,
                StringRef(reinterpret_cast<const char *>(pairs.data()),
                          pairs.size() * sizeof(float))))
    return std::move(error);
  return given;
}
