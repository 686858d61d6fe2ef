//===- BundleWriter.cpp - Bundles for the runtime's tests -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written from docs/bundle.md alone; it shares nothing with the compiler's
// writer or the runtime's reader.
//
//===----------------------------------------------------------------------===//

#include "BundleWriter.h"
#include "FakeModel.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

using nlohmann::json;

#if defined(__x86_64__)
static const uint16_t kMachine = EM_X86_64;
static const char kMachineName[] = "x86_64";
#else
static const uint16_t kMachine = EM_AARCH64;
static const char kMachineName[] = "aarch64";
#endif

static std::vector<uint8_t> readAll(const char *path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

static std::string hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  for (unsigned char byte : canonical.digest) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

BundleParts fakeBundle() {
  BundleParts parts;
  parts.machine = kMachine;
  parts.code = readAll(FAKE_STEP_CODE);
  parts.metadata = {'m', 'e', 't', 'a'};
  parts.weights.resize(kFakeWeightBytes);
  for (size_t i = 0; i < parts.weights.size(); ++i)
    parts.weights[i] = static_cast<uint8_t>(37 * i + 11);
  const std::string none(32, '0');
  parts.manifest = json{
      {"format", 1},
      {"producer", "test"},
      {"machine", kMachineName},
      {"backend", "cpu"},
      {"model",
       {{"arch", "fake"},
        {"name", "a model of hashes"},
        {"layers", int(kFakeLayers)},
        {"width", int(kFakeWidth)},
        {"vocab", int(kFakeVocab)},
        {"context", int(kFakeContext)}}},
      {"frame", {"workers", "barrier",   "yield",       "weights",
                 "rows",    "full_rows", "layer_begin", "layer_end",
                 "ids",     "pos",       "seq",         "outs",
                 "out",     "logits",    "sampling",    "seeds",
                 "tokens",  "frontier",  "workspace",   "capacity",
                 "scratch", "caches",    "instrument",  "instrument_data"}},
      {"levels", json::array({{{"name", "best"},
                               {"features", json::array()},
                               {"entries", {{"step", parts.codeAddress}}}}})},
      {"workspace",
       {{"row_bytes", int(kFakeRowBytes)},
        {"fixed_bytes", int(kFakeFixedBytes)}}},
      {"scratch_bytes", int(kFakeScratchBytes)},
      {"logits_stride", int(kFakeStride)},
      {"caches", json::array({{{"name", "kv"},
                               {"slots", int(kFakeSlots)},
                               {"page_bytes", int(kFakePageBytes)}},
                              {{"name", "ids"},
                               {"slots", int(kFakeAuxSlots)},
                               {"page_bytes", int(kFakeAuxPageBytes)}}})},
      {"schedule", {{"kind", "chunked"}, {"budget", 64}}},
      {"weights", {{"bytes", int(kFakeWeightBytes)}, {"hash", none}}},
      {"source", {{"name", "none"}, {"bytes", 0}, {"hash", none}}},
      {"kernels",
       json::array(
           {{{"name", "k"}, {"family", "linear"}, {"config", "rows=4"}}})},
      {"passes",
       json::array(
           {{{"name", "tok-x"}, {"options", ""}, {"contract", "exact"}}})}};
  return parts;
}

json fakeProbes() {
  return json::array({{{"kernel", 0},
                       {"label", "fake layer"},
                       {"value", "x"},
                       {"type", "i32"},
                       {"columns", 2},
                       {"rows", "step"}},
                      {{"kernel", 1},
                       {"label", "fake logits"},
                       {"value", "logits"},
                       {"type", "f32"},
                       {"columns", int(kFakeVocab)},
                       {"rows", "outputs"}}});
}

namespace {

/// Grows a file and remembers its sections.
struct Assembler {
  std::vector<uint8_t> file;
  std::string names{'\0'};
  std::vector<Elf64_Shdr> sections{Elf64_Shdr{}};

  void align(uint64_t unit) {
    while (file.size() % unit)
      file.push_back(0);
  }
  void append(const void *data, size_t size) {
    auto *bytes = static_cast<const uint8_t *>(data);
    file.insert(file.end(), bytes, bytes + size);
  }
  /// Appends a section; returns its header.
  Elf64_Shdr &add(const char *name, uint32_t type, uint64_t flags,
                  uint64_t address, uint64_t unit,
                  const std::vector<uint8_t> &bytes) {
    align(unit);
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names.size());
    header.sh_type = type;
    header.sh_flags = flags;
    header.sh_addr = address;
    header.sh_offset = file.size();
    header.sh_size = bytes.size();
    header.sh_addralign = unit;
    names += name;
    names += '\0';
    append(bytes.data(), bytes.size());
    sections.push_back(header);
    return sections.back();
  }
};

std::vector<uint8_t> makeNote(const std::string &manifest) {
  Elf64_Nhdr header{7, static_cast<uint32_t>(16 + manifest.size()), 1};
  std::vector<uint8_t> note(sizeof header + 8 + 16 + manifest.size());
  memcpy(note.data(), &header, sizeof header);
  memcpy(note.data() + sizeof header, "tokopt", 7);
  memcpy(note.data() + sizeof header + 8 + 16, manifest.data(),
         manifest.size());
  return note;
}

} // namespace

