//===- FakeImage.h - What an image says of its kernels ----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parameters of kernels, as a driver finds them: in a cubin, the section
// .nv.info of a kernel has an entry for each, with its place in the device's
// layout; in PTX, they stand in the head of the kernel.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKEIMAGE_H_
#define TEST_RUNTIME_CUDA_FAKEIMAGE_H_

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <map>
#include <string>
#include <vector>

namespace fake {

struct Parameter {
  size_t offset, bytes;
};
using Parameters = std::vector<Parameter>;
using KernelParameters = std::map<std::string, Parameters>;

/// Of 8 bytes each but for the last.
inline Parameters makeParameters(int bytes) {
  Parameters made;
  for (int at = 0; at < bytes; at += 8)
    made.push_back({size_t(at), size_t(bytes - at < 8 ? bytes - at : 8)});
  return made;
}

/// A section .nv.info.NAME: entries of a format, an attribute, and a value of
/// 16 bits or, in format 4, so many bytes. Attribute 0x17 is of a parameter:
/// among others its number, its offset, and in the upper 14 bits its size.
inline Parameters readInfo(const char *at, const char *end) {
  constexpr uint8_t kSized = 4, kParameter = 0x17;
  std::map<uint16_t, Parameter> found;
  while (end - at >= 4) {
    uint16_t value;
    memcpy(&value, at + 2, sizeof value);
    if (at[0] == kSized && at[1] == kParameter) {
      struct {
        uint32_t index;
        uint16_t number, offset;
        uint32_t flags;
      } entry;
      memcpy(&entry, at + 4, sizeof entry);
      found[entry.number] = {entry.offset, entry.flags >> 18};
    }
    at += 4 + (at[0] == kSized ? value : 0);
  }
  Parameters parameters;
  for (const auto &[number, parameter] : found)
    parameters.push_back(parameter);
  return parameters;
}

inline KernelParameters readCubin(const char *image) {
  constexpr char kPrefix[] = ".nv.info.";
  KernelParameters kernels;
  Elf64_Ehdr header;
  memcpy(&header, image, sizeof header);
  auto sectionAt = [&](size_t number) {
    Elf64_Shdr section;
    memcpy(&section, image + header.e_shoff + number * sizeof section,
           sizeof section);
    return section;
  };
  for (size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section = sectionAt(i);
    std::string name =
        image + sectionAt(header.e_shstrndx).sh_offset + section.sh_name;
    const char *from = image + section.sh_offset;
    if (name.rfind(kPrefix, 0) == 0)
      kernels[name.substr(strlen(kPrefix))] =
          readInfo(from, from + section.sh_size);
  }
  return kernels;
}

/// A parameter of PTX, which goes where those before it end: `.param .u64
/// NAME`,
/// `.param .u64 .ptr .global .align 1 NAME`, `.param .align 64 .b8 NAME[128]`.
inline Parameter readParameter(const std::string &text, size_t end) {
  auto numberAt = [&](size_t at) {
    return size_t(strtoul(text.c_str() + at, nullptr, 10));
  };
  size_t type = 0;
  while (!strchr("bfsu", text[type + 1]) || !isdigit(text[type + 2]))
    type = text.find('.', type + 1);
  size_t bytes = numberAt(type + 2) / 8, alignment = bytes;
  constexpr char kAlign[] = ".align ";
  // Behind a pointer's type it is that of the memory.
  if (size_t align = text.find(kAlign); align < type)
    alignment = numberAt(align + strlen(kAlign));
  if (size_t array = text.find('['); array != std::string::npos)
    bytes *= numberAt(array + 1);
  return {(end + alignment - 1) / alignment * alignment, bytes};
}

/// `.entry NAME(PARAMETER, ...)`
inline KernelParameters readPtx(const std::string &text) {
  constexpr char kEntry[] = ".entry ";
  KernelParameters kernels;
  for (size_t at = text.find(kEntry); at != std::string::npos;
       at = text.find(kEntry, at + 1)) {
    size_t name = at + strlen(kEntry), open = text.find('(', name),
           close = text.find(')', open);
    Parameters &parameters = kernels[text.substr(name, open - name)];
    size_t end = 0;
    for (size_t next = text.find(".param", open); next < close;
         next = text.find(".param", next + 1)) {
      size_t length = std::min(text.find(',', next), close) - next;
      parameters.push_back(readParameter(text.substr(next, length), end));
      end = parameters.back().offset + parameters.back().bytes;
    }
  }
  return kernels;
}

/// Nothing where it is the head of a cubin only.
inline KernelParameters readParameters(const char *image) {
  return memcmp(image, ELFMAG, SELFMAG) == 0 ? readCubin(image)
                                             : readPtx(image);
}

} // namespace fake

#endif // TEST_RUNTIME_CUDA_FAKEIMAGE_H_
