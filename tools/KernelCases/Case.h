//===- Case.h - A kernel with what it is run on -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `tokopt-cases` writes, with the compiler, and `tokopt-launch` runs, on a
// machine with a GPU and without one: a folder with `cases.json`, the kernels,
// and the numbers that must come out. A case says everything as data; who runs
// it knows nothing of attention or norms.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_KERNELCASES_CASE_H_
#define TOOLS_KERNELCASES_CASE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace cases {

/// How a number lies in memory, and which are made up for it.
enum class Element {
  F32,   // multiples of 2^-23 in [-1, 1)
  F16,   // multiples of 2^-10 in [-1, 1)
  BF16,  // multiples of 2^-7 in [-1, 1)
  I8,    // -127 to 127
  U6,    // a byte, 0 to 63
  Scale, // f32, multiples of 2^-23 in [0.5, 1)
  I32,   // for results; none are made up
};

/// Numbers in each period of a buffer. Other bytes of it are as the buffer
/// says.
struct Part {
  uint64_t offset, bytes;
  Element element;
  int exponent; // numbers are times 2^exponent
  /// Of f16 and bf16: their bits without the sign, 0 for as many as the format
  /// has. With as many as `exponent` says, numbers are whole.
  int bits = 0;
};

/// A number, or the address of a byte of a buffer.
struct Word {
  std::string buffer; // empty for a number
  uint64_t value;     // the number, or the offset
};

/// Memory, and what it holds before the kernel runs: `fill` in every byte, and
/// then parts, or words, or integers.
struct Buffer {
  std::string name;
  uint64_t bytes = 0;
  uint8_t fill = 0xff;
  /// Contents repeat after so many bytes; 0 where they do not.
  uint64_t period = 0;
  std::vector<Part> parts;
  std::vector<Word> words;
  std::vector<int32_t> integers;
};

/// Elements of a buffer that must come out. The file of expected numbers has
/// two f32 for each: the number, and how far from it one may be.
struct Check {
  std::string buffer;
  uint64_t offset; // in bytes
  Element element;
  uint64_t count;
};

/// What a case that is timed does.
struct Timing {
  uint64_t bytes = 0;    // that must be read and written
  double operations = 0; // multiplications and additions
  std::string title;
};

/// A tensor of which a kernel copies boxes (CUDA driver API,
/// cuTensorMapEncodeTiled). Dimensions begin with the innermost, whose elements
/// lie side by side.
struct TensorMap {
  Word address;    // in a buffer
  Element element; // F32, F16, BF16 or I8
  /// Elements of each dimension, and of a box.
  std::vector<uint64_t> sizes;
  std::vector<uint32_t> box;
  /// Bytes from an element to the next, of all dimensions but the innermost.
  std::vector<uint64_t> strides;
  uint32_t swizzle; // bytes in which chunks are exchanged: 0, 32, 64 or 128
};

/// A kernel for one architecture, or as PTX, and how it is launched.
struct Image {
  std::string name; // of the file, behind that of the case: sm_80.cubin
  uint32_t grid[3] = {1, 1, 1};
  uint32_t threads = 1, sharedBytes = 0;
  /// Blocks in z: any number up to this gives the same bits. 1 where the grid's
  /// is given.
  uint32_t splits = 1;
  /// What it takes behind the case's arguments.
  std::vector<TensorMap> maps = {};
};

struct Case {
  std::string name;
  std::string kernel; // the function
  std::vector<Image> images;
  std::vector<Buffer> buffers;
  std::vector<Word> arguments;
  std::vector<Check> checks;
  /// Whether it is short enough for tools that are a thousand times slower.
  bool isSmall = false;
  /// Whether what comes out is recorded, for the simulator to reproduce.
  bool isRecorded = false;
  bool isTimed = false;
  Timing timing;
};

struct Folder {
  /// The state of the sources.
  std::string source;
  std::vector<Case> cases;
};

inline constexpr char kCasesFile[] = "cases.json";
/// Behind a case's name.
inline constexpr char kExpectedSuffix[] = ".expected";

/// Bytes of a map as an argument, and what it is aligned to (CUtensorMap).
inline constexpr uint64_t kMapBytes = 128, kMapAlignment = 64;
/// Blocks in z beyond which no GPU goes.
inline constexpr uint32_t kMostSplits = 65535;

/// What is wrong with a folder, in words; empty if nothing is. Names are those
/// of buffers that there are, and all lies within them.
std::string findProblem(const Folder &folder);

/// The folder as JSON, and back. What cannot be read, and what is wrong, is
/// told in `error`.
std::string toJson(const Folder &folder);
bool fromJson(const std::string &text, Folder &out, std::string &error);

} // namespace cases

#endif // TOOLS_KERNELCASES_CASE_H_
