//===- BundleTest.cpp - What the loader takes and refuses -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BundleWriter.h"
#include "FakeModel.h"
#include "tokrt/tokrt.h"

#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Result {
  tokrt_status_t status;
  std::string message;
};

/// Loads the file's bytes; a message must be one line that names the file.
Result load(const std::vector<uint8_t> &bytes,
            const tokrt_model_params_t *params = nullptr) {
  TemporaryFile file(bytes);
  tokrt_model_t *model = nullptr;
  tokrt_error_t error{};
  Result result{tokrt_model_load(file.path(), params, &model, &error), ""};
  result.message = error.message;
  if (result.status == TOKRT_OK) {
    EXPECT_NE(model, nullptr);
    EXPECT_EQ(result.message, "");
    tokrt_model_destroy(model);
    return result;
  }
  EXPECT_EQ(model, nullptr);
  EXPECT_EQ(result.message.find(file.path()), 0u) << result.message;
  EXPECT_EQ(result.message.find('\n'), std::string::npos);
  result.message.erase(0, strlen(file.path()));
  return result;
}

Result load(const BundleParts &parts) { return load(assemble(parts)); }

void expectRefused(const Result &result, tokrt_status_t status,
                   const char *part) {
  EXPECT_EQ(result.status, status) << result.message;
  EXPECT_NE(result.message.find(part), std::string::npos) << result.message;
}

template <typename T>
T read(const std::vector<uint8_t> &file, size_t at) {
  T value;
  memcpy(&value, file.data() + at, sizeof value);
  return value;
}
template <typename T>
void write(std::vector<uint8_t> &file, size_t at, const T &value) {
  memcpy(file.data() + at, &value, sizeof value);
}

} // namespace

TEST(Bundle, loads_and_describes) {
  TemporaryFile file(assemble(fakeBundle()));
  tokrt_model_t *model;
  tokrt_error_t error{};
  ASSERT_EQ(tokrt_model_load(file.path(), nullptr, &model, &error), TOKRT_OK)
      << error.message;
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  EXPECT_STREQ(info.arch, "fake");
  EXPECT_STREQ(info.level, "best");
  EXPECT_EQ(info.layers, unsigned(kFakeLayers));
  EXPECT_EQ(info.context, unsigned(kFakeContext));
  EXPECT_EQ(info.weight_bytes, unsigned(kFakeWeightBytes));
  const void *metadata;
  size_t size;
  tokrt_model_metadata(model, &metadata, &size);
  EXPECT_EQ(std::string(static_cast<const char *>(metadata), size), "meta");
  const char *text;
  tokrt_model_manifest(model, &text, &size);
  EXPECT_EQ(nlohmann::json::parse(text, text + size)["model"]["arch"], "fake");
  tokrt_model_destroy(model);
}

TEST(Bundle, refuses_every_cut) {
  std::vector<uint8_t> whole = assemble(fakeBundle());
  BundleLayout layout = layoutOf(whole);
  std::vector<size_t> cuts;
  for (size_t i = 0; i < 300; ++i) {
    cuts.push_back(i);                    // in the headers
    cuts.push_back(whole.size() - 1 - i); // in the section headers
  }
  for (size_t i = 1; i < 100; ++i)
    cuts.push_back(whole.size() * i / 100);
  for (uint64_t at :
       {layout.note, layout.metadata, layout.weights, layout.sectionHeaders})
    for (uint64_t i = 0; i < 40; ++i)
      cuts.push_back(at - 20 + i);
  for (size_t cut : cuts) {
    Result result = load({whole.begin(), whole.begin() + ptrdiff_t(cut)});
    EXPECT_EQ(result.status, TOKRT_INVALID_FILE) << "cut at " << cut;
  }
}

TEST(Bundle, finds_every_flip_outside_the_weights) {
  std::vector<uint8_t> file = assemble(fakeBundle());
  BundleLayout layout = layoutOf(file);
  size_t loaded = 0;
  for (size_t i = 0; i < file.size(); ++i) {
    // The padding before code and weights is under the digest like the rest;
    // every 16th byte of it is enough.
    bool weights = i >= layout.weights && i < layout.weights + kFakeWeightBytes;
    if (file[i] == 0 && i % 16)
      continue;
    file[i] ^= static_cast<uint8_t>(1 << (i % 8));
    Result result = load(file);
    EXPECT_EQ(result.status == TOKRT_OK, weights)
        << "byte " << i << result.message;
    loaded += weights;
    file[i] ^= static_cast<uint8_t>(1 << (i % 8));
  }
  EXPECT_GT(loaded, 0u);
}

