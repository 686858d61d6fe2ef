//===- Bundle.h - The file a compilation produces ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/bundle.md is the specification; this is the writer's side of it. The
// order of work is: add every weight to a `WeightImage`, which says where it
// will lie; generate code that contains those offsets; fill in a `Manifest`;
// call `writeBundle`, which links the code and streams the weights.
//
// Nothing here depends on MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_BUNDLE_H
#define TOKOPT_BUNDLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tokopt {

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// How the numbers of a matrix are stored, in the model file and packed.
enum class Format { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q8_0, Q4_K, Q6_K };

struct FormatInfo {
  /// The name in IR, manifest and documentation, such as `q4_0`.
  llvm::StringLiteral name;
  /// Consecutive columns that share a block.
  int64_t blockColumns;
  /// Bytes of a block of one row in the model file.
  int64_t sourceBlockBytes;
  /// Bytes of a block of a panel (16 rows) in the bundle.
  int64_t packedBlockBytes;
};

const FormatInfo &getFormatInfo(Format format);
std::optional<Format> parseFormat(llvm::StringRef name);

/// Rows of a panel.
constexpr int64_t kPanelRows = 16;
/// Every matrix and vector of the weight image starts at a multiple of this.
constexpr int64_t kWeightAlignment = 64;

//===----------------------------------------------------------------------===//
// Where weights come from
//===----------------------------------------------------------------------===//

/// A model file, mapped into memory for reading.
class SourceFile {
public:
  static llvm::Expected<std::shared_ptr<const SourceFile>>
  open(llvm::StringRef path);

  llvm::StringRef getPath() const { return path; }
  llvm::ArrayRef<uint8_t> getBytes() const;

private:
  SourceFile(llvm::StringRef path, std::unique_ptr<llvm::MemoryBuffer> buffer);

  std::string path;
  std::unique_ptr<llvm::MemoryBuffer> buffer;
};

/// A range of a model file. It may be wrong: whoever takes one checks it.
struct SourceRange {
  std::shared_ptr<const SourceFile> file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  /// The tensor it belongs to, for messages.
  std::string name;
};

/// Takes packed bytes piece by piece.
using ByteSink = llvm::function_ref<llvm::Error(llvm::ArrayRef<uint8_t>)>;

/// One item of the weight image: how many bytes it has, and the bytes when
/// they are needed. Weights that are computed rather than copied (expressions
/// over ranges of the model file) are further classes derived from this.
class WeightProducer {
public:
  virtual ~WeightProducer();
  /// Known before any byte is produced, and at most 2^62.
  virtual int64_t getBytes() const = 0;
  /// Gives exactly `getBytes()` bytes to `sink`, in pieces of any size.
  virtual llvm::Error produce(ByteSink sink) const = 0;
};

/// A matrix `[rows, columns]` of the model file, packed R16K4.
llvm::Expected<std::unique_ptr<WeightProducer>>
makeMatrixProducer(Format format, int64_t rows, int64_t columns,
                   SourceRange range);

/// A vector of the model file as f32, zero-filled to a multiple of 16.
/// `format` is f32 or f16.
llvm::Expected<std::unique_ptr<WeightProducer>>
makeVectorProducer(Format format, int64_t elements, SourceRange range);

/// The bytes of `range` as they stand in the model file.
llvm::Expected<std::unique_ptr<WeightProducer>>
makeRawProducer(SourceRange range);

/// The contents of `.tok.weights`. Offsets are final when an item is added, so
/// code can be generated before a byte is packed.
class WeightImage {
public:
  /// Add an item behind all others and return its offset from the base of the
  /// weights. Fail if the range does not fit the shape or lies outside its
  /// file.
  llvm::Expected<int64_t> addMatrix(Format format, int64_t rows,
                                    int64_t columns, SourceRange range);
  llvm::Expected<int64_t> addVector(int64_t elements, SourceRange range,
                                    Format format = Format::F32);
  llvm::Expected<int64_t> add(std::unique_ptr<WeightProducer> producer);

  /// Total size, a multiple of 64.
  int64_t getBytes() const { return bytes; }

  /// Gives all bytes to `sink`, in order.
  llvm::Error produce(ByteSink sink) const;

private:
  std::vector<std::pair<int64_t, std::unique_ptr<WeightProducer>>> items;
  int64_t bytes = 0;
};

/// Bytes of a packed matrix, or nothing if the shape does not suit the format
/// or the size overflows.
std::optional<int64_t> getPackedBytes(Format format, int64_t rows,
                                      int64_t columns);

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

