//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a linked image must be for the loader to accept it.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace tokopt;
using namespace llvm;
using object::ELF64LEFile;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(),
                           "the linked code " + message);
}

/// No segment but what is mapped for reading or executing.
static Error checkSegments(const ELF64LEFile &file) {
  auto segments = file.program_headers();
  if (!segments)
    return segments.takeError();
  for (const auto &segment : *segments) {
    switch (segment.p_type) {
    case ELF::PT_LOAD:
      if (segment.p_flags & ELF::PF_W)
        return makeError(
            formatv("has a writable segment at address {0:x}, but generated "
                    "code must keep all state in the frame; make module "
                    "globals constant",
                    static_cast<uint64_t>(segment.p_vaddr)));
      break;
    case ELF::PT_INTERP:
    case ELF::PT_TLS:
      return makeError(
          formatv("has a segment of type {0}; neither thread-local "
                  "storage nor an interpreter can be used",
                  static_cast<uint32_t>(segment.p_type)));
    default:
      break;
    }
  }
  return Error::success();
}

/// No relocation, no library, no initializer.
static Error checkDynamicTable(const ELF64LEFile &file) {
  auto entries = file.dynamicEntries();
  if (!entries)
    return entries.takeError();
  for (const auto &entry : *entries) {
    switch (entry.getTag()) {
    case ELF::DT_REL:
    case ELF::DT_RELA:
    case ELF::DT_RELR:
    case ELF::DT_JMPREL:
    case ELF::DT_TEXTREL:
      return makeError("needs relocations; a constant of it holds an address");
    case ELF::DT_NEEDED:
    case ELF::DT_INIT:
    case ELF::DT_INIT_ARRAY:
    case ELF::DT_FINI:
    case ELF::DT_FINI_ARRAY:
      return makeError("needs other libraries or initializers: " +
                       file.getDynamicTagAsString(entry.getTag()));
    default:
      break;
    }
  }
  return Error::success();
}

/// Calls `visit` with each dynamic symbol and its name until that returns an
/// error.
static Error forEachDynamicSymbol(
    const ELF64LEFile &file,
    function_ref<Error(const ELF64LEFile::Elf_Sym &, StringRef)> visit) {
  auto sections = file.sections();
  if (!sections)
    return sections.takeError();
  for (const auto &section : *sections) {
    if (section.sh_type != ELF::SHT_DYNSYM)
      continue;
    auto symbols = file.symbols(&section);
    if (!symbols)
      return symbols.takeError();
    auto names = file.getStringTableForSymtab(section);
    if (!names)
      return names.takeError();
    // The first symbol is the null symbol.
    for (const auto &symbol : symbols->drop_front()) {
      auto name = symbol.getName(*names);
      if (!name)
        return name.takeError();
      if (Error error = visit(symbol, *name))
        return error;
    }
  }
  return Error::success();
}

Error tokopt::checkSharedObject(StringRef image) {
  auto file = ELF64LEFile::create(image);
  if (!file)
    return file.takeError();
  const auto &header = file->getHeader();
  if (header.e_type != ELF::ET_DYN || header.e_machine != ELF::EM_X86_64)
    return makeError("is not a shared object for x86-64");
  if (Error error = checkSegments(*file))
    return error;
  if (Error error = checkDynamicTable(*file))
    return error;
  return forEachDynamicSymbol(
      *file, [](const ELF64LEFile::Elf_Sym &symbol, StringRef name) -> Error {
        if (symbol.isUndefined())
          return makeError("refers to the undefined symbol " + name);
        return Error::success();
      });
}

Expected<uint64_t> tokopt::findEntry(StringRef image, StringRef symbol) {
  auto file = ELF64LEFile::create(image);
  if (!file)
    return file.takeError();
  std::optional<uint64_t> address;
  Error error = forEachDynamicSymbol(
      *file, [&](const ELF64LEFile::Elf_Sym &candidate, StringRef name) {
        if (name == symbol && candidate.getType() == ELF::STT_FUNC)
          address = candidate.st_value;
        return Error::success();
      });
  if (error)
    return error;
  if (!address)
    return makeError("does not define the entry " + symbol +
                     "; the module must have a public function of that name");
  return *address;
}
