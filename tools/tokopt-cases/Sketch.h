//===- Sketch.h - A case before it is compiled ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_CASES_SKETCH_H_
#define TOOLS_TOKOPT_CASES_SKETCH_H_

#include "tools/KernelCases/Case.h"
#include "tools/KernelCases/Content.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tokopt {

/// A number that must come out, and how far from it one may be.
struct ExpectedNumber {
  double value, allowed;
};

/// What the buffers of a case hold before it runs.
class Contents {
public:
  explicit Contents(const cases::Case &given);

  /// The numbers of one buffer, which live as long as the contents.
  struct View {
    const std::vector<uint8_t> &bytes;
    double get(uint64_t offset, cases::Element element) const {
      return cases::decode(bytes.data() + offset % bytes.size(), element);
    }
  };
  View operator[](const std::string &buffer) const {
    return {buffers.at(buffer)};
  }

private:
  std::map<std::string, std::vector<uint8_t>> buffers;
};

/// A case, and what is needed to make it whole.
struct Sketch {
  /// Its images, with threads, shared memory and the grid, follow from the
  /// kernel.
  cases::Case given;
  /// A module with one `tok.kernel` or one function with `tok.launch`.
  std::string module;
  /// The buffers with the pages of the caches that the kernel takes maps of.
  std::vector<std::string> caches;
  /// The only architecture that has its instructions; empty where all have.
  std::string architecture;
  /// Rows that blocks share; 0 where `blocks` says how many there are.
  int64_t rows = 0;
  uint32_t blocks = 1;
  /// Whether every architecture gives the same bits, those of the simulator.
  bool isExact = false;
  /// What each check is of, for messages; empty where their buffers say it.
  std::vector<std::string> parts;
  /// The numbers of all checks, in order; null where only the simulator says
  /// them, so the case is small and exact.
  std::function<std::vector<ExpectedNumber>(const Contents &)> reference;
};

/// A sketch of a single instruction, which is exact, small and recorded; for
/// every architecture, or for `architecture` alone.
Sketch sketchInstruction(std::string name, std::string module,
                         std::string architecture = "");

/// Attention over pages: decode in f32, and prefill on tensor cores.
void addAttention(std::vector<Sketch> &sketches);
/// What is generated from the region of a row: norms, and rows that go to
/// pages.
void addRowwise(std::vector<Sketch> &sketches);
/// Products with packed weights.
void addLinear(std::vector<Sketch> &sketches);
/// How fast memory is read.
void addStreams(std::vector<Sketch> &sketches);
/// One instruction each, whose results are recorded: of a warp, of a warpgroup,
/// and copies of boxes.
void addInstructions(std::vector<Sketch> &sketches);
void addWarpgroupInstructions(std::vector<Sketch> &sketches);
void addTensorInstructions(std::vector<Sketch> &sketches);

/// Compiles `sketch` for every architecture, runs it in the simulator if it is
/// small, and writes its images and the numbers that must come out to `folder`.
/// Fails where the simulator reports something, or the numbers that it gives
/// are not those of the reference.
llvm::Expected<cases::Case> produce(const Sketch &sketch, llvm::StringRef ptxas,
                                    llvm::StringRef folder);

/// The bytes of all checks as the simulator gives them for the first
/// architecture that the sketch is for.
llvm::Expected<std::vector<std::vector<uint8_t>>>
simulate(const Sketch &sketch);

/// Compares what a GPU gave, as `tokopt-launch --record` writes it to files of
/// `folder`, with what the simulator gives, bit for bit. Says on `os` what is
/// equal.
llvm::Error replay(const std::vector<Sketch> &sketches, llvm::StringRef folder,
                   llvm::raw_ostream &os);

/// Rows of a buffer begin at multiples of 64 bytes.
inline uint64_t rowBytesOf(uint64_t columns, cases::Element element) {
  return (columns * cases::sizeOf(element) + 63) / 64 * 64;
}

} // namespace tokopt

#endif // TOOLS_TOKOPT_CASES_SKETCH_H_