TEST(Bundle, verifies_the_weights_when_asked) {
  for (int copy : {0, 1}) {
    std::vector<uint8_t> file = assemble(fakeBundle());
    tokrt_model_params_t params;
    tokrt_model_params_init(&params);
    params.verify_weights = 1;
    params.copy_weights = copy;
    EXPECT_EQ(load(file, &params).status, TOKRT_OK);
    file[layoutOf(file).weights + 3] ^= 1;
    expectRefused(load(file, &params), TOKRT_INVALID_FILE, "weights.hash");
  }
}

TEST(Bundle, names_what_is_no_bundle) {
  tokrt_model_t *model;
  tokrt_error_t error{};
  EXPECT_EQ(tokrt_model_load("/no/such/file.so", nullptr, &model, &error),
            TOKRT_IO);
  EXPECT_STREQ(error.message, "/no/such/file.so: cannot open the bundle: No "
                              "such file or directory");
  EXPECT_EQ(tokrt_model_load("/tmp", nullptr, &model, &error), TOKRT_IO);
  EXPECT_EQ(tokrt_model_load("/tmp", nullptr, &model, nullptr), TOKRT_IO);
  std::string pipe =
      testing::TempDir() + "/tokrt-pipe-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(tokrt_model_load(pipe.c_str(), nullptr, &model, &error), TOKRT_IO);
  unlink(pipe.c_str());
  expectRefused(load(std::vector<uint8_t>()), TOKRT_INVALID_FILE, "file size");
  expectRefused(load(std::vector<uint8_t>(10000, 'x')), TOKRT_INVALID_FILE,
                "ELF magic");
}

TEST(Bundle, refuses_another_machine) {
  BundleParts parts = fakeBundle();
  parts.machine = EM_RISCV;
  expectRefused(load(parts), TOKRT_UNSUPPORTED, "ELF machine: found 243");
  parts = fakeBundle();
  parts.manifest["machine"] = "riscv64";
  expectRefused(load(parts), TOKRT_UNSUPPORTED, "found \"riscv64\"");
}

TEST(Bundle, refuses_writable_code) {
  BundleParts parts = fakeBundle();
  parts.codeFlags = PF_R | PF_W | PF_X;
  expectRefused(load(parts), TOKRT_INVALID_FILE, "found writable");
}

TEST(Bundle, refuses_relocations) {
  for (uint32_t type : {SHT_REL, SHT_RELA, SHT_RELR}) {
    BundleParts parts = fakeBundle();
    parts.extras.push_back({".rela.dyn", type, std::vector<uint8_t>(24)});
    expectRefused(load(parts), TOKRT_INVALID_FILE, "found relocations");
  }
}

TEST(Bundle, refuses_undefined_symbols) {
  BundleParts parts = fakeBundle();
  std::vector<uint8_t> symbols(3 * sizeof(Elf64_Sym));
  Elf64_Sym symbol{};
  symbol.st_shndx = 1;
  write(symbols, sizeof symbol, symbol);
  write(symbols, 2 * sizeof symbol, symbol);
  parts.extras = {{".dynsym", SHT_DYNSYM, symbols}};
  EXPECT_EQ(load(parts).status, TOKRT_OK);
  symbol.st_shndx = SHN_UNDEF;
  write(parts.extras[0].bytes, 2 * sizeof symbol, symbol);
  expectRefused(load(parts), TOKRT_INVALID_FILE, "symbol 2 is undefined");
}

TEST(Bundle, refuses_what_a_dynamic_loader_would_do) {
  auto dynamic = [](int64_t tag, uint64_t value = 0) {
    BundleParts parts = fakeBundle();
    std::vector<uint8_t> table(2 * sizeof(Elf64_Dyn));
    write(table, 0, tag);
    write(table, 8, value);
    parts.extras = {{".dynamic", SHT_DYNAMIC, table}};
    parts.extraSegment = PT_DYNAMIC;
    return load(parts);
  };
  EXPECT_EQ(dynamic(DT_SONAME).status, TOKRT_OK);
  EXPECT_EQ(dynamic(DT_FLAGS, DF_SYMBOLIC).status, TOKRT_OK);
  expectRefused(dynamic(DT_FLAGS, DF_TEXTREL), TOKRT_INVALID_FILE,
                "dynamic table");
  for (int64_t tag : {DT_NEEDED, DT_RELA, DT_JMPREL, DT_INIT, DT_TEXTREL})
    expectRefused(dynamic(tag), TOKRT_INVALID_FILE, "dynamic table");
  BundleParts parts = fakeBundle();
  parts.extras = {{".tdata", SHT_PROGBITS, std::vector<uint8_t>(8)}};
  for (uint32_t type : {PT_TLS, PT_INTERP}) {
    parts.extraSegment = type;
    expectRefused(load(parts), TOKRT_INVALID_FILE, "bundles do not have");
  }
}

