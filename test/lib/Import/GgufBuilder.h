//===- GgufBuilder.h - Spells GGUF files for tests --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes fields as it is told to, right or wrong.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_IMPORT_GGUFBUILDER_H
#define TOKOPT_TEST_LIB_IMPORT_GGUFBUILDER_H

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tokopt::gguf {

/// Builds the bytes of a file from front to back.
class Builder {
public:
  explicit Builder(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    bytes = "GGUF";
    u32(version).u64(tensors).u64(keys);
  }

  Builder &u32(uint32_t value) { return little(value, 4); }
  Builder &u64(uint64_t value) { return little(value, 8); }
  Builder &string(std::string_view text) {
    u64(text.size());
    bytes += text;
    return *this;
  }

  /// The head of a key's record; its value follows.
  Builder &key(std::string_view name, uint32_t type) {
    return string(name).u32(type);
  }

  Builder &tensor(std::string_view name, std::initializer_list<uint64_t> dims,
                  uint32_t format, uint64_t offset) {
    string(name).u32(dims.size());
    for (uint64_t size : dims)
      u64(size);
    return u32(format).u64(offset);
  }

  Builder &data(uint64_t size, uint64_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment + size);
    return *this;
  }

  std::string bytes;

private:
  Builder &little(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> 8 * i);
    return *this;
  }
};

} // namespace tokopt::gguf

#endif // TOKOPT_TEST_LIB_IMPORT_GGUFBUILDER_H
