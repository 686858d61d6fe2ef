//===- PanelFormats.cpp - Packed weights, as they lie in memory -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/PanelFormats.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace tokopt;
using namespace cases;
using View = Contents::View;

/// Bytes of a line, of the nibbles of 32 columns, and of a number for each row.
static constexpr uint64_t kLine = 64, kNibbles = 4 * kLine,
                          kNumbers = 2 * kPanel, kBytes = kPanel;

static uint8_t byteAt(const View &panels, uint64_t at) {
  return static_cast<uint8_t>(static_cast<int>(panels.get(at, Element::I8)));
}

/// Where a line has the byte of a column, 0 to 3, of a row.
static uint64_t inLine(int64_t row, int64_t column) {
  return row * 4 + column % 4;
}

/// Of 32 columns, whose bytes hold columns k and k + 16.
static int nibbleAt(const View &panels, uint64_t at, int64_t row,
                    int64_t column) {
  int64_t k = column % 16;
  uint8_t pair = byteAt(panels, at + k / 4 * kLine + inLine(row, k));
  return column < 16 ? pair & 15 : pair >> 4;
}

static double halfAt(const View &panels, uint64_t at, int64_t row) {
  return panels.get(at + 2 * row, Element::F16);
}

static Weight exactly(double value) { return {value, std::fabs(value)}; }

static Weight sumOf(double scaled, double offset) {
  return {scaled + offset, std::fabs(scaled) + std::fabs(offset)};
}

static Part bytes(uint64_t at, uint64_t count) {
  return {at, count, Element::I8, 0};
}
static Part halves(uint64_t at) { return {at, kNumbers, Element::F16, -4}; }

//===----------------------------------------------------------------------===//
// Blocks of 32
//===----------------------------------------------------------------------===//

static void fillQ4_0(uint64_t at, std::vector<Part> &parts) {
  parts.push_back(bytes(at, kNibbles));
  parts.push_back(halves(at + kNibbles));
}
static Weight getQ4_0(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  return exactly(halfAt(panels, at + kNibbles, row) *
                 (nibbleAt(panels, at, row, column) - 8));
}

static void fillQ4_1(uint64_t at, std::vector<Part> &parts) {
  fillQ4_0(at, parts);
  parts.push_back(halves(at + kNibbles + kNumbers));
}
static Weight getQ4_1(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  return sumOf(halfAt(panels, at + kNibbles, row) *
                   nibbleAt(panels, at, row, column),
               halfAt(panels, at + kNibbles + kNumbers, row));
}

static void fillQ5_0(uint64_t at, std::vector<Part> &parts) {
  parts.push_back(bytes(at, kNibbles + kLine));
  parts.push_back(halves(at + kNibbles + kLine));
}
static Weight getQ5_0(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  // A fifth bit of each column: byte j of a row has those of 4 i + j.
  uint8_t fifths = byteAt(panels, at + kNibbles + inLine(row, column));
  int q = nibbleAt(panels, at, row, column) | (fifths >> column / 4 & 1) << 4;
  return exactly(halfAt(panels, at + kNibbles + kLine, row) * (q - 16));
}

static void fillQ8_0(uint64_t at, std::vector<Part> &parts) {
  parts.push_back(bytes(at, 2 * kNibbles));
  parts.push_back(halves(at + 2 * kNibbles));
}
static Weight getQ8_0(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  int q = byteAt(panels, at + column / 4 * kLine + inLine(row, column));
  return exactly(halfAt(panels, at + 2 * kNibbles, row) * (q - 128));
}

//===----------------------------------------------------------------------===//
// Blocks of 256: eight times 32 columns behind what belongs to all
//===----------------------------------------------------------------------===//

static constexpr uint64_t kSubQ4_K = kNibbles + 2 * kBytes,
                          kSubQ6_K = kNibbles + 2 * kLine + 2 * kBytes;

static void fillQ4_K(uint64_t at, std::vector<Part> &parts) {
  parts.push_back(halves(at));
  parts.push_back(halves(at + kNumbers));
  for (uint64_t sub = 0; sub < 8; ++sub) {
    uint64_t begin = at + 2 * kNumbers + sub * kSubQ4_K;
    parts.push_back(bytes(begin, kNibbles));
    parts.push_back({begin + kNibbles, 2 * kBytes, Element::U6, 0});
  }
}
static Weight getQ4_K(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  uint64_t sub = at + 2 * kNumbers + column / 32 * kSubQ4_K,
           scales = sub + kNibbles + row;
  return sumOf(halfAt(panels, at, row) * panels.get(scales, Element::U6) *
                   nibbleAt(panels, sub, row, column % 32),
               -halfAt(panels, at + kNumbers, row) *
                   panels.get(scales + kBytes, Element::U6));
}

static void fillQ6_K(uint64_t at, std::vector<Part> &parts) {
  parts.push_back(halves(at));
  parts.push_back(bytes(at + kNumbers, 8 * kSubQ6_K));
}
static Weight getQ6_K(const View &panels, uint64_t at, int64_t row,
                      int64_t column) {
  uint64_t sub = at + kNumbers + column / 32 * kSubQ6_K, k = column % 32,
           high = sub + kNibbles + k / 16 * kLine,
           scale = sub + kNibbles + 2 * kLine + k / 16 * kBytes + row;
  // Two high bits of each column: byte j of a row has those of 4 i + j.
  int bits = byteAt(panels, high + inLine(row, column)) >> 2 * (k % 16 / 4) & 3;
  int q = nibbleAt(panels, sub, row, column % 32) | bits << 4;
  return exactly(halfAt(panels, at, row) * panels.get(scale, Element::I8) *
                 (q - 32));
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

template <Element element>
static void fillNumbers(uint64_t at, std::vector<Part> &parts) {
  parts.push_back({at, kNumbers, element, 0});
}
template <Element element>
static Weight getNumber(const View &panels, uint64_t at, int64_t row, int64_t) {
  return exactly(panels.get(at + 2 * row, element));
}

llvm::ArrayRef<PanelFormat> tokopt::getPanelFormats() {
  static constexpr PanelFormat kFormats[] = {
      {"q4_0", "!tok.q4_0", 32, kNibbles + kNumbers, fillQ4_0, getQ4_0},
      {"q4_1", "!tok.q4_1", 32, kNibbles + 2 * kNumbers, fillQ4_1, getQ4_1},
      {"q5_0", "!tok.q5_0", 32, kNibbles + kLine + kNumbers, fillQ5_0, getQ5_0},
      {"q8_0", "!tok.q8_0", 32, 2 * kNibbles + kNumbers, fillQ8_0, getQ8_0},
      {"q4_k", "!tok.q4_k", 256, 2 * kNumbers + 8 * kSubQ4_K, fillQ4_K,
       getQ4_K},
      {"q6_k", "!tok.q6_k", 256, kNumbers + 8 * kSubQ6_K, fillQ6_K, getQ6_K},
      {"f16", "f16", 1, kNumbers, fillNumbers<Element::F16>,
       getNumber<Element::F16>},
      {"bf16", "bf16", 1, kNumbers, fillNumbers<Element::BF16>,
       getNumber<Element::BF16>},
  };
  return kFormats;
}

const PanelFormat &tokopt::findPanelFormat(llvm::StringRef name) {
  return *llvm::find_if(getPanelFormats(), [&](const PanelFormat &format) {
    return format.name == name;
  });
}