TEST(Bundle, wants_its_sections_once) {
  BundleParts parts = fakeBundle();
  parts.extras = {{".tok.metadata", SHT_PROGBITS, {1}}};
  expectRefused(load(parts), TOKRT_INVALID_FILE,
                "section .tok.metadata: found twice");
  std::vector<uint8_t> file = assemble(fakeBundle());
  for (const char *name : {".note.tokopt", ".tok.metadata", ".tok.weights"}) {
    std::vector<uint8_t> other = file;
    // The first is a name in the table, not a word of the manifest, which comes
    // before.
    std::string text(other.begin(), other.end());
    size_t at = text.rfind(name);
    other[at + 2] ^= 1;
    expectRefused(load(other), TOKRT_INVALID_FILE,
                  (std::string(name) + ": missing").c_str());
  }
}

TEST(Bundle, checks_program_headers) {
  std::vector<uint8_t> file = assemble(fakeBundle());
  const size_t at = sizeof(Elf64_Ehdr);
  const auto sound = read<Elf64_Phdr>(file, at);
  auto refused = [&](auto change, const char *part) {
    Elf64_Phdr segment = sound;
    change(segment);
    std::vector<uint8_t> other = file;
    write(other, at, segment);
    sign(other);
    expectRefused(load(other), TOKRT_INVALID_FILE, part);
  };
  refused([](auto &s) { s.p_type = PT_NOTE; }, "found none to load");
  refused([](auto &s) { s.p_flags = PF_R; }, "is in no executable segment");
  refused([](auto &s) { s.p_filesz = s.p_memsz = 0; }, "and not 0");
  refused([](auto &s) { s.p_memsz += 1; }, "bytes in memory");
  refused([](auto &s) { s.p_vaddr += 64; }, "same offset in its page");
  refused([](auto &s) { s.p_vaddr = uint64_t(0) - 4096; }, "address");
  refused([](auto &s) { s.p_vaddr = uint64_t(1) << 40; }, "address");
  refused([](auto &s) { s.p_offset = uint64_t(0) - 4096; },
          "do not end before");
  refused([](auto &s) { s.p_filesz = s.p_memsz = UINT64_MAX; },
          "do not end before");
  // Into the weights, which the digest does not cover.
  refused([&](auto &s) { s.p_offset = layoutOf(file).weights; },
          "do not end before");
}

TEST(Bundle, refuses_overlapping_segments) {
  std::vector<uint8_t> file = assemble([] {
    BundleParts parts = fakeBundle();
    parts.extras = {{".more", SHT_PROGBITS, std::vector<uint8_t>(64)}};
    parts.extraSegment = PT_NOTE;
    return parts;
  }());
  const size_t at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  auto segment = read<Elf64_Phdr>(file, at);
  segment.p_type = PT_LOAD;
  segment.p_vaddr = 0x1000 + segment.p_offset % 4096;
  write(file, at, segment);
  sign(file);
  expectRefused(load(file), TOKRT_INVALID_FILE, "shares a page");
  segment.p_vaddr = 0x10000 + segment.p_offset % 4096;
  write(file, at, segment);
  sign(file);
  EXPECT_EQ(load(file).status, TOKRT_OK);
}

TEST(Bundle, checks_the_elf_header) {
  std::vector<uint8_t> file = assemble(fakeBundle());
  const auto sound = read<Elf64_Ehdr>(file, 0);
  auto refused = [&](auto change, const char *part) {
    Elf64_Ehdr header = sound;
    change(header);
    std::vector<uint8_t> other = file;
    write(other, 0, header);
    expectRefused(load(other), TOKRT_INVALID_FILE, part);
  };
  refused([](auto &h) { h.e_ident[EI_CLASS] = ELFCLASS32; }, "ELF class");
  refused([](auto &h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }, "byte order");
  refused([](auto &h) { h.e_type = ET_EXEC; }, "ELF type");
  refused([](auto &h) { h.e_shentsize = 40; }, "size of a section header");
  refused([](auto &h) { h.e_phentsize = 32; }, "size of a program header");
  refused([](auto &h) { h.e_shnum = 0; }, "number of sections");
  refused([](auto &h) { h.e_shnum = 0xffff; }, "number of sections");
  refused([](auto &h) { h.e_phnum = 0; }, "number of segments");
  refused([](auto &h) { h.e_phnum = 0xffff; }, "number of segments");
  refused([](auto &h) { h.e_shstrndx = 0; }, "section of section names");
  refused([](auto &h) { h.e_shstrndx = 0xfff0; }, "section of section names");
  refused([](auto &h) { h.e_shoff = UINT64_MAX - 8; }, "section headers");
  refused([](auto &h) { h.e_phoff = UINT64_MAX - 8; }, "program headers");
  // Headers in the weights would be outside the digest.
  refused([&](auto &h) { h.e_phoff = layoutOf(file).weights; },
          "program headers");
}

