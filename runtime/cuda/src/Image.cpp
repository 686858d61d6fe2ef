//===- Image.cpp - What a kernel image says of itself ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Image.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string_view>

using namespace tokrt::cuda;

/// EM_CUDA; older headers of the system lack it.
static constexpr uint16_t kMachine = 190;
/// From this ABI version on, the capability is in the second byte of the flags;
/// before, it is in the first (llvm/BinaryFormat/ELF.h, EF_CUDA_SM_MASK).
static constexpr uint8_t kSecondByteAbi = 8;
/// What the tools write into the section .note.nv.tkinfo.
static constexpr std::string_view kRelease = "Cuda compilation tools, release ";

/// The number at the beginning of `text`, which is moved behind it.
static int readNumber(std::string_view &text) {
  int number = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9' && number < 1000) {
    number = 10 * number + (text[0] - '0');
    text.remove_prefix(1);
  }
  return number;
}

/// The end of a table of a file; one that is beyond all files for numbers that
/// are too large to add.
static uint64_t endOf(uint64_t offset, uint64_t bytes) {
  return offset > UINT64_MAX - bytes ? UINT64_MAX : offset + bytes;
}

/// The end of the last part that the header tells of.
static uint64_t findEnd(const void *data, size_t size,
                        const Elf64_Ehdr &header) {
  uint64_t end = sizeof header;
  if (header.e_phnum)
    end = std::max(end, endOf(header.e_phoff,
                              uint64_t(header.e_phnum) * header.e_phentsize));
  if (!header.e_shnum)
    return end;
  end = std::max(end, endOf(header.e_shoff,
                            uint64_t(header.e_shnum) * header.e_shentsize));
  Elf64_Shdr section;
  if (end > size || header.e_shentsize < sizeof section)
    return end;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    memcpy(&section,
           static_cast<const char *>(data) + header.e_shoff +
               i * header.e_shentsize,
           sizeof section);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL)
      end = std::max(end, endOf(section.sh_offset, section.sh_size));
  }
  return end;
}

Image tokrt::cuda::readImage(const void *data, size_t size) {
  Image image;
  std::string_view text(static_cast<const char *>(data), size);
  // The zero byte that ends a text may be counted in.
  size_t last = text.find_last_not_of('\0');
  image.isText = last != std::string_view::npos &&
                 text.substr(0, last).find('\0') == std::string_view::npos;
  Elf64_Ehdr header;
  if (size < sizeof header)
    return image;
  memcpy(&header, data, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_machine != kMachine)
    return image;
  image.isCubin = true;
  bool inSecond = header.e_ident[EI_ABIVERSION] >= kSecondByteAbi;
  image.capability = (header.e_flags >> (inSecond ? 8 : 0)) & 0xff;
  image.end = findEnd(data, size, header);
  if (size_t at = text.find(kRelease); at != std::string_view::npos) {
    text.remove_prefix(at + kRelease.size());
    image.toolkit = 1000 * readNumber(text);
    if (!text.empty() && text[0] == '.') {
      text.remove_prefix(1);
      image.toolkit += 10 * readNumber(text);
    }
  }
  return image;
}
