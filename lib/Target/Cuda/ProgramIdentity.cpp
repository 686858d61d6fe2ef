//===- ProgramIdentity.cpp - Which compiler is it -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A version number does not change when somebody edits a pass, and the kernels
// that a cache holds must. Linkers put a hash of all they link into each
// program and library (the build ID); one without it is known by its size and
// by when it was written.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/KernelCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/FileSystem.h"

#include <link.h>

using namespace llvm;
using namespace tokopt;

/// The build ID among the notes of `segment`, or nothing.
static StringRef findBuildId(const char *segment, size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, segment, sizeof(note));
    size_t name = sizeof(note), text = name + alignTo(note.n_namesz, 4),
           end = text + alignTo(note.n_descsz, 4);
    if (end > size)
      break;
    if (note.n_type == NT_GNU_BUILD_ID &&
        StringRef(segment + name, note.n_namesz) == StringRef("GNU\0", 4))
      return StringRef(segment + text, note.n_descsz);
    segment += end;
    size -= end;
  }
  return StringRef();
}

static std::string describeFile(StringRef path) {
  sys::fs::file_status status;
  if (sys::fs::status(path.empty() ? "/proc/self/exe" : path, status))
    return path.str();
  return (path + " of " + Twine(status.getSize()) + " bytes, " +
          Twine(status.getLastModificationTime().time_since_epoch().count()))
      .str();
}

static int addObject(dl_phdr_info *info, size_t, void *text) {
  StringRef name = info->dlpi_name ? info->dlpi_name : "";
  // The kernel's own, which is no part of the program.
  if (name.starts_with("linux-vdso"))
    return 0;
  StringRef id;
  for (int i = 0; i < info->dlpi_phnum && id.empty(); ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    if (header.p_type == PT_NOTE)
      id = findBuildId(
          reinterpret_cast<const char *>(info->dlpi_addr + header.p_vaddr),
          header.p_memsz);
  }
  static_cast<std::string *>(text)->append(
      (id.empty() ? describeFile(name) : toHex(id, /*LowerCase=*/true)) + "\n");
  return 0;
}

std::string tokopt::getProgramIdentity() {
  std::string text;
  dl_iterate_phdr(addObject, &text);
  return text;
}
