//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The files of kernels that were built before: what is kept is found, what is
// damaged is not, what is too much goes.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/KernelCache.h"
#include "test/lib/Target/TemporaryFolder.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gmock/gmock.h"

#include <fstream>

using namespace tokopt;
using namespace tokopt::test;

namespace {

CudaImage makeImage(size_t bytes) {
  CudaImage image;
  image.hash = "0123456789abcdef";
  image.ptx = ".version 7.0\n";
  image.binary.cubin.assign(bytes, '\0');
  image.binary.cubin[bytes / 2] = '\n';
  image.binary.notes = {"a \"note\""};
  PtxasKernel kernel;
  kernel.name = "f";
  kernel.registers = 1;
  kernel.stackBytes = 2;
  kernel.spillStoreBytes = 3;
  kernel.spillLoadBytes = 4;
  kernel.sharedBytes = 5;
  kernel.barriers = 6;
  image.binary.kernels = {kernel};
  return image;
}

TEST(KernelCache, GivesBackWhatItKept) {
  TemporaryFolder folder;
  // A folder that is not there yet.
  KernelCache cache(folder.path + "/a/b");
  EXPECT_FALSE(cache.find("x"));
  CudaImage image = makeImage(100);
  ASSERT_EQ(llvm::toString(cache.keep("x", image)), "");
  EXPECT_FALSE(cache.find("y"));
  std::optional<CudaImage> found = cache.find("x");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->isFromCache);
  EXPECT_EQ(found->hash, image.hash);
  EXPECT_EQ(found->ptx, image.ptx);
  EXPECT_EQ(found->binary.cubin, image.binary.cubin);
  EXPECT_EQ(found->binary.notes, image.binary.notes);
  ASSERT_EQ(found->binary.kernels.size(), 1u);
  const PtxasKernel &kernel = found->binary.kernels[0];
  EXPECT_EQ(kernel.name, "f");
  EXPECT_EQ(kernel.registers, 1);
  EXPECT_EQ(kernel.stackBytes, 2);
  EXPECT_EQ(kernel.spillStoreBytes, 3);
  EXPECT_EQ(kernel.spillLoadBytes, 4);
  EXPECT_EQ(kernel.sharedBytes, 5);
  EXPECT_EQ(kernel.barriers, 6);
}

TEST(KernelCache, KeepsNothingWithoutAFolder) {
  KernelCache cache("");
  EXPECT_EQ(llvm::toString(cache.keep("x", makeImage(10))), "");
  EXPECT_FALSE(cache.find("x"));
}

TEST(KernelCache, SaysWhereItCannotWrite) {
  TemporaryFolder folder;
  std::ofstream(folder.path + "/file") << "x";
  KernelCache cache(folder.path + "/file/cache");
  EXPECT_EQ(llvm::toString(cache.keep("x", makeImage(10))),
            folder.path + "/file/cache: cannot be made: Not a directory");
}

/// Whatever part of a file is changed or missing, it counts as none.
TEST(KernelCache, FindsNoDamagedFile) {
  TemporaryFolder folder;
  KernelCache cache(folder.path);
  ASSERT_EQ(llvm::toString(cache.keep("x", makeImage(40))), "");
  std::string path = folder.path + "/llvmcache-x", whole;
  whole = (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
  ASSERT_GT(whole.size(), 150u);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 1;
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_FALSE(cache.find("x")) << i;
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    EXPECT_FALSE(cache.find("x")) << i;
  }
  std::ofstream(path, std::ios::binary) << whole;
  EXPECT_TRUE(cache.find("x"));
}

/// Two lists of parts are one only if all parts are equal.
TEST(KernelCache, TellsPartsApart) {
  EXPECT_EQ(KernelCache::keyOf({"ab", "c"}), KernelCache::keyOf({"ab", "c"}));
  EXPECT_NE(KernelCache::keyOf({"ab", "c"}), KernelCache::keyOf({"a", "bc"}));
  EXPECT_NE(KernelCache::keyOf({"ab", "c"}), KernelCache::keyOf({"abc", ""}));
  EXPECT_NE(KernelCache::keyOf({"1:a"}), KernelCache::keyOf({"1", "a"}));
}

TEST(KernelCache, DropsWhatWasNotUsedForLongest) {
  TemporaryFolder folder;
  KernelCache cache(folder.path);
  std::ofstream(folder.path + "/mine") << std::string(100000, 'x');
  auto setAge = [&](const std::string &key, int hours) {
    int file = -1;
    ASSERT_FALSE(llvm::sys::fs::openFileForReadWrite(
        folder.path + "/llvmcache-" + key, file, llvm::sys::fs::CD_OpenExisting,
        llvm::sys::fs::OF_None));
    auto time = std::chrono::system_clock::now() - std::chrono::hours(hours);
    EXPECT_FALSE(llvm::sys::fs::setLastAccessAndModificationTime(
        file, std::chrono::time_point_cast<std::chrono::nanoseconds>(time)));
    close(file);
  };
  for (const char *key : {"a", "b", "c"})
    ASSERT_EQ(llvm::toString(cache.keep(key, makeImage(10000))), "");
  setAge("a", 30);
  setAge("b", 20);
  setAge("c", 10);
  cache.prune(40000);
  EXPECT_TRUE(cache.find("a")); // which is a use
  cache.prune(25000);
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("c"));
  cache.prune(1);
  EXPECT_FALSE(cache.find("a"));
  // What others keep there stays.
  EXPECT_TRUE(llvm::sys::fs::exists(folder.path + "/mine"));
}

TEST(ProgramIdentity, NamesAllThatIsLoaded) {
  std::string identity = getProgramIdentity();
  EXPECT_EQ(identity, getProgramIdentity());
  // This test, MLIR, LLVM, libc, ...
  EXPECT_GE(std::count(identity.begin(), identity.end(), '\n'), 5);
}

} // namespace