/// The names of the frame's slots, in order.
llvm::ArrayRef<llvm::StringLiteral> getFrameSlots();

/// What the runtime has to know. Fields are as in docs/bundle.md; `frame`,
/// `levels`, `weights` and `format` are filled in by `writeBundle`.
struct Manifest {
  struct Cache {
    std::string name;
    int64_t slots = 0;
    int64_t pageBytes = 0;
  };
  struct Schedule {
    enum class Kind { Whole, Chunked, Layered };
    Kind kind = Kind::Whole;
    /// Rows of a step at most; not for `Whole`.
    int64_t budget = 0;
    /// `[begin, end)` of layers; for `Layered`.
    std::vector<std::pair<int64_t, int64_t>> groups;
  };
  struct Kernel {
    std::string name, family, config;
  };
  struct Pass {
    std::string name, options, contract;
  };
  /// What a probe of instrumented code looks at.
  struct Probe {
    int64_t kernel = 0;
    std::string label;
    /// The value's name, empty if it looks at none; then its type, columns and
    /// rows.
    std::string value, type;
    int64_t columns = 0;
    std::string rows;
  };

  /// What the bundle must give, as another one has given it: the logits of some
  /// sequences of ids.
  struct Goldens {
    struct Output {
      int64_t position = 0;
      /// Root mean square of all logits there.
      double rms = 0;
      /// Ids and their logits, best first.
      std::vector<std::pair<int64_t, double>> logits;
    };
    struct Sequence {
      std::vector<int64_t> ids;
      std::vector<Output> outputs;
    };
    /// Of the bundle that gave them.
    std::string producer;
    std::vector<Pass> passes;
    /// How far logits may be off, as a share of `rms` (docs/bundle.md).
    double tolerance = 0;
    std::vector<Sequence> sequences;
  };

  std::string producer;
  std::string backend;
  std::string arch, modelName;
  int64_t layers = 0, width = 0, vocab = 0, context = 0;
  int64_t workspaceRowBytes = 0, workspaceFixedBytes = 0;
  int64_t scratchBytes = 0;
  int64_t logitsStride = 0;
  std::vector<Cache> caches;
  Schedule schedule;
  /// File name without folders, so that equal models give equal bundles.
  std::string sourceName;
  int64_t sourceBytes = 0;
  /// XXH3-128 of the model file, 32 hex digits: `hashToHex(hashBytes(...))`.
  std::string sourceHash;
  std::vector<Kernel> kernels;
  std::vector<Pass> passes;
  /// By number; none if the code was not instrumented.
  std::vector<Probe> probes;
  /// What makes this bundle unfit for use, line by line: a test had its code
  /// changed.
  std::vector<std::string> altered;
  std::optional<Goldens> goldens;
};

/// Reads what `tokopt-run --print-goldens` wrote. `manifest` says of which
/// model they have to be; what does not fit it, or what no loader would take,
/// is an error that names `path` and the key. The tolerance is the caller's to
/// set.
llvm::Expected<Manifest::Goldens> readGoldens(llvm::StringRef path,
                                              const Manifest &manifest);

/// XXH3-128 with seed 0 in canonical (big-endian) form.
using Hash128 = std::array<uint8_t, 16>;
Hash128 hashBytes(llvm::ArrayRef<uint8_t> bytes);
std::string hashToHex(const Hash128 &hash);

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The code of one level: a relocatable object whose global symbols are
/// `<entry>.<level>`.
struct LevelCode {
  std::string name;
  std::vector<std::string> features;
  llvm::SmallVector<char, 0> object;
};

struct Bundle {
  Manifest manifest;
  /// In order of preference.
  std::vector<LevelCode> levels;
  /// Entry functions that each level must define.
  std::vector<std::string> entries = {"step"};
  /// The model file's key/value records.
  llvm::ArrayRef<uint8_t> metadata;
  const WeightImage *weights = nullptr;
};

struct BundleOptions {
  /// The linker to run; if empty, `ld.lld-22` or `ld.lld` from PATH.
  std::string linker;
};

/// Writes `bundle` to `path`. The file appears whole or not at all: on any
/// error, and if the process is interrupted, what was at `path` stays.
llvm::Error writeBundle(llvm::StringRef path, const Bundle &bundle,
                        const BundleOptions &options = {});

} // namespace tokopt

#endif // TOKOPT_BUNDLE_H
