//===- Problems.cpp - What is wrong with a folder of cases ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A folder comes from another machine, and who runs it trusts its numbers:
// offsets, sizes and counts become addresses and loops. What the driver checks
// by itself (the size of a grid, the strides of a map) is left to it.
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Content.h"

#include <algorithm>
#include <set>

using namespace cases;

namespace {

/// More than any GPU has.
constexpr uint64_t kMostBytes = uint64_t(1) << 44;
/// Contents are made in memory of the host, as long as they do not repeat.
constexpr uint64_t kMostContents = uint64_t(1) << 32;
/// No format of 16 bits has larger numbers, nor much smaller ones.
constexpr int kMostExponent = 14;

/// Words that end a check: what is wrong.
using Problem = std::string;

class CaseChecker {
public:
  explicit CaseChecker(const Case &given) : given(given) {}

  Problem check() const;

private:
  Problem check(const Buffer &buffer) const;
  Problem check(const Word &word) const;
  Problem check(const Check &check) const;
  Problem check(const Image &image) const;
  Problem check(const TensorMap &map) const;

  /// Of a list, the first problem.
  template <typename List>
  Problem checkAll(const List &list) const {
    for (const auto &element : list)
      if (Problem problem = check(element); !problem.empty())
        return problem;
    return "";
  }
  const Buffer *find(const std::string &name) const {
    auto found =
        std::find_if(given.buffers.begin(), given.buffers.end(),
                     [&](const Buffer &buffer) { return buffer.name == name; });
    return found == given.buffers.end() ? nullptr : &*found;
  }

  const Case &given;
};

std::string text(uint64_t number) { return std::to_string(number); }

/// Whether it can be part of the name of a file, and leads to no other folder.
bool isName(const std::string &name) {
  auto isPart = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), isPart);
}

/// Bytes from the first to the last element of the tensor, or nothing beyond
/// `most`.
bool fits(const TensorMap &map, uint64_t most) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < map.sizes.size(); ++i) {
    uint64_t each = i ? map.strides[i - 1] : sizeOf(map.element);
    // The innermost ends with its last element, others begin there.
    uint64_t steps = i ? map.sizes[i] - 1 : map.sizes[i];
    if (steps && each > (most - bytes) / steps)
      return false;
    bytes += steps * each;
  }
  return true;
}

} // namespace

Problem CaseChecker::check(const Buffer &buffer) const {
  std::string name = "buffer '" + buffer.name + "'";
  if (buffer.name.empty() || find(buffer.name) != &buffer)
    return name + ": has a name that another has, or none";
  if (buffer.bytes == 0 || buffer.bytes > kMostBytes)
    return name + ": found " + text(buffer.bytes) + " bytes, expected 1 to " +
           text(kMostBytes);
  bool isMadeUp = !buffer.parts.empty() || !buffer.words.empty() ||
                  !buffer.integers.empty();
  uint64_t contents =
      buffer.period ? std::min(buffer.period, buffer.bytes) : buffer.bytes;
  if (isMadeUp && contents > kMostContents)
    return name + ": found contents of " + text(contents) +
           " bytes that do not repeat, expected at most " + text(kMostContents);
  for (const Part &part : buffer.parts)
    if (part.exponent < -kMostExponent || part.exponent > kMostExponent ||
        part.bits < 0 ||
        part.bits > (part.element == Element::F16    ? 10
                     : part.element == Element::BF16 ? 7
                                                     : 0))
      return name + ": found numbers of " + std::to_string(part.bits) +
             " bits times 2^" + std::to_string(part.exponent) +
             ", expected no more bits than the format has, and an exponent "
             "from " +
             std::to_string(-kMostExponent) + " to " +
             std::to_string(kMostExponent);
  return checkAll(buffer.words);
}

Problem CaseChecker::check(const Word &word) const {
  if (word.buffer.empty())
    return "";
  const Buffer *buffer = find(word.buffer);
  if (!buffer)
    return "found no buffer '" + word.buffer + "'";
  if (word.value > buffer->bytes)
    return "found byte " + text(word.value) + " of buffer '" + word.buffer +
           "', which has " + text(buffer->bytes);
  return "";
}

Problem CaseChecker::check(const Check &check) const {
  const Buffer *buffer = find(check.buffer);
  if (!buffer)
    return "found no buffer '" + check.buffer + "'";
  uint64_t each = sizeOf(check.element);
  if (check.offset > buffer->bytes ||
      check.count > (buffer->bytes - check.offset) / each)
    return "found a check of " + text(check.count) + " elements from byte " +
           text(check.offset) + " of buffer '" + check.buffer +
           "' on, which has " + text(buffer->bytes);
  return "";
}

Problem CaseChecker::check(const TensorMap &map) const {
  if (Problem problem = check(map.address); !problem.empty())
    return problem;
  const Buffer *buffer = find(map.address.buffer);
  if (!buffer)
    return "found a map of no buffer";
  constexpr Element kKnown[] = {Element::F32, Element::F16, Element::BF16,
                                Element::I8};
  size_t rank = map.box.size();
  if (std::find(std::begin(kKnown), std::end(kKnown), map.element) ==
          std::end(kKnown) ||
      rank < 1 || rank > 5 || map.sizes.size() != rank ||
      map.strides.size() != rank - 1)
    return "found a map with a box of " + text(rank) + " dimensions, " +
           text(map.sizes.size()) + " sizes and " + text(map.strides.size()) +
           " strides, expected one to five dimensions, a stride less, and "
           "elements of f32, f16, bf16 or i8";
  if (std::count(map.sizes.begin(), map.sizes.end(), 0) ||
      !fits(map, buffer->bytes - map.address.value))
    return "found a map of a tensor that has no elements, or more than buffer "
           "'" +
           buffer->name + "'";
  return "";
}

Problem CaseChecker::check(const Image &image) const {
  if (!isName(image.name))
    return "found an image '" + image.name + "', expected sm_NN.cubin";
  if (image.splits < 1 || image.splits > kMostSplits)
    return image.name + ": found " + text(image.splits) +
           " blocks in z, expected 1 to " + text(kMostSplits);
  if (Problem problem = checkAll(image.maps); !problem.empty())
    return image.name + ": " + problem;
  return "";
}

Problem CaseChecker::check() const {
  if (!isName(given.name))
    return "expected a name of letters, digits, '-', '_' and '.'";
  if (given.checks.empty())
    return "found nothing that is compared";
  for (const Problem &problem :
       {checkAll(given.buffers), checkAll(given.arguments),
        checkAll(given.checks), checkAll(given.images)})
    if (!problem.empty())
      return problem;
  return "";
}

std::string cases::findProblem(const Folder &folder) {
  std::set<std::string> names;
  for (const Case &given : folder.cases) {
    std::string problem = CaseChecker(given).check();
    if (problem.empty() && !names.insert(given.name).second)
      problem = "has a name that another has";
    if (!problem.empty())
      return "case '" + given.name + "': " + problem;
  }
  return "";
}
