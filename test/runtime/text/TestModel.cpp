//===- TestModel.cpp - Files that the tests read --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModel.h"

#include "Metadata.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace tokrt::text {

namespace {

/// Takes values off the front of a file that is known to be good.
class HeadReader {
public:
  explicit HeadReader(std::string_view bytes) : bytes(bytes) {}

  size_t position = 0;

  template <typename T>
  T read() {
    if (bytes.size() - position < sizeof(T))
      throw std::runtime_error("the model file ends inside its head");
    T value = loadUnaligned<T>(bytes.data() + position);
    position += sizeof(T);
    return value;
  }

  void skip(uint64_t size) {
    if (bytes.size() - position < size)
      throw std::runtime_error("the model file ends inside its head");
    position += size;
  }

  void skipString() { skip(read<uint64_t>()); }

  void skipValue(MetadataType type) {
    switch (type) {
    case MetadataType::String:
      return skipString();
    case MetadataType::Array: {
      MetadataType element = read<MetadataType>();
      for (uint64_t count = read<uint64_t>(); count; --count)
        skipValue(element);
      return;
    }
    case MetadataType::UInt8:
    case MetadataType::Int8:
    case MetadataType::Bool:
      return skip(1);
    case MetadataType::UInt16:
    case MetadataType::Int16:
      return skip(2);
    case MetadataType::UInt32:
    case MetadataType::Int32:
    case MetadataType::Float32:
      return skip(4);
    default:
      return skip(8);
    }
  }

private:
  std::string_view bytes;
};

/// The records of a GGUF file that begins with `bytes`.
std::string recordsOf(std::string_view bytes) {
  HeadReader reader(bytes);
  reader.skip(16); // magic, version, number of tensors
  uint64_t count = reader.read<uint64_t>();
  size_t begin = reader.position;
  for (; count; --count) {
    reader.skipString();
    reader.skipValue(reader.read<MetadataType>());
  }
  return std::string(bytes.substr(begin, reader.position - begin));
}

/// At most the first `limit` bytes of a file, or nothing if it is not there.
std::string readFile(const std::filesystem::path &path,
                     uintmax_t limit = UINTMAX_MAX) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return "";
  std::string bytes(std::min(std::filesystem::file_size(path), limit), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

std::filesystem::path modelsFolder() {
  if (const char *folder = getenv("TOKOPT_MODELS"))
    return folder;
  const char *home = getenv("HOME");
  return std::filesystem::path(home ? home : ".") / ".cache/tokopt/models";
}

} // namespace

std::string readInput(const std::string &name) {
  std::string bytes =
      readFile(std::filesystem::path(TOKOPT_TEST_INPUTS) / name);
  if (bytes.empty())
    throw std::runtime_error("cannot read test/Inputs/" + name);
  return bytes;
}

std::string readModelMetadata(const std::vector<std::string> &files) {
  constexpr uintmax_t kHeadBytes = 16 << 20; // longer than any head here
  for (const std::string &name : files) {
    std::filesystem::path path = modelsFolder() / name;
    std::string bytes = readFile(path, kHeadBytes);
    if (!bytes.empty())
      return path.extension() == ".kv" ? bytes : recordsOf(bytes);
  }
  return "";
}

} // namespace tokrt::text
