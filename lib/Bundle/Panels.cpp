//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line of a panel is 16 words of 32 bits, word r from row r. Every format is
// therefore packed a word at a time: 4 consecutive weights of one row are read,
// their bits are put in place, and the word goes to lane r. No weight is ever
// looked at alone.
//
//===----------------------------------------------------------------------===//

#include "Panels.h"
#include "Blocks.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstring>
#include <vector>

using namespace tokopt;
using llvm::support::endian::read32le;
using llvm::support::endian::write32le;

static constexpr int64_t kLine = 64;

/// Writes a word to lane `row` of the line at `line`.
static void putWord(uint8_t *line, int64_t row, uint32_t word) {
  write32le(line + 4 * row, word);
}

/// Copies the 16-bit number at `source` to place `row` of a run of 16.
static void putHalf(uint8_t *run, int64_t row, const uint8_t *source) {
  std::memcpy(run + 2 * row, source, 2);
}

/// Four lines of nibbles from 16 bytes that hold weights k (low nibble) and
/// k + 16 (high nibble): exactly what a lane wants, so words are only moved.
static void putNibbles(uint8_t *lines, int64_t row, const uint8_t *nibbles) {
  for (int64_t line = 0; line < 4; ++line)
    putWord(lines + line * kLine, row, read32le(nibbles + 4 * line));
}

/// The same from two runs of 16 bytes, where `shift` (0 or 4) says which nibble
/// of each byte counts: `first` has weights 0..15, `second` weights 16..31.
static void putNibbles(uint8_t *lines, int64_t row, const uint8_t *first,
                       const uint8_t *second, unsigned shift) {
  for (int64_t line = 0; line < 4; ++line) {
    uint32_t low = read32le(first + 4 * line) >> shift & 0x0f0f0f0f;
    uint32_t high = read32le(second + 4 * line) >> shift & 0x0f0f0f0f;
    putWord(lines + line * kLine, row, low | high << 4);
  }
}

/// Block: d, 16 bytes of nibbles.
static void packQ4_0(const uint8_t *block, int64_t row, uint8_t *out) {
  putNibbles(out, row, block + 2);
  putHalf(out + 4 * kLine, row, block);
}

/// Block: d, m, 16 bytes of nibbles.
static void packQ4_1(const uint8_t *block, int64_t row, uint8_t *out) {
  putNibbles(out, row, block + 4);
  putHalf(out + 4 * kLine, row, block);
  putHalf(out + 4 * kLine + 32, row, block + 2);
}

/// Moves bit 4i + j to bit 8j + i: a transposition of 8 x 4 bits. Afterwards
/// the fifth bits of the weights in nibble line i are bit i of each byte.
static uint32_t transposeFifthBits(uint32_t bits) {
  uint32_t result = 0;
  for (unsigned line = 0; line < 8; ++line) {
    uint32_t four = bits >> (4 * line) & 0xf;
    // Bit j of `four` to bit 8j: the products do not overlap.
    result |= (four * 0x00204081 & 0x01010101) << line;
  }
  return result;
}

/// Block: d, 32 fifth bits (bit k for weight k), 16 bytes of nibbles.
static void packQ5_0(const uint8_t *block, int64_t row, uint8_t *out) {
  putNibbles(out, row, block + 6);
  putWord(out + 4 * kLine, row, transposeFifthBits(read32le(block + 2)));
  putHalf(out + 5 * kLine, row, block);
}

/// Block: d, 32 signed bytes.
static void packQ8_0(const uint8_t *block, int64_t row, uint8_t *out) {
  for (int64_t line = 0; line < 8; ++line)
    putWord(out + line * kLine, row,
            read32le(block + 2 + 4 * line) ^ 0x80808080);
  putHalf(out + 8 * kLine, row, block);
}

/// Block: d, dmin, 12 bytes of 6-bit scales and mins, 128 bytes of nibbles. A
/// run of 32 bytes holds sub-block 2c in its low and 2c + 1 in its high
/// nibbles.
static void packQ4_K(const uint8_t *block, int64_t row, uint8_t *out) {
  putHalf(out, row, block);
  putHalf(out + 32, row, block + 2);
  const uint8_t *scales = block + 4;
  for (int64_t sub = 0; sub < 8; ++sub) {
    uint8_t *lines = out + 64 + sub * (4 * kLine + 32);
    const uint8_t *nibbles = block + 16 + sub / 2 * 32;
    putNibbles(lines, row, nibbles, nibbles + 16, sub % 2 * 4);
    // The first four have their six bits in one byte; of the others four bits
    // lie in the third word and two on top of the first four's.
    uint8_t scale, min;
    if (sub < 4) {
      scale = scales[sub] & 63;
      min = scales[sub + 4] & 63;
    } else {
      scale = (scales[sub + 4] & 15) | scales[sub - 4] >> 6 << 4;
      min = scales[sub + 4] >> 4 | scales[sub] >> 6 << 4;
    }
    lines[4 * kLine + row] = scale;
    lines[4 * kLine + 16 + row] = min;
  }
}

