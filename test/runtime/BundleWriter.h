//===- BundleWriter.h - Bundles for the runtime's tests ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_BUNDLEWRITER_H_
#define TEST_RUNTIME_BUNDLEWRITER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

/// What a bundle is made of. Tests change a part and write the whole, so that
/// only what they mean to be wrong is wrong.
struct BundleParts {
  nlohmann::json manifest;
  std::optional<std::string> manifestText; // written instead of `manifest`
  std::vector<uint8_t> code;               // at address `codeAddress`
  std::vector<uint8_t> metadata;
  std::vector<uint8_t> weights;
  uint64_t codeAddress = 0x1000;
  uint32_t codeFlags = 5; // readable, executable
  uint16_t machine;
  /// Headers of sections that stand beside the usual ones: name, type, bytes.
  struct Extra {
    std::string name;
    uint32_t type;
    std::vector<uint8_t> bytes;
  };
  std::vector<Extra> extras;
  /// A program header of this type over the first extra section; 0 for none.
  uint32_t extraSegment = 0;
};

/// The fake model, sound in every part.
BundleParts fakeBundle();

/// The manifest's `probes` of the fake model, which `fakeBundle` leaves out:
/// its rows after each layer (64 bits as two numbers), and the logits.
nlohmann::json fakeProbes();

/// The bytes of the file, digest and weight hash filled in.
std::vector<uint8_t> assemble(BundleParts parts);

/// Writes the digest of the changed bytes of a bundle anew, so that what
/// follows the digest's check can be tested.
void sign(std::vector<uint8_t> &file);

/// Where the parts of an assembled bundle are.
struct BundleLayout {
  uint64_t note, metadata, weights, sectionHeaders;
};
BundleLayout layoutOf(const std::vector<uint8_t> &file);

/// A file in memory that has a path as long as this lives: thousands of them a
/// second, where a disk would be asked to keep each.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::vector<uint8_t> &bytes);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile &) = delete;
  const char *path() const { return name.c_str(); }

private:
  int fd;
  std::string name;
};

#endif // TEST_RUNTIME_BUNDLEWRITER_H_
