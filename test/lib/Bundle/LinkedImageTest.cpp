//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linker's output is checked before anybody else sees it. What LLVM and lld
// do not produce from our code is made here by changing a byte of a good image.
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/Linker.h"
#include "test/lib/Target/CodeTest.h"

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using object::ELF64LE;
using object::ELF64LEFile;
using testing::HasSubstr;

namespace {

class LinkedImageTest : public testing::Test {
protected:
  LinkedImageTest() {
    auto object = cantFail(compileText(
        "func.func @step(%frame: memref<24xi64>, %worker: i64) { return }",
        "avx2"));
    image =
        cantFail(linkSharedObject(StringRef(object.data(), object.size()), ""));
  }

  StringRef getImage() const { return StringRef(image.data(), image.size()); }
  ELF64LEFile getFile() const {
    return cantFail(ELF64LEFile::create(getImage()));
  }
  std::string getError() { return toString(checkSharedObject(getImage())); }

  /// The first element of a table that `accept` takes, to be changed.
  template <typename T, typename Accept>
  T &find(ArrayRef<T> table, Accept accept) {
    for (const T &element : table)
      if (accept(element))
        return const_cast<T &>(element);
    llvm::report_fatal_error("the image has no such element");
  }

  SmallVector<char, 0> image;
};

TEST_F(LinkedImageTest, IsGoodAsItComes) { EXPECT_EQ(getError(), ""); }

TEST_F(LinkedImageTest, RefusesOtherKindsOfFiles) {
  auto &header = *reinterpret_cast<ELF64LE::Ehdr *>(image.data());
  header.e_type = ELF::ET_EXEC;
  EXPECT_THAT(getError(), HasSubstr("not a shared object for x86-64"));
  header.e_type = ELF::ET_DYN;
  header.e_machine = ELF::EM_AARCH64;
  EXPECT_THAT(getError(), HasSubstr("not a shared object for x86-64"));
  image.resize(10);
  EXPECT_NE(getError(), "");
}

TEST_F(LinkedImageTest, RefusesSegmentsThatNeedALoader) {
  auto &load = find(cantFail(getFile().program_headers()), [](auto &segment) {
    return segment.p_type == ELF::PT_LOAD;
  });
  load.p_flags = load.p_flags | ELF::PF_W;
  EXPECT_THAT(getError(), HasSubstr("writable segment"));
  load.p_flags = load.p_flags & ~ELF::PF_W;
  auto &stack = find(cantFail(getFile().program_headers()), [](auto &segment) {
    return segment.p_type == ELF::PT_GNU_STACK;
  });
  for (uint32_t type : {ELF::PT_INTERP, ELF::PT_TLS}) {
    stack.p_type = type;
    EXPECT_THAT(getError(), HasSubstr("neither thread-local storage"));
  }
}

TEST_F(LinkedImageTest, RefusesRelocationsAndLibraries) {
  auto &entry = find(cantFail(getFile().dynamicEntries()), [](auto &entry) {
    return entry.d_tag == ELF::DT_GNU_HASH;
  });
  for (uint64_t tag : {ELF::DT_REL, ELF::DT_RELA, ELF::DT_RELR, ELF::DT_JMPREL,
                       ELF::DT_TEXTREL}) {
    entry.d_tag = tag;
    EXPECT_THAT(getError(), HasSubstr("needs relocations"));
  }
  for (uint64_t tag : {ELF::DT_NEEDED, ELF::DT_INIT, ELF::DT_INIT_ARRAY,
                       ELF::DT_FINI, ELF::DT_FINI_ARRAY}) {
    entry.d_tag = tag;
    EXPECT_THAT(getError(), HasSubstr("needs other libraries or initializers"));
  }
}

TEST_F(LinkedImageTest, RefusesUndefinedSymbols) {
  auto &section = find(cantFail(getFile().sections()), [](auto &section) {
    return section.sh_type == ELF::SHT_DYNSYM;
  });
  auto &symbol = find(cantFail(getFile().symbols(&section)),
                      [](auto &symbol) { return symbol.st_value != 0; });
  symbol.st_shndx = ELF::SHN_UNDEF;
  EXPECT_THAT(getError(), HasSubstr("undefined symbol step.avx2"));
}

TEST_F(LinkedImageTest, FindsFunctionsOnly) {
  EXPECT_NE(cantFail(findEntry(getImage(), "step.avx2")), 0u);
  auto address = findEntry(getImage(), "step");
  ASSERT_FALSE(!!address);
  EXPECT_THAT(toString(address.takeError()),
              HasSubstr("does not define the entry step;"));
}

} // namespace
