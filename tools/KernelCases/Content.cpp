//===- Content.cpp - The numbers of a case --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Content.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace cases;

/// Bits of the mantissa, the hidden one included, and the bias of a format.
namespace {
struct Format {
  int mantissa, bias;
};
constexpr Format kHalf = {11, 15}, kBrain = {8, 127};
} // namespace

uint64_t cases::sizeOf(Element element) {
  switch (element) {
  case Element::F16:
  case Element::BF16:
    return 2;
  case Element::I8:
  case Element::U6:
    return 1;
  case Element::F32:
  case Element::Scale:
  case Element::I32:
    return 4;
  }
  return 0;
}

/// The bits of a number that the format has exactly, and that is normal or 0.
static uint16_t encode16(double value, Format format) {
  if (value == 0)
    return 0;
  int exponent;
  double fraction = std::frexp(std::fabs(value), &exponent); // in [0.5, 1)
  auto mantissa = static_cast<uint32_t>(std::ldexp(fraction, format.mantissa));
  uint32_t stored = mantissa & ((1u << (format.mantissa - 1)) - 1);
  uint32_t biased = exponent - 1 + format.bias;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) |
                               biased << (format.mantissa - 1) | stored);
}

static double decode16(uint16_t bits, Format format) {
  int width = format.mantissa - 1;
  uint32_t fraction = bits & ((1u << width) - 1),
           biased = (bits & 0x7fff) >> width, most = (1u << (15 - width)) - 1;
  double value;
  if (biased == most)
    value = fraction ? NAN : INFINITY;
  else if (biased == 0)
    value = std::ldexp(fraction, 1 - format.bias - width);
  else
    value = std::ldexp(fraction | 1u << width,
                       static_cast<int>(biased) - format.bias - width);
  return bits & 0x8000 ? -value : value;
}

double cases::decode(const uint8_t *data, Element element) {
  switch (element) {
  case Element::F32:
  case Element::Scale: {
    float value;
    memcpy(&value, data, sizeof value);
    return value;
  }
  case Element::F16:
  case Element::BF16: {
    uint16_t bits;
    memcpy(&bits, data, sizeof bits);
    return decode16(bits, element == Element::F16 ? kHalf : kBrain);
  }
  case Element::I8:
    return static_cast<int8_t>(*data);
  case Element::U6:
    return *data;
  case Element::I32: {
    int32_t value;
    memcpy(&value, data, sizeof value);
    return value;
  }
  }
  return 0;
}

/// Steele, Lea and Flood's SplitMix64: the random number of an index.
static uint64_t mix(uint64_t index) {
  uint64_t z = (index + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static void store(uint8_t *to, const Part &part, uint64_t random) {
  // A whole number of `bits` bits with its sign, as a fraction.
  auto unit = [&](int bits) {
    auto number = static_cast<int64_t>(random >> (63 - bits));
    return std::ldexp(static_cast<double>(number) - std::ldexp(1, bits),
                      part.exponent - bits);
  };
  switch (part.element) {
  case Element::F32: {
    auto value = static_cast<float>(unit(23));
    memcpy(to, &value, sizeof value);
    return;
  }
  case Element::Scale: {
    auto value = static_cast<float>(std::ldexp(
        static_cast<double>((random >> 42) | 1u << 22), part.exponent - 23));
    memcpy(to, &value, sizeof value);
    return;
  }
  case Element::F16:
  case Element::BF16: {
    Format format = part.element == Element::F16 ? kHalf : kBrain;
    uint16_t bits =
        encode16(unit(part.bits ? part.bits : format.mantissa - 1), format);
    memcpy(to, &bits, sizeof bits);
    return;
  }
  case Element::I8:
    *to = static_cast<uint8_t>(static_cast<int>(random % 255) - 127);
    return;
  case Element::U6:
    *to = static_cast<uint8_t>(random % 64);
    return;
  case Element::I32:
    return;
  }
}

/// So that buffers of a case hold different numbers.
static uint64_t seedOf(const std::string &name) {
  uint64_t seed = 0;
  for (char c : name)
    seed = mix(seed ^ static_cast<uint8_t>(c));
  return seed;
}

/// What only has the same byte everywhere repeats after this many.
static constexpr uint64_t kFillBytes = 1 << 20;

std::vector<uint8_t> cases::contentsOf(
    const Buffer &buffer,
    const std::function<uint64_t(const std::string &)> &addressOf) {
  uint64_t period = buffer.period;
  if (buffer.parts.empty() && buffer.words.empty() && buffer.integers.empty())
    period = kFillBytes;
  uint64_t size = period ? std::min(period, buffer.bytes) : buffer.bytes;
  std::vector<uint8_t> data(size, buffer.fill);
  uint64_t seed = seedOf(buffer.name);
  // What does not fit is not there: a buffer may be shorter than its period.
  for (const Part &part : buffer.parts) {
    uint64_t each = sizeOf(part.element);
    for (uint64_t at = part.offset;
         at < size && each <= size - at && at - part.offset < part.bytes;
         at += each)
      store(data.data() + at, part, mix(seed ^ at));
  }
  for (size_t i = 0; i < std::min<size_t>(buffer.words.size(), size / 8); ++i) {
    const Word &word = buffer.words[i];
    uint64_t value =
        word.value + (word.buffer.empty() ? 0 : addressOf(word.buffer));
    memcpy(data.data() + 8 * i, &value, 8);
  }
  if (!buffer.integers.empty())
    memcpy(data.data(), buffer.integers.data(),
           std::min<size_t>(4 * buffer.integers.size(), size));
  return data;
}

std::string cases::findDifference(const Check &check, const uint8_t *found,
                                  const float *expected, double &worst) {
  uint64_t each = sizeOf(check.element);
  for (uint64_t i = 0; i < check.count; ++i) {
    double value = decode(found + i * each, check.element);
    double wanted = expected[2 * i], allowed = expected[2 * i + 1];
    double error = std::fabs(value - wanted);
    if (error <= allowed) {
      if (allowed > 0)
        worst = std::max(worst, error / allowed);
      continue;
    }
    char text[256];
    snprintf(text, sizeof text,
             "%s: the element at byte %llu is %.9g, expected %.9g, give or "
             "take %.3g",
             check.buffer.c_str(),
             static_cast<unsigned long long>(check.offset + i * each), value,
             wanted, allowed);
    return text;
  }
  return "";
}
