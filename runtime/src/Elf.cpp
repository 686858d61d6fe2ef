//===- Elf.cpp - Reading a bundle's ELF structure -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elf.h"
#include "Error.h"
#include "Memory.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <unistd.h>

using namespace tokrt;

#if defined(__x86_64__)
static constexpr uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr uint16_t kHostMachine = EM_AARCH64;
#else
#error "the runtime has no bundles for this machine"
#endif

/// Bundles have about ten of each; more is not one of ours.
static constexpr unsigned kMaxSections = 256;
static constexpr unsigned kMaxSegments = 32;
/// The address space that the segments of one bundle may span.
static constexpr uint64_t kMaxSpan = uint64_t(1) << 32;

static constexpr char kAgain[] =
    "the file is damaged or cut short; copy it again or compile it again";

tokrt_status_t tokrt::readFile(int fd, FileRange range, void *out,
                               const char *path, tokrt_error_t *error) {
  auto *to = static_cast<uint8_t *>(out);
  while (range.size) {
    // Linux moves at most 2 GiB a call; a smaller piece keeps it interruptible.
    size_t piece = range.size < (1u << 30) ? range.size : (1u << 30);
    ssize_t got = pread(fd, to, piece, static_cast<off_t>(range.offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail(error, TOKRT_IO, "%s: cannot read at byte %" PRIu64 ": %s",
                  path, range.offset, strerror(errno));
    if (got == 0)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: the file ends at byte %" PRIu64 ", expected %" PRIu64
                  " more; %s",
                  path, range.offset, range.size, kAgain);
    to += got;
    range.offset += static_cast<uint64_t>(got);
    range.size -= static_cast<uint64_t>(got);
  }
  return TOKRT_OK;
}

/// Whether `[offset, offset + size)` lies in `[0, limit)`.
static bool inside(uint64_t offset, uint64_t size, uint64_t limit) {
  uint64_t end;
  return addOk(offset, size, &end) && end <= limit;
}

static tokrt_status_t checkHeader(const Elf64_Ehdr &header, uint64_t size,
                                  const char *path, tokrt_error_t *error) {
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: ELF magic: found %02x %02x %02x %02x, expected 7f 45 4c "
                "46; give a file that tokopt-compile wrote",
                path, header.e_ident[0], header.e_ident[1], header.e_ident[2],
                header.e_ident[3]);
  struct {
    const char *name;
    uint64_t found, expected;
  } const fields[] = {
      {"ELF class", header.e_ident[EI_CLASS], ELFCLASS64},
      {"ELF byte order", header.e_ident[EI_DATA], ELFDATA2LSB},
      {"ELF version", header.e_ident[EI_VERSION], EV_CURRENT},
      {"ELF type", header.e_type, ET_DYN},
      {"ELF header size", header.e_ehsize, sizeof(Elf64_Ehdr)},
      {"size of a section header", header.e_shentsize, sizeof(Elf64_Shdr)},
      {"size of a program header", header.e_phentsize, sizeof(Elf64_Phdr)},
  };
  for (const auto &field : fields)
    if (field.found != field.expected)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: %s: found %" PRIu64 ", expected %" PRIu64 "; %s", path,
                  field.name, field.found, field.expected, kAgain);
  if (header.e_machine != kHostMachine)
    return fail(error, TOKRT_UNSUPPORTED,
                "%s: ELF machine: found %u, expected %u; compile the model "
                "for this kind of machine",
                path, header.e_machine, kHostMachine);
  if (header.e_shnum < 2 || header.e_shnum > kMaxSections)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: number of sections: found %u, expected 2 to %u; %s", path,
                header.e_shnum, kMaxSections, kAgain);
  if (header.e_phnum < 1 || header.e_phnum > kMaxSegments)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: number of segments: found %u, expected 1 to %u; %s", path,
                header.e_phnum, kMaxSegments, kAgain);
  if (header.e_shstrndx == SHN_UNDEF || header.e_shstrndx >= header.e_shnum)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section of section names: found %u of %u; %s", path,
                header.e_shstrndx, header.e_shnum, kAgain);
  if (!inside(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), size))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section headers: %u at byte %" PRIu64
                " do not fit in the %" PRIu64 " bytes of the file; %s",
                path, header.e_shnum, header.e_shoff, size, kAgain);
  if (!inside(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), size))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: program headers: %u at byte %" PRIu64
                " do not fit in the %" PRIu64 " bytes of the file; %s",
                path, header.e_phnum, header.e_phoff, size, kAgain);
  return TOKRT_OK;
}

/// Notes where the section `name` is; it must be there once.
static tokrt_status_t findSection(const ElfFile &file, const char *name,
                                  FileRange *out, const char *path,
                                  tokrt_error_t *error) {
  const ElfSection *found = nullptr;
  for (const ElfSection &section : file.sections) {
    if (section.name != name)
      continue;
    if (found)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %s: found twice, expected once; %s", path, name,
                  kAgain);
    found = &section;
  }
  if (!found)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section %s: missing; give a file that tokopt-compile "
                "wrote",
                path, name);
  *out = found->range;
  return TOKRT_OK;
}

