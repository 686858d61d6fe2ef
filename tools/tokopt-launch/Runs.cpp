//===- Runs.cpp - Cases on a GPU ------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-launch/Runs.h"

#include "tools/KernelCases/Content.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace tools;
using namespace cases;

/// An image of a case, by its file's name: `sm_80.cubin`, `sm_90a.cubin`,
/// `sm_80.ptx`.
namespace {
struct ImageName {
  unsigned capability = 0;
  bool isSpecific = false, isPtx = false;

  explicit ImageName(const std::string &name) {
    char rest[16] = "";
    if (sscanf(name.c_str(), "sm_%u%15s", &capability, rest) < 1)
      throw BadInput{"found an image '" + name + "', expected sm_NN.cubin"};
    isSpecific = rest[0] == 'a';
    isPtx = name.size() > 4 && name.substr(name.size() - 4) == ".ptx";
  }
  bool runsOn(unsigned device) const {
    if (isSpecific)
      return capability == device;
    if (isPtx)
      return capability <= device;
    return capability / 10 == device / 10 && capability <= device;
  }
  /// Later architectures first; the driver compiles only if it must.
  bool isBetterThan(const ImageName &other) const {
    if (isPtx != other.isPtx)
      return other.isPtx;
    return capability != other.capability ? capability > other.capability
                                          : isSpecific && !other.isSpecific;
  }
};
} // namespace

/// The images that `device` runs, the best first. None only where a case has
/// none for it by design, which `Skipped` tells.
static std::vector<const Image *> chooseImages(const Case &given,
                                               unsigned device, bool onlyPtx) {
  std::vector<const Image *> images;
  std::string names;
  // Instructions that only some GPUs have have images for these alone.
  bool isForAll = false;
  for (const Image &image : given.images) {
    ImageName name(image.name);
    if (onlyPtx && (!name.isPtx || name.isSpecific))
      continue;
    names += (names.empty() ? "" : ", ") + image.name;
    isForAll |= !name.isSpecific;
    if (name.runsOn(device))
      images.push_back(&image);
  }
  if (images.empty() && !isForAll)
    throw Skipped{names.empty() ? "has no PTX for later GPUs"
                                : "has images for other GPUs only: " + names};
  if (images.empty())
    throw BadInput{given.name + ": found " + names + ", expected one for sm_" +
                   std::to_string(device) +
                   "; prepare the folder for this GPU's architecture"};
  // No two are equally good: they would have one name.
  std::sort(images.begin(), images.end(),
            [](const Image *left, const Image *right) {
              return ImageName(left->name).isBetterThan(ImageName(right->name));
            });
  return images;
}

/// What the launcher is told of a map; `address` is that of its first element.
static tokrt_cuda_tensor_t describe(const TensorMap &map, uint64_t address) {
  tokrt_cuda_tensor_t tensor{};
  tensor.address = address;
  switch (map.element) {
  case Element::F32:
    tensor.element = TOKRT_CUDA_F32;
    break;
  case Element::F16:
    tensor.element = TOKRT_CUDA_F16;
    break;
  case Element::BF16:
    tensor.element = TOKRT_CUDA_BF16;
    break;
  default:
    tensor.element = TOKRT_CUDA_U8;
  }
  tensor.rank = map.box.size();
  std::copy(map.sizes.begin(), map.sizes.end(), tensor.sizes);
  std::copy(map.strides.begin(), map.strides.end(), tensor.strides);
  std::copy(map.box.begin(), map.box.end(), tensor.box);
  tensor.swizzle = map.swizzle;
  return tensor;
}

CaseRun::CaseRun(Device &device, const std::string &folder, const Case &given,
                 bool onlyPtx)
    : device(device), folder(folder), given(given) {
  load(onlyPtx);
  for (const Buffer &buffer : given.buffers)
    blocks.emplace(buffer.name, Block(device, buffer.bytes));
  auto addressOf = [&](const std::string &name) {
    return blocks.at(name).address();
  };
  for (const Buffer &buffer : given.buffers)
    blocks.at(buffer.name).fill(contentsOf(buffer, addressOf));
  for (const Word &word : given.arguments)
    arguments.push_back(word.value +
                        (word.buffer.empty() ? 0 : addressOf(word.buffer)));
  for (const TensorMap &map : image->maps)
    maps.push_back(device.encode(
        describe(map, addressOf(map.address.buffer) + map.address.value)));
  for (const uint64_t &argument : arguments)
    parameters.push_back(&argument);
  for (const tokrt_cuda_tensor_map_t &map : maps)
    parameters.push_back(&map);
}