/// Block: 128 bytes of low nibbles, 64 bytes of pairs of high bits, 16 signed
/// scales (one for 16 weights), d. In each half of 128 weights, sub-block t of
/// 4 has its nibbles in run t % 2 of 32 bytes (low nibbles if t < 2) and its
/// high bits at bit 2t of the half's 32 bytes.
static void packQ6_K(const uint8_t *block, int64_t row, uint8_t *out) {
  putHalf(out, row, block + 208);
  const uint8_t *scales = block + 192;
  for (int64_t sub = 0; sub < 8; ++sub) {
    int64_t half = sub / 4, quarter = sub % 4;
    uint8_t *lines = out + 32 + sub * (6 * kLine + 32);
    const uint8_t *nibbles = block + half * 64 + quarter % 2 * 32;
    putNibbles(lines, row, nibbles, nibbles + 16, quarter / 2 * 4);
    const uint8_t *pairs = block + 128 + half * 32;
    for (int64_t line = 0; line < 2; ++line) {
      uint32_t word = 0;
      for (int64_t i = 0; i < 4; ++i) {
        uint32_t four = read32le(pairs + 16 * line + 4 * i) >> (2 * quarter);
        word |= (four & 0x03030303) << (2 * i);
      }
      putWord(lines + (4 + line) * kLine, row, word);
    }
    lines[6 * kLine + row] = scales[half * 8 + quarter * 2];
    lines[6 * kLine + 16 + row] = scales[half * 8 + quarter * 2 + 1];
  }
}

/// Of bf16 too, whose bits move alike.
static void packF16(const uint8_t *block, int64_t row, uint8_t *out) {
  putHalf(out, row, block);
}

static void packF32(const uint8_t *block, int64_t row, uint8_t *out) {
  putWord(out, row, read32le(block));
}

/// Blocks outermost, so that the output is written once from start to end and
/// the 16 rows are read side by side.
template <Format format, void (*packRow)(const uint8_t *, int64_t, uint8_t *)>
static void packPanel(const uint8_t *const rows[kPanelRows], int64_t blocks,
                      uint8_t *out) {
  const int64_t sourceBytes = getFormatInfo(format).sourceBlockBytes;
  const int64_t packedBytes = getFormatInfo(format).packedBlockBytes;
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t row = 0; row < kPanelRows; ++row)
      packRow(rows[row] + block * sourceBytes, row, out + block * packedBytes);
}

PackPanel tokopt::getPackPanel(Format format) {
  switch (format) {
  case Format::F32:
    return packPanel<Format::F32, packF32>;
  case Format::F16:
    return packPanel<Format::F16, packF16>;
  case Format::BF16:
    return packPanel<Format::BF16, packF16>;
  case Format::Q4_0:
    return packPanel<Format::Q4_0, packQ4_0>;
  case Format::Q4_1:
    return packPanel<Format::Q4_1, packQ4_1>;
  case Format::Q5_0:
    return packPanel<Format::Q5_0, packQ5_0>;
  case Format::Q8_0:
    return packPanel<Format::Q8_0, packQ8_0>;
  case Format::Q4_K:
    return packPanel<Format::Q4_K, packQ4_K>;
  case Format::Q6_K:
    return packPanel<Format::Q6_K, packQ6_K>;
  }
  llvm_unreachable("unknown format");
}

//===----------------------------------------------------------------------===//
// Whole weights
//===----------------------------------------------------------------------===//

/// Enough to make a call to the sink cheap, small enough for the L1 cache.
static constexpr int64_t kPieceBytes = 16 * 1024;

llvm::Error tokopt::packMatrix(Format format, int64_t rows, int64_t columns,
                               GetRows getRows, ByteSink sink) {
  const FormatInfo &info = getFormatInfo(format);
  PackPanel pack = getPackPanel(format);
  int64_t blocks = columns / info.blockColumns;
  int64_t pieceBlocks =
      std::clamp<int64_t>(kPieceBytes / info.packedBlockBytes, 1, blocks);
  std::vector<uint8_t> piece(pieceBlocks * info.packedBlockBytes);
  // What stands in for the rows that fill the last panel.
  std::vector<uint8_t> zeroes(pieceBlocks * info.sourceBlockBytes);

  for (int64_t panel = 0; panel < rows; panel += kPanelRows) {
    const uint8_t *lanes[kPanelRows];
    int64_t present = std::min(kPanelRows, rows - panel);
    if (llvm::Error error = getRows(panel, present, lanes))
      return error;
    for (int64_t block = 0; block < blocks; block += pieceBlocks) {
      const uint8_t *pointers[kPanelRows];
      for (int64_t lane = 0; lane < kPanelRows; ++lane)
        pointers[lane] = lane < present
                             ? lanes[lane] + block * info.sourceBlockBytes
                             : zeroes.data();
      int64_t count = std::min(pieceBlocks, blocks - block);
      pack(pointers, count, piece.data());
      if (llvm::Error error = sink(
              llvm::ArrayRef(piece).take_front(count * info.packedBlockBytes)))
        return error;
    }
  }
  return llvm::Error::success();
}

llvm::Error tokopt::packVector(Format format, llvm::ArrayRef<uint8_t> source,
                               ByteSink sink) {
  int64_t bytes = getFormatInfo(format).sourceBlockBytes;
  int64_t elements = source.size() / bytes;
  DecodeBlock decode = getDecodeBlock(format);
  std::vector<uint8_t> piece;
  for (int64_t first = 0; first < elements; first += kPieceBytes / 4) {
    int64_t count = std::min(elements - first, kPieceBytes / 4);
    piece.assign(llvm::alignTo(count, kPanelRows) * sizeof(float), 0);
    if (format == Format::F32)
      std::memcpy(piece.data(), source.data() + first * 4, count * 4);
    else
      for (int64_t i = 0; i < count; ++i) {
        float value;
        decode(source.data() + (first + i) * bytes, &value);
        write32le(piece.data() + i * 4, llvm::bit_cast<uint32_t>(value));
      }
    if (llvm::Error error = sink(piece))
      return error;
  }
  return llvm::Error::success();
}

std::optional<int64_t> tokopt::getVectorBytes(Format format, int64_t elements) {
  if ((format != Format::F32 && format != Format::F16) || elements <= 0 ||
      elements >= int64_t(1) << 59)
    return std::nullopt;
  return llvm::alignTo(elements, kPanelRows) * sizeof(float);
}