tokrt_status_t tokrt::readElfSections(int fd, uint64_t size, const char *path,
                                      ElfFile *out, tokrt_error_t *error) {
  if (size < sizeof(Elf64_Ehdr))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: file size: found %" PRIu64 " bytes, expected at least the "
                "%zu of an ELF header; %s",
                path, size, sizeof(Elf64_Ehdr), kAgain);
  Elf64_Ehdr header;
  if (auto status = readFile(fd, {0, sizeof header}, &header, path, error))
    return status;
  if (auto status = checkHeader(header, size, path, error))
    return status;

  std::vector<Elf64_Shdr> headers(header.e_shnum);
  FileRange table{header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)};
  if (auto status = readFile(fd, table, headers.data(), path, error))
    return status;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr &section = headers[i];
    if (section.sh_type != SHT_NULL && section.sh_type != SHT_NOBITS &&
        !inside(section.sh_offset, section.sh_size, size))
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %u: %" PRIu64 " bytes at byte %" PRIu64
                  " do not fit in the %" PRIu64 " bytes of the file; %s",
                  path, i, section.sh_size, section.sh_offset, size, kAgain);
  }

  const Elf64_Shdr &strings = headers[header.e_shstrndx];
  constexpr uint64_t kMaxNames = 1 << 16;
  if (strings.sh_type != SHT_STRTAB || strings.sh_size == 0 ||
      strings.sh_size > kMaxNames)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section of section names: found type %u and %" PRIu64
                " bytes, expected a string table of at most %" PRIu64 "; %s",
                path, strings.sh_type, strings.sh_size, kMaxNames, kAgain);
  std::string names(strings.sh_size, '\0');
  if (auto status = readFile(fd, {strings.sh_offset, strings.sh_size},
                             names.data(), path, error))
    return status;
  ElfFile file;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr &section = headers[i];
    // `names` is followed by a zero, so that even an unterminated last name
    // ends.
    if (section.sh_name >= names.size())
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %u: name at byte %u of a table of %zu; %s", path,
                  i, section.sh_name, names.size(), kAgain);
    const char *name = names.c_str() + section.sh_name;
    uint32_t type = section.sh_type;
    if ((type == SHT_REL || type == SHT_RELA || type == SHT_RELR) &&
        section.sh_size)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %s: found relocations, expected none; compile "
                  "the model again with tokopt-compile",
                  path, name);
    if (type != SHT_NULL && type != SHT_NOBITS)
      file.sections.push_back({name, {section.sh_offset, section.sh_size}});
  }

  if (auto status = findSection(file, ".note.tokopt", &file.note, path, error))
    return status;
  if (auto status =
          findSection(file, ".tok.metadata", &file.metadata, path, error))
    return status;
  if (auto status =
          findSection(file, ".tok.weights", &file.weights, path, error))
    return status;
  const FileRange &weights = file.weights;
  if (weights.offset % kFilePage || weights.offset == 0)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section .tok.weights: found at byte %" PRIu64
                ", expected a multiple of %" PRIu64 "; %s",
                path, weights.offset, kFilePage, kAgain);
  // Headers and all other sections must be outside the weights: the digest
  // does not cover those.
  if (table.offset < weights.end())
    return fail(error, TOKRT_INVALID_FILE,
                "%s: section headers: found at byte %" PRIu64
                ", expected after section .tok.weights, which ends at %" PRIu64
                "; %s",
                path, table.offset, weights.end(), kAgain);
  if (!inside(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr),
              weights.offset))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: program headers: found at byte %" PRIu64
                ", expected before section .tok.weights at %" PRIu64 "; %s",
                path, header.e_phoff, weights.offset, kAgain);
  for (const ElfSection &section : file.sections)
    if (section.range.size && section.range.end() > weights.offset &&
        section.name != ".tok.weights")
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %s: ends at byte %" PRIu64
                  ", expected before section .tok.weights at %" PRIu64 "; %s",
                  path, section.name.c_str(), section.range.end(),
                  weights.offset, kAgain);
  *out = std::move(file);
  return TOKRT_OK;
}

/// Symbol tables may name only what the object defines.
static tokrt_status_t checkSymbols(const uint8_t *head, FileRange range,
                                   const char *name, const char *path,
                                   tokrt_error_t *error) {
  for (uint64_t i = 1; (i + 1) * sizeof(Elf64_Sym) <= range.size; ++i) {
    Elf64_Sym symbol;
    memcpy(&symbol, head + range.offset + i * sizeof symbol, sizeof symbol);
    if (symbol.st_shndx == SHN_UNDEF)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: section %s: symbol %" PRIu64
                  " is undefined, expected only defined ones; compile the "
                  "model again with tokopt-compile",
                  path, name, i);
  }
  return TOKRT_OK;
}