/// A cubin of later tools than the driver's is refused; of PTX it makes code
/// itself.
void CaseRun::load(bool onlyPtx) {
  std::string refused;
  for (const Image *candidate :
       chooseImages(given, device.info().capability, onlyPtx)) {
    std::string file = given.name + "." + candidate->name;
    try {
      kernel =
          std::make_unique<Kernel>(device, file, readFile(folder + "/" + file),
                                   given.kernel, candidate->sharedBytes);
      image = candidate;
      return;
    } catch (const Refused &reason) {
      refused += (refused.empty() ? "" : "; ") + reason.message;
    }
  }
  throw BadInput{refused};
}

void CaseRun::launch(uint32_t splits) {
  tokrt_cuda_launch_t launch{};
  std::copy_n(image->grid, 3, launch.grid);
  if (image->splits > 1)
    launch.grid[2] = splits;
  launch.threads = image->threads;
  launch.shared_bytes = image->sharedBytes;
  launch.parameters = parameters.data();
  launch.parameter_count = parameters.size();
  kernel->launch(launch);
}

std::vector<std::vector<uint8_t>> CaseRun::readChecked() {
  std::vector<std::vector<uint8_t>> found;
  for (const Check &check : given.checks)
    found.push_back(
        blocks.at(check.buffer)
            .read(check.offset, check.count * sizeOf(check.element)));
  return found;
}

double CaseRun::check() {
  std::string expected = readFile(folder + "/" + given.name + kExpectedSuffix);
  uint64_t count = 0;
  for (const Check &check : given.checks)
    count += check.count;
  if (count == 0 || expected.size() != 8 * count)
    throw BadInput{given.name + kExpectedSuffix + ": found " +
                   std::to_string(expected.size()) + " bytes, expected " +
                   std::to_string(8 * count) + "; prepare the folder again"};
  std::vector<float> numbers(2 * count);
  memcpy(numbers.data(), expected.data(), expected.size());

  launch(image->splits);
  device.wait();
  auto found = readChecked();
  double worst = 0;
  const float *next = numbers.data();
  for (size_t i = 0; i < found.size(); ++i) {
    const Check &check = given.checks[i];
    std::string difference =
        findDifference(check, found[i].data(), next, worst);
    if (!difference.empty())
      throw Wrong{difference};
    next += 2 * check.count;
  }
  for (uint32_t splits = 1; splits < image->splits; splits *= 2) {
    launch(splits);
    device.wait();
    if (readChecked() != found)
      throw Wrong{"other bits with " + std::to_string(splits) +
                  " blocks in z than with " + std::to_string(image->splits)};
  }
  return worst;
}

Times CaseRun::time(Block &flush, int runs) {
  Timer timer(device);
  Times best{};
  for (uint32_t splits = 1; splits <= image->splits; splits *= 2) {
    std::vector<double> times;
    // The first runs load what later ones find.
    constexpr int kWarmUp = 3;
    for (int run = 0; run < kWarmUp + runs; ++run) {
      flush.fill(static_cast<uint8_t>(run));
      timer.begin();
      launch(splits);
      double time = timer.end();
      if (run >= kWarmUp)
        times.push_back(time);
    }
    std::sort(times.begin(), times.end());
    double median = (times[(runs - 1) / 2] + times[runs / 2]) / 2;
    if (best.splits == 0 || median < best.median)
      best = {median, times[0], splits};
  }
  return best;
}

std::map<std::string, std::string> CaseRun::record() {
  std::map<std::string, std::string> result;
  auto found = readChecked();
  for (size_t i = 0; i < found.size(); ++i) {
    std::string &text = result[given.checks[i].buffer];
    for (uint8_t byte : found[i]) {
      char digits[3];
      snprintf(digits, sizeof digits, "%02x", byte);
      text += digits;
    }
  }
  return result;
}
