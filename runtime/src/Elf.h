//===- Elf.h - Reading a bundle's ELF structure -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reader for exactly the shared objects that bundles are. It trusts nothing:
// every offset is checked against the file before it is followed, and what the
// format rules out (relocations, writable memory, symbols to be resolved) is
// refused, because nobody would carry it out.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_ELF_H_
#define TOKRT_SRC_ELF_H_

#include "tokrt/tokrt.h"

#include <elf.h>
#include <string>
#include <vector>

namespace tokrt {

/// A range of the file's bytes.
struct FileRange {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t end() const { return offset + size; }
};

struct ElfSection {
  std::string name;
  FileRange range;
};

/// A part of the file that is mapped to be read or run.
struct ElfSegment {
  FileRange range;
  uint64_t address = 0;
  bool executable = false;
};

/// Where things are in a bundle. The weights cut the file in three: the head
/// before them, the weights, and the tail after them, which is the section
/// headers. Everything but the weights is under the digest, so nothing that
/// this reader relies on may lie in them.
struct ElfFile {
  std::vector<ElfSection> sections; // those with bytes in the file
  std::vector<ElfSegment> segments; // ascending addresses
  FileRange note, metadata, weights;
};

/// Finds the sections. `fd` is the open file, `size` its length; `path` is for
/// messages.
tokrt_status_t readElfSections(int fd, uint64_t size, const char *path,
                               ElfFile *out, tokrt_error_t *error);

/// Checks what follows from the head, `[0, weights.offset)` of the file, and
/// finds the segments.
tokrt_status_t readElfSegments(const uint8_t *head, const char *path,
                               ElfFile *file, tokrt_error_t *error);

/// Reads exactly `range` of the file, or fails with a message.
tokrt_status_t readFile(int fd, FileRange range, void *out, const char *path,
                        tokrt_error_t *error);

} // namespace tokrt

#endif // TOKRT_SRC_ELF_H_
