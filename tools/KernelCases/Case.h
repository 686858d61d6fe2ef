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

/// A kernel for one architecture, or as PTX, and how it is launched.
struct Image {
  std::string name; // of the file, behind that of the case: sm_80.cubin
  uint32_t grid[3] = {1, 1, 1};
  uint32_t threads = 1, sharedBytes = 0;
  /// Blocks in z: any number up to this gives the same bits. 1 where the grid's
  /// is given.
  uint32_t splits = 1;
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

/// The folder as JSON, and back. What cannot be read is told in `error`.
std::string toJson(const Folder &folder);
bool fromJson(const std::string &text, Folder &out, std::string &error);

} // namespace cases

#endif // TOOLS_KERNELCASES_CASE_H_