TEST(Bundle, checks_the_note) {
  std::vector<uint8_t> file = assemble(fakeBundle());
  size_t note = layoutOf(file).note;
  auto refused = [&](size_t at, uint32_t value, const char *part) {
    std::vector<uint8_t> other = file;
    write(other, note + at, value);
    expectRefused(load(other), TOKRT_INVALID_FILE, part);
  };
  refused(0, 8, "no ELF note");           // size of the name
  refused(8, 2, "no ELF note");           // type
  refused(12, 0x20202020, "no ELF note"); // name
  refused(4, 15, "descriptor of 15 bytes");
  refused(4, UINT32_MAX, "descriptor of 4294967295 bytes");
}

TEST(Bundle, takes_the_first_level_this_cpu_runs) {
  BundleParts parts = fakeBundle();
  auto &levels = parts.manifest["levels"];
  auto base = levels[0];
  base["name"] = "base";
  levels[0]["features"] = {"no-such-extension"};
  levels.push_back(base);
  TemporaryFile file(assemble(parts));
  auto level = [&](const char *wanted) -> std::string {
    tokrt_model_params_t params;
    tokrt_model_params_init(&params);
    params.level = wanted;
    tokrt_model_t *model;
    tokrt_error_t error{};
    if (tokrt_model_load(file.path(), &params, &model, &error) != TOKRT_OK)
      return error.message + strlen(file.path());
    tokrt_model_info_t info;
    tokrt_model_info(model, &info);
    std::string name = info.level;
    tokrt_model_destroy(model);
    return name;
  };
  unsetenv("TOKOPT_LEVEL");
  EXPECT_EQ(level(nullptr), "base");
  EXPECT_EQ(level("base"), "base");
  EXPECT_NE(level("best").find("best lacks no-such-extension"),
            std::string::npos);
  EXPECT_NE(level("worst").find("asks for \"worst\", found best, base"),
            std::string::npos);
  setenv("TOKOPT_LEVEL", "worst", 1);
  EXPECT_NE(level(nullptr).find("TOKOPT_LEVEL asks for"), std::string::npos);
  EXPECT_EQ(level("base"), "base");
  EXPECT_EQ(level(""), "base");
  unsetenv("TOKOPT_LEVEL");
}

TEST(Bundle, refuses_a_cpu_that_lacks_every_level) {
  BundleParts parts = fakeBundle();
  parts.manifest["levels"][0]["features"] = {"no-such-extension"};
  expectRefused(load(parts), TOKRT_UNSUPPORTED, "this CPU runs none");
}

TEST(Bundle, describes_what_this_cpu_cannot_run) {
  BundleParts parts = fakeBundle();
  parts.manifest["levels"][0]["features"] = {"no-such-extension"};
  TemporaryFile file(assemble(parts));
  tokrt_model_params_t params;
  tokrt_model_params_init(&params);
  params.describe_only = 1;
  tokrt_model_t *model;
  tokrt_error_t error{};
  ASSERT_EQ(tokrt_model_load(file.path(), &params, &model, &error), TOKRT_OK)
      << error.message;
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  EXPECT_EQ(info.level, nullptr);
  std::vector<std::string> names;
  for (size_t i = 0; i < tokrt_model_section_count(model); ++i) {
    tokrt_section_t section;
    tokrt_model_section(model, i, &section);
    names.push_back(section.name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{".text", ".tok.metadata", ".note.tokopt",
                                      ".shstrtab", ".tok.weights"}));
  tokrt_engine_t *engine = nullptr;
  EXPECT_EQ(tokrt_engine_create(model, nullptr, &engine, &error),
            TOKRT_INVALID_ARGUMENT);
  tokrt_model_destroy(model);
}
