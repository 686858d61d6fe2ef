//===- OutputFileTest.cpp - What is at a path, and when -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/OutputFile.h"

#include "test/lib/Bundle/TemporaryFolder.h"

#include "llvm/ADT/StringExtras.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class OutputFileTest : public testing::Test {
protected:
  OutputFileTest() { write("old", "the old one"); }

  std::string path(StringRef name) const { return folder.getPath(name); }
  void write(StringRef name, StringRef text) {
    folder.write(name, arrayRefFromStringRef(text));
  }
  std::string read(StringRef name) const {
    std::vector<uint8_t> bytes = folder.read(name);
    return std::string(bytes.begin(), bytes.end());
  }
  void link(StringRef to, StringRef name) {
    ASSERT_EQ(symlink(to.str().c_str(), path(name).c_str()), 0);
  }
  /// Writes and keeps; gives the error as text.
  std::string replace(StringRef name, StringRef text = "the new one") {
    Expected<OutputFile> file = OutputFile::create(path(name));
    if (!file)
      return toString(file.takeError());
    file->os() << text;
    return toString(file->keep());
  }

  TemporaryFolder folder;
};

TEST_F(OutputFileTest, ReplacesWhenItIsKept) {
  {
    OutputFile file = cantFail(OutputFile::create(path("old")));
    file.os() << "the new one";
    ASSERT_FALSE(errorToBool(file.flush()));
    EXPECT_EQ(read("old"), "the old one");
    EXPECT_EQ(folder.list().size(), 2u);
    ASSERT_FALSE(errorToBool(file.keep()));
  }
  EXPECT_EQ(read("old"), "the new one");
  EXPECT_THAT(folder.list(), ElementsAre("old"));
}

TEST_F(OutputFileTest, LeavesNothingUnlessItIsKept) {
  for (const char *name : {"old", "none"}) {
    OutputFile file = cantFail(OutputFile::create(path(name)));
    file.os() << "the new one";
    OutputFile moved = std::move(file);
    EXPECT_EQ(folder.list().size(), 2u);
  }
  EXPECT_EQ(read("old"), "the old one");
  EXPECT_THAT(folder.list(), ElementsAre("old"));
}

TEST_F(OutputFileTest, LeavesNothingWhenItIsInterrupted) {
  pid_t child = fork();
  if (child == 0) {
    OutputFile file = cantFail(OutputFile::create(path("old")));
    file.os() << "the new one";
    consumeError(file.flush());
    raise(SIGINT);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
  EXPECT_EQ(read("old"), "the old one");
  EXPECT_THAT(folder.list(), ElementsAre("old"));
}

TEST_F(OutputFileTest, ReplacesWhatALinkPointsTo) {
  link("old", "first");
  link(path("first"), "second"); // an absolute one
  ASSERT_EQ(replace("second"), "");
  EXPECT_EQ(read("old"), "the new one");
  EXPECT_TRUE(sys::fs::is_symlink_file(path("first")));
  EXPECT_TRUE(sys::fs::is_symlink_file(path("second")));
  EXPECT_THAT(folder.list(), ElementsAre("first", "old", "second"));
}

TEST_F(OutputFileTest, WritesWhatALinkWillPointTo) {
  ASSERT_FALSE(sys::fs::create_directory(path("sub")));
  link("sub/new", "link");
  ASSERT_EQ(replace("link"), "");
  EXPECT_EQ(read("sub/new"), "the new one");
  EXPECT_TRUE(sys::fs::is_symlink_file(path("link")));
}

TEST_F(OutputFileTest, RefusesLinksInACircle) {
  link("a", "b");
  link("b", "a");
  EXPECT_THAT(replace("a"), HasSubstr("/a: cannot write: Too many levels"));
  EXPECT_THAT(folder.list(), ElementsAre("a", "b", "old"));
}

TEST_F(OutputFileTest, KeepsPermissions) {
  auto mode = static_cast<sys::fs::perms>(0600);
  ASSERT_FALSE(sys::fs::setPermissions(path("old"), mode));
  ASSERT_EQ(replace("old"), "");
  EXPECT_EQ(*sys::fs::getPermissions(path("old")), mode);
}

TEST_F(OutputFileTest, AsksWhetherItMayWrite) {
  if (geteuid() == 0)
    GTEST_SKIP() << "the superuser may write everything";
  ASSERT_FALSE(sys::fs::setPermissions(path("old"), sys::fs::all_read));
  EXPECT_THAT(replace("old"), HasSubstr("/old: cannot write: Permission"));
  EXPECT_EQ(read("old"), "the old one");
}

TEST_F(OutputFileTest, WritesADeviceAsItIs) {
  EXPECT_FALSE(OutputFile::isReplaceable("-"));
  EXPECT_FALSE(OutputFile::isReplaceable("/dev/null"));
  EXPECT_TRUE(OutputFile::isReplaceable(path("old")));
  EXPECT_TRUE(OutputFile::isReplaceable(path("none")));
  OutputFile null = cantFail(OutputFile::create("/dev/null"));
  null.os() << "the new one";
  EXPECT_EQ(null.getDescriptor(), -1);
  EXPECT_EQ(toString(null.keep()), "");
  EXPECT_FALSE(OutputFile::isReplaceable("/dev/null"));
  OutputFile full = cantFail(OutputFile::create("/dev/full"));
  full.os() << "the new one";
  EXPECT_THAT(toString(full.keep()),
              HasSubstr("/dev/full: cannot write: No space left"));
}

TEST_F(OutputFileTest, NamesThePathThatCannotBeWritten) {
  EXPECT_THAT(replace("none/new"),
              HasSubstr("none/new: cannot write: No such file"));
  EXPECT_THAT(replace("old/new"),
              HasSubstr("old/new: cannot write: Not a directory"));
  EXPECT_THAT(replace("."), HasSubstr("cannot write: Is a directory"));
}

} // namespace