/// A dynamic table may describe the object, but ask for nothing.
static tokrt_status_t checkDynamic(const uint8_t *head, FileRange range,
                                   const char *path, tokrt_error_t *error) {
  for (uint64_t i = 0; (i + 1) * sizeof(Elf64_Dyn) <= range.size; ++i) {
    Elf64_Dyn entry;
    memcpy(&entry, head + range.offset + i * sizeof entry, sizeof entry);
    switch (entry.d_tag) {
    case DT_NULL:
      return TOKRT_OK;
    case DT_HASH:
    case DT_GNU_HASH:
    case DT_STRTAB:
    case DT_STRSZ:
    case DT_SYMTAB:
    case DT_SYMENT:
    case DT_SONAME:
    case DT_SYMBOLIC:
      break;
    case DT_FLAGS:
      if (!(entry.d_un.d_val & ~uint64_t(DF_SYMBOLIC)))
        break;
      [[fallthrough]];
    default:
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: dynamic table: found tag 0x%" PRIx64
                  ", expected none that asks for loading or relocation; "
                  "compile the model again with tokopt-compile",
                  path, static_cast<uint64_t>(entry.d_tag));
    }
  }
  return TOKRT_OK;
}

static tokrt_status_t checkLoad(const Elf64_Phdr &segment, unsigned index,
                                uint64_t headSize, const char *path,
                                tokrt_error_t *error) {
  if (segment.p_flags & PF_W)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: segment %u: found writable, expected read only; compile "
                "the model again with tokopt-compile",
                path, index);
  if (!inside(segment.p_offset, segment.p_filesz, headSize))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: segment %u: %" PRIu64 " bytes at byte %" PRIu64
                " do not end before section .tok.weights at %" PRIu64 "; %s",
                path, index, segment.p_filesz, segment.p_offset, headSize,
                kAgain);
  if (segment.p_memsz != segment.p_filesz || segment.p_filesz == 0)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: segment %u: found %" PRIu64 " bytes in memory of %" PRIu64
                " in the file, expected as many and not 0; %s",
                path, index, segment.p_memsz, segment.p_filesz, kAgain);
  if (segment.p_vaddr % kFilePage != segment.p_offset % kFilePage ||
      !inside(segment.p_vaddr, segment.p_memsz, kMaxSpan - kFilePage))
    return fail(error, TOKRT_INVALID_FILE,
                "%s: segment %u: address 0x%" PRIx64 " for byte %" PRIu64
                ", expected one below 0x%" PRIx64
                " with the same offset in its page; %s",
                path, index, segment.p_vaddr, segment.p_offset, kMaxSpan,
                kAgain);
  return TOKRT_OK;
}

tokrt_status_t tokrt::readElfSegments(const uint8_t *head, const char *path,
                                      ElfFile *file, tokrt_error_t *error) {
  uint64_t headSize = file->weights.offset;
  Elf64_Ehdr header;
  memcpy(&header, head, sizeof header);
  file->segments.clear();
  for (const ElfSection &section : file->sections) {
    if (section.name != ".dynsym" && section.name != ".symtab")
      continue;
    if (auto status = checkSymbols(head, section.range, section.name.c_str(),
                                   path, error))
      return status;
  }
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    memcpy(&segment, head + header.e_phoff + i * sizeof segment,
           sizeof segment);
    switch (segment.p_type) {
    case PT_LOAD:
      break;
    case PT_DYNAMIC:
      if (!inside(segment.p_offset, segment.p_filesz, headSize))
        return fail(error, TOKRT_INVALID_FILE,
                    "%s: segment %u: dynamic table at byte %" PRIu64
                    " does not fit in the file; %s",
                    path, i, segment.p_offset, kAgain);
      if (auto status = checkDynamic(head, {segment.p_offset, segment.p_filesz},
                                     path, error))
        return status;
      continue;
    case PT_TLS:
    case PT_INTERP:
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: segment %u: found type %u, which bundles do not have; "
                  "compile the model again with tokopt-compile",
                  path, i, segment.p_type);
    default: // descriptions without effect: PT_PHDR, PT_NOTE, PT_GNU_STACK...
      continue;
    }
    if (auto status = checkLoad(segment, i, headSize, path, error))
      return status;
    if (!file->segments.empty()) {
      const ElfSegment &last = file->segments.back();
      if (segment.p_vaddr / kFilePage * kFilePage <
          alignUp(last.address + last.range.size, kFilePage))
        return fail(error, TOKRT_INVALID_FILE,
                    "%s: segment %u: shares a page with the segment before it "
                    "or stands before it; %s",
                    path, i, kAgain);
    }
    file->segments.push_back({{segment.p_offset, segment.p_filesz},
                              segment.p_vaddr,
                              (segment.p_flags & PF_X) != 0});
  }
  if (file->segments.empty())
    return fail(error, TOKRT_INVALID_FILE,
                "%s: segments: found none to load, expected at least one; %s",
                path, kAgain);
  return TOKRT_OK;
}