std::vector<uint8_t> assemble(BundleParts parts) {
  json &weights = parts.manifest["weights"];
  if (weights.is_object() && weights.contains("hash") &&
      weights["hash"] == std::string(32, '0'))
    weights["hash"] =
        hex(XXH3_128bits(parts.weights.data(), parts.weights.size()));

  Assembler out;
  unsigned segments = parts.extraSegment ? 2 : 1;
  out.file.resize(sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr));
  auto code = out.add(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR,
                      parts.codeAddress, 4096, parts.code);
  out.add(".tok.metadata", SHT_PROGBITS, 0, 0, 8, parts.metadata);
  out.add(".note.tokopt", SHT_NOTE, 0, 0, 4,
          makeNote(parts.manifestText.value_or(parts.manifest.dump())));
  std::vector<Elf64_Shdr> extras;
  for (const auto &extra : parts.extras)
    extras.push_back(
        out.add(extra.name.c_str(), extra.type, 0, 0, 8, extra.bytes));
  // The names of all sections, the last two included, stand before the weights.
  std::string names = out.names + ".shstrtab" + '\0' + ".tok.weights" + '\0';
  out.add(".shstrtab", SHT_STRTAB, 0, 0, 1, {names.begin(), names.end()});
  out.add(".tok.weights", SHT_PROGBITS, SHF_ALLOC, 0, 4096, parts.weights);
  out.align(8);

  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = parts.machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_shoff = out.file.size();
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(out.sections.size());
  header.e_shstrndx = static_cast<uint16_t>(out.sections.size() - 2);
  memcpy(out.file.data(), &header, sizeof header);

  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_flags = parts.codeFlags;
  load.p_offset = code.sh_offset;
  load.p_vaddr = load.p_paddr = parts.codeAddress;
  load.p_filesz = load.p_memsz = code.sh_size;
  load.p_align = 4096;
  memcpy(out.file.data() + sizeof header, &load, sizeof load);
  if (parts.extraSegment) {
    Elf64_Phdr other{};
    other.p_type = parts.extraSegment;
    other.p_flags = PF_R;
    other.p_offset = extras.front().sh_offset;
    other.p_filesz = other.p_memsz = extras.front().sh_size;
    memcpy(out.file.data() + sizeof header + sizeof load, &other, sizeof other);
  }
  out.append(out.sections.data(), out.sections.size() * sizeof(Elf64_Shdr));
  sign(out.file);
  return std::move(out.file);
}

BundleLayout layoutOf(const std::vector<uint8_t> &file) {
  Elf64_Ehdr header;
  memcpy(&header, file.data(), sizeof header);
  BundleLayout layout{};
  layout.sectionHeaders = header.e_shoff;
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  memcpy(sections.data(), file.data() + header.e_shoff,
         header.e_shnum * sizeof(Elf64_Shdr));
  const char *names = reinterpret_cast<const char *>(file.data()) +
                      sections[header.e_shstrndx].sh_offset;
  for (const Elf64_Shdr &section : sections) {
    std::string name = names + section.sh_name;
    if (name == ".note.tokopt")
      layout.note = section.sh_offset;
    if (name == ".tok.metadata")
      layout.metadata = section.sh_offset;
    if (name == ".tok.weights")
      layout.weights = section.sh_offset;
  }
  return layout;
}

void sign(std::vector<uint8_t> &file) {
  Elf64_Ehdr header;
  memcpy(&header, file.data(), sizeof header);
  BundleLayout layout = layoutOf(file);
  uint64_t digest = layout.note + sizeof(Elf64_Nhdr) + 8;
  Elf64_Shdr weights{};
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    memcpy(&section, file.data() + header.e_shoff + i * sizeof section,
           sizeof section);
    if (section.sh_offset == layout.weights)
      weights = section;
  }
  std::vector<uint8_t> hashed(file.begin(),
                              file.begin() + static_cast<ptrdiff_t>(digest));
  hashed.insert(hashed.end(),
                file.begin() + static_cast<ptrdiff_t>(digest + 16),
                file.begin() + static_cast<ptrdiff_t>(layout.weights));
  hashed.insert(hashed.end(),
                file.begin() +
                    static_cast<ptrdiff_t>(layout.weights + weights.sh_size),
                file.end());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical,
                           XXH3_128bits(hashed.data(), hashed.size()));
  memcpy(file.data() + digest, canonical.digest, 16);
}

TemporaryFile::TemporaryFile(const std::vector<uint8_t> &bytes)
    : fd(memfd_create("tokrt-test", 0)),
      name("/proc/self/fd/" + std::to_string(fd)) {
  size_t written = 0;
  while (fd >= 0 && written < bytes.size()) {
    ssize_t size = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (size <= 0)
      break;
    written += static_cast<size_t>(size);
  }
  if (fd < 0 || written < bytes.size()) {
    perror("memfd_create");
    exit(1);
  }
}

TemporaryFile::~TemporaryFile() { close(fd); }
