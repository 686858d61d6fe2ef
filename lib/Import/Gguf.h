//===- Gguf.h - The structure of a GGUF file --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the header, the key/value records and the tensor table of a GGUF file
// (version 2 or 3, little-endian) from a memory map and checks everything a
// later step relies on. Nothing is copied: keys, strings and array elements
// are views into the map, and tensor data is never touched.
//
// Model files are untrusted. After `File::open` succeeds, every record and
// every tensor lies inside the file, names are unique, sizes have not
// overflowed, and tensors are aligned and do not overlap.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_IMPORT_GGUF_H
#define TOKOPT_LIB_IMPORT_GGUF_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tokopt::gguf {

/// Formats that can be imported. The numbers are the file's own.
enum class FormatId : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q8_0 = 8,
  Q4_K = 12,
  Q6_K = 14,
  BF16 = 30
};

/// How the elements of a tensor are stored.
struct Format {
  FormatId id;
  /// The mnemonic, for example `q4_1`.
  llvm::StringLiteral name;
  /// Consecutive elements of a row that share one block.
  uint32_t blockElements;
  uint32_t blockBytes;
};

/// All formats, in the order of their numbers.
llvm::ArrayRef<Format> getFormats();

const Format &getFormat(FormatId id);

/// Returns the format with the number `number`, or null when there is none.
const Format *lookupFormat(uint32_t number);

/// Value types of a key. The numbers are the file's own.
enum class ValueType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64
};

/// Returns the name messages use, for example `u32`.
llvm::StringRef getName(ValueType type);

/// One key/value record.
struct KeyValue {
  llvm::StringRef key;
  ValueType type;
  /// The type of the elements of an array; `type` for everything else.
  ValueType elementType;
  /// The number of elements of an array; 1 for everything else.
  uint64_t count;
  /// A string's characters, an array's encoded elements, a scalar's bytes.
  llvm::StringRef bytes;
};

/// One row of the tensor table.
struct Tensor {
  llvm::StringRef name;
  const Format *format;
  /// Sizes as the file lists them: the contiguous dimension first.
  llvm::SmallVector<int64_t, 4> dims;
  /// First byte of the data, counted from the start of the file.
  uint64_t offset;
  uint64_t bytes;
};

/// An open GGUF file. Views it hands out live as long as it does.
class File {
public:
  /// Maps and checks the file at `path`.
  static llvm::Expected<File> open(llvm::StringRef path);

  /// Checks a file that is already in memory. Its identifier is the name that
  /// messages use.
  static llvm::Expected<File> parse(std::unique_ptr<llvm::MemoryBuffer> data);

  llvm::StringRef getPath() const { return data->getBufferIdentifier(); }
  /// What a module calls the file: its path, unless said otherwise.
  llvm::StringRef getSourceName() const {
    return sourceName ? llvm::StringRef(*sourceName) : getPath();
  }
  void setSourceName(llvm::StringRef name) { sourceName = name.str(); }
  llvm::StringRef getData() const { return data->getBuffer(); }
  uint32_t getVersion() const { return version; }
  uint64_t getAlignment() const { return alignment; }

  llvm::ArrayRef<KeyValue> getKeyValues() const { return keyValues; }
  llvm::ArrayRef<Tensor> getTensors() const { return tensors; }

  /// The key/value records as they stand in the file. Their encoding is the
  /// same in versions 2 and 3.
  llvm::StringRef getMetadata() const {
    return getData().slice(metadataBegin, metadataEnd);
  }
  uint64_t getMetadataOffset() const { return metadataBegin; }

  /// Return null when there is none.
  const KeyValue *findKey(llvm::StringRef key) const;
  const Tensor *findTensor(llvm::StringRef name) const;

  /// Typed access to one key. A missing key, another type or a value out of
  /// `[min, max]` is an error that says so. Integers of every width are
  /// accepted, since writers differ.
  llvm::Expected<llvm::StringRef> getString(llvm::StringRef key) const;
  llvm::Expected<int64_t> getInteger(llvm::StringRef key, int64_t min,
                                     int64_t max) const;
  /// The value must be finite.
  llvm::Expected<double> getFloat(llvm::StringRef key) const;
  llvm::Expected<bool> getBool(llvm::StringRef key) const;
  /// The number of elements of the array `key`.
  llvm::Expected<uint64_t> getArraySize(llvm::StringRef key,
                                        ValueType elementType) const;

  /// Makes the error every import problem is reported with: where it is, what
  /// was found there, what was expected, and what the user can do.
  llvm::Error makeError(const llvm::Twine &where, const llvm::Twine &found,
                        const llvm::Twine &expected,
                        const llvm::Twine &remedy) const;

private:
  explicit File(std::unique_ptr<llvm::MemoryBuffer> data)
      : data(std::move(data)) {}

  llvm::Expected<const KeyValue *> getKey(llvm::StringRef key) const;
  llvm::Error makeTypeError(const KeyValue &value,
                            const llvm::Twine &expected) const;
  llvm::Error checkPlacement() const;

  std::unique_ptr<llvm::MemoryBuffer> data;
  std::optional<std::string> sourceName;
  uint32_t version = 0;
  uint64_t alignment = 0;
  uint64_t metadataBegin = 0;
  uint64_t metadataEnd = 0;
  std::vector<KeyValue> keyValues;
  std::vector<Tensor> tensors;
  llvm::DenseMap<llvm::StringRef, uint32_t> keyIndex;
  llvm::DenseMap<llvm::StringRef, uint32_t> tensorIndex;

  friend class Parser;
};

/// Quotes a name from the file for a message: escaped, and cut when long, so
/// that a hostile name cannot break the line or flood the terminal.
std::string quote(llvm::StringRef name);

} // namespace tokopt::gguf

#endif // TOKOPT_LIB_IMPORT_GGUF_H
