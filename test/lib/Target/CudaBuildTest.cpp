//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels built side by side, and those that are not built again.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Target/FakePtxas.h"
#include "test/lib/Target/TemporaryFolder.h"
#include "tokopt/CudaTarget.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

using namespace tokopt;
using namespace tokopt::test;
using testing::HasSubstr;

namespace {

/// A kernel that stores `value`.
std::string kernel(const std::string &name, int value) {
  return "func.func @" + name +
         "(%x: !llvm.ptr<1>) attributes {tok.launch = {threads = 32, shared = "
         "0}} {\n%v = arith.constant " +
         std::to_string(value) +
         " : i32\nllvm.store %v, %x : i32, !llvm.ptr<1>\nreturn\n}\n";
}

/// Writes the PTX it is given where the cubin should be, and says so.
const char *const kCopies =
    "[ \"$1\" = --version ] && echo 'release 13.0, V13.0.0' && exit 0\n"
    "echo called >> \"$0.calls\"\n"
    "while [ $# -gt 1 ]; do [ \"$1\" = -o ] && out=$2; shift; done\n"
    "cp \"$1\" \"$out\"\n"
    "echo \"ptxas info    : Compiling entry function 'f' for 'sm_80'\"\n"
    "echo 'ptxas info    : Used 9 registers'\n";

struct CudaBuildTest : testing::Test {
  CudaBuildTest() : fake(kCopies) {}
  ~CudaBuildTest() override { unlink((fake.path + ".calls").c_str()); }

  llvm::Expected<CudaBuild> tryBuild(const std::string &text,
                                     const std::string &cache,
                                     llvm::StringRef target = "sm_80") {
    mlir::DialectRegistry registry;
    mlir::registerAllDialects(registry);
    registry.insert<tok::TokDialect>();
    mlir::MLIRContext context(registry);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context), "kernels.mlir");
    EXPECT_TRUE(bool(module));
    return buildCudaKernels(*module, *findCudaArchitecture(target),
                            {fake.path, cache});
  }
  CudaBuild build(const std::string &text, const std::string &cache,
                  llvm::StringRef target = "sm_80") {
    llvm::Expected<CudaBuild> made = tryBuild(text, cache, target);
    EXPECT_TRUE(bool(made));
    if (!made) {
      ADD_FAILURE() << llvm::toString(made.takeError());
      return {};
    }
    return std::move(*made);
  }
  int calls() const {
    std::ifstream stream(fake.path + ".calls");
    return static_cast<int>(
        std::count(std::istreambuf_iterator<char>(stream), {}, '\n'));
  }

  FakePtxas fake;
  TemporaryFolder folder;
};

TEST_F(CudaBuildTest, BuildsEachKernelAlone) {
  std::string text, alone = kernel("k3", 3);
  for (int i = 0; i < 8; ++i)
    text += kernel("k" + std::to_string(i), i);
  CudaBuild all = build(text + "func.func private @other()\n", "");
  ASSERT_EQ(all.images.size(), 8u);
  for (int i = 0; i < 8; ++i) {
    const CudaImage &image = all.images[i];
    EXPECT_EQ(image.kernel.name, "k" + std::to_string(i));
    EXPECT_EQ(image.kernel.threads, 32);
    EXPECT_THAT(image.ptx, HasSubstr(".entry " + image.kernel.name + "("));
    EXPECT_EQ(image.binary.cubin, image.ptx);
    EXPECT_EQ(image.binary.kernels[0].registers, 9);
    EXPECT_FALSE(image.isFromCache);
  }
  EXPECT_EQ(calls(), 8);
}

/// What stands beside a kernel changes nothing of it, but its lines.
TEST_F(CudaBuildTest, GivesTheSameBytesInAnyCompany) {
  CudaBuild two = build(kernel("a", 1) + kernel("b", 2), ""),
            one = build(kernel("a", 1), "");
  EXPECT_EQ(two.images[0].ptx, one.images[0].ptx);
  EXPECT_EQ(two.images[0].hash, one.images[0].hash);
}

TEST_F(CudaBuildTest, BuildsNothingTwice) {
  std::string text = kernel("a", 1) + kernel("b", 2);
  CudaBuild first = build(text, folder.path);
  EXPECT_EQ(first.cacheProblem, "");
  EXPECT_EQ(calls(), 2);
  CudaBuild second = build(text, folder.path);
  EXPECT_EQ(calls(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(second.images[i].isFromCache);
    EXPECT_EQ(second.images[i].kernel.name, first.images[i].kernel.name);
    EXPECT_EQ(second.images[i].hash, first.images[i].hash);
    EXPECT_EQ(second.images[i].ptx, first.images[i].ptx);
    EXPECT_EQ(second.images[i].binary.cubin, first.images[i].binary.cubin);
  }
  // One of them is another.
  CudaBuild third = build(kernel("a", 1) + kernel("b", 3), folder.path);
  EXPECT_TRUE(third.images[0].isFromCache);
  EXPECT_FALSE(third.images[1].isFromCache);
  EXPECT_EQ(calls(), 3);
}

TEST_F(CudaBuildTest, BuildsAnewForAnotherTargetOrPtxas) {
  build(kernel("a", 1), folder.path);
  EXPECT_FALSE(
      build(kernel("a", 1), folder.path, "sm_90a").images[0].isFromCache);
  EXPECT_TRUE(build(kernel("a", 1), folder.path).images[0].isFromCache);
  std::string body = kCopies;
  std::ofstream(fake.path) << "#!/bin/sh\n"
                           << body.replace(body.find("V13.0.0"), 7, "V13.0.1");
  EXPECT_FALSE(build(kernel("a", 1), folder.path).images[0].isFromCache);
}

TEST_F(CudaBuildTest, BuildsWhereNothingCanBeKept) {
  std::ofstream(folder.path + "/file") << "x";
  CudaBuild made = build(kernel("a", 1), folder.path + "/file");
  EXPECT_EQ(made.images.size(), 1u);
  EXPECT_THAT(made.cacheProblem, HasSubstr(folder.path + "/file"));
}

TEST_F(CudaBuildTest, SaysTheFirstError) {
  auto errorOf = [&](const std::string &text) {
    llvm::Expected<CudaBuild> made = tryBuild(text, folder.path);
    return made ? "" : llvm::toString(made.takeError());
  };
  std::string launch = " attributes {tok.launch = {threads = 32, shared = 0}} ";
  std::string broken = "func.func @f()" + launch +
                       "{\nnvvm.cluster.arrive\nreturn\n}\nfunc.func @g()" +
                       launch +
                       "{\nllvm.inline_asm has_side_effects \"trap;\", \"\" : "
                       "() -> ()\nreturn\n}\n";
  EXPECT_THAT(errorOf(kernel("a", 1) + broken),
              HasSubstr("is not in the table of instructions"));
  EXPECT_THAT(errorOf("func.func @f() { return }"),
              HasSubstr("generating code for sm_80: there is no kernel: "
                        "expected a func.func with 'tok.launch'"));
  EXPECT_THAT(
      errorOf(kernel("a", 1) + "func.func @f(%x: i8)" + launch + "{ return }"),
      HasSubstr("kernels.mlir:6:1: expects arguments of a kernel to "
                "be i32"));
}

} // namespace
