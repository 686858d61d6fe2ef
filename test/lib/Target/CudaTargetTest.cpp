//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way from kernels of upstream dialects to PTX and cubin, and what it says
// when it cannot go on.
//
//===----------------------------------------------------------------------===//

#include "tokopt/CudaTarget.h"
#include "test/lib/Target/FakePtxas.h"
#include "tokopt/CudaAssembly.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

#include <cstdlib>

using namespace tokopt;
using namespace tokopt::test;
using testing::HasSubstr;

namespace {

const CudaArchitecture &sm80() { return *findCudaArchitecture("sm_80"); }

llvm::Expected<CudaCode> compile(const std::string &text) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<tok::TokDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(bool(module));
  return compileCudaModule(*module, sm80());
}

std::string errorOf(const std::string &text) {
  llvm::Expected<CudaCode> code = compile(text);
  return code ? "" : llvm::toString(code.takeError());
}

/// A kernel that keeps `count` values of each thread alive at once.
std::string manyValues(int count, int threads) {
  std::string text =
      "func.func @many(%x: !llvm.ptr<1>, %n: i64) attributes {tok.launch = "
      "{threads = " +
      std::to_string(threads) + ", shared = 0}} {\n";
  auto place = [](int i) {
    return "%p" + std::to_string(i) + " = llvm.getelementptr %x[" +
           std::to_string(1024 * i) +
           "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32\n";
  };
  for (int i = 0; i < count; ++i)
    text += place(i) + "%v" + std::to_string(i) + " = llvm.load volatile %p" +
            std::to_string(i) + " : !llvm.ptr<1> -> f32\n";
  for (int i = 0; i < count; ++i)
    text += "llvm.store volatile %v" + std::to_string(i) + ", %p" +
            std::to_string(count - 1 - i) + " : f32, !llvm.ptr<1>\n";
  return text + "return\n}\n";
}

const char *const kCopy =
    "func.func @copy(%x: !llvm.ptr<1>) attributes {tok.launch = {threads = 32, "
    "shared = 0}} {\n%v = llvm.load %x : !llvm.ptr<1> -> i32\n%p = "
    "llvm.getelementptr %x[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, "
    "i32\nllvm.store %v, %p : i32, !llvm.ptr<1>\nreturn\n}\n";

TEST(CudaTarget, GivesEqualBytesForEqualInput) {
  llvm::Expected<CudaCode> first = compile(kCopy), second = compile(kCopy);
  ASSERT_TRUE(bool(first)) << llvm::toString(first.takeError());
  ASSERT_TRUE(bool(second)) << llvm::toString(second.takeError());
  EXPECT_EQ(first->ptx, second->ptx);
  EXPECT_EQ(first->hash, second->hash);
  ASSERT_EQ(first->kernels.size(), 1u);
  EXPECT_EQ(first->kernels[0].name, "copy");
  EXPECT_EQ(first->kernels[0].threads, 32);
}

TEST(CudaTarget, RefusesWhatIsNoKernel) {
  EXPECT_THAT(errorOf("func.func @f() { return }"),
              HasSubstr("has no kernel: expected a func.func with "
                        "'tok.launch'"));
  std::string launch = " attributes {tok.launch = {threads = 32, shared = 0}} ";
  EXPECT_THAT(errorOf("func.func private @f()" + launch),
              HasSubstr("expects a kernel to have a body"));
  EXPECT_THAT(errorOf("func.func @f(%x: !llvm.ptr<3>)" + launch + "{ return }"),
              HasSubstr("to be i32, i64, f32, !llvm.ptr<1>, or !llvm.ptr for "
                        "the map of a tensor, but got '!llvm.ptr<3>'"));
  EXPECT_THAT(errorOf("func.func @f(%x: !llvm.ptr)" + launch + "{ return }"),
              HasSubstr("expects 'maps' of 'tok.launch' to describe argument "
                        "number 0, an !llvm.ptr"));
  EXPECT_THAT(
      errorOf("func.func @f(%x: i32) -> i32" + launch + "{ return %x : i32 }"),
      HasSubstr("expects a kernel without results"));
}

TEST(CudaTarget, RefusesWhatTheBackendCannotSelect) {
  std::string launch = " attributes {tok.launch = {threads = 32, shared = 0}} ";
  EXPECT_THAT(errorOf("llvm.func @helper()\nfunc.func @f()" + launch +
                      "{\nllvm.call @helper() : () -> ()\nreturn\n}"),
              HasSubstr("calls 'helper', which nothing defines"));
  EXPECT_THAT(
      errorOf("func.func @f()" + launch + "{\nnvvm.cluster.arrive\nreturn\n}"),
      HasSubstr("is not in the table of instructions"));
  EXPECT_THAT(errorOf("func.func @f()" + launch +
                      "{\nllvm.inline_asm has_side_effects \"trap;\", \"\" : "
                      "() -> ()\nreturn\n}"),
              HasSubstr("inline assembly is not checked"));
  EXPECT_THAT(errorOf("func.func @f()" + launch +
                      "{\n%c = arith.constant 7 : i32\nllvm.call_intrinsic "
                      "\"llvm.nvvm.setmaxnreg.inc.sync.aligned.u32\"(%c) : "
                      "(i32) -> ()\nreturn\n}"),
              HasSubstr("translation gave LLVM IR that is not valid: immarg "
                        "value 7 out of range"));
}

/// The backend would end the process over each of these.
TEST(CudaTarget, RefusesWhatHasNoInstruction) {
  // `%a` and `%b` are of `type`, and so is `%r`, which `op` makes.
  auto errorOfOp = [](const std::string &type, const std::string &op,
                      const std::string &others = "") {
    return errorOf(others +
                   "func.func @f(%x: !llvm.ptr<1>) attributes {tok.launch = "
                   "{threads = 32, shared = 0}} {\n%a = llvm.load volatile %x "
                   ": !llvm.ptr<1> -> " +
                   type + "\n%b = llvm.load volatile %x : !llvm.ptr<1> -> " +
                   type + "\n%r = " + op + " : " + type +
                   "\nllvm.store %r, %x : " + type +
                   ", !llvm.ptr<1>\nreturn\n}");
  };
  for (const char *type : {"f16", "bf16", "f32", "f64"}) {
    for (const char *op :
         {"absf", "ceil", "floor", "trunc", "round", "roundeven", "sqrt"})
      EXPECT_EQ(errorOfOp(type, "math." + std::string(op) + " %a"), "")
          << op << " " << type;
    for (const char *op :
         {"maximumf", "minimumf", "maxnumf", "minnumf", "addf", "divf", "remf"})
      EXPECT_EQ(errorOfOp(type, "arith." + std::string(op) + " %a, %b"), "")
          << op << " " << type;
    EXPECT_EQ(errorOfOp(type, "math.fma %a, %b, %a"), "") << type;
    EXPECT_EQ(errorOfOp(type, "math.copysign %a, %b"), "") << type;
    for (const char *op : {"exp", "expm1", "log", "log10", "log1p", "log2",
                           "sin", "cos", "tan", "tanh", "sinh", "acos"})
      EXPECT_THAT(errorOfOp(type, "math." + std::string(op) + " %a"),
                  HasSubstr("has no instruction"))
          << op << " " << type;
    EXPECT_THAT(errorOfOp(type, "math.powf %a, %b"),
                HasSubstr("has no instruction"));
  }
  EXPECT_EQ(errorOfOp("f32", "math.exp2 %a"), "");
  EXPECT_THAT(errorOfOp("f64", "math.exp2 %a"),
              HasSubstr("'llvm.exp2.f64' has no instruction"));
  for (const char *type : {"i8", "i16", "i24", "i32", "i64", "i128"})
    for (const char *op :
         {"arith.muli %a, %b", "arith.divsi %a, %b", "arith.remui %a, %b",
          "math.ctpop %a", "math.ctlz %a", "math.cttz %a", "arith.maxsi %a, %b",
          "arith.shrsi %a, %b"})
      EXPECT_EQ(errorOfOp(type, op), "") << op << " " << type;
  EXPECT_THAT(errorOfOp("i4096", "arith.muli %a, %b"),
              HasSubstr("a value of type 'i4096' fits no registers"));
  EXPECT_THAT(errorOfOp("f80", "arith.addf %a, %b"), HasSubstr("x86_fp80"));
  EXPECT_EQ(errorOfOp("vector<256xf32>", "arith.addf %a, %b"), "");
  EXPECT_THAT(errorOfOp("vector<512xf32>", "arith.addf %a, %b"),
              HasSubstr("of at most 1024 bytes"));
  EXPECT_THAT(errorOfOp("vector<[4]xf32>", "arith.addf %a, %b"),
              HasSubstr("fits no registers"));
  EXPECT_THAT(errorOfOp("i64",
                        "llvm.call_intrinsic \"llvm.x86.rdtsc\"() : () -> i64 "
                        "loc(\"f\":1:1)\n%s = arith.addi %r, %r"),
              HasSubstr("'llvm.x86.rdtsc' has no instruction"));
  auto errorOfFence = [&](const std::string &scope) {
    return errorOfOp("i32", "arith.addi %a, %b",
                     "func.func @g() attributes {tok.launch = {threads = 32, "
                     "shared = 0}} {\nllvm.fence syncscope(\"" +
                         scope + "\") acq_rel\nreturn\n}\n");
  };
  EXPECT_EQ(errorOfFence("block"), "");
  EXPECT_EQ(errorOfFence("device"), "");
  for (const char *scope : {"singlethread", "agent", "cluster"})
    EXPECT_THAT(
        errorOfFence(scope),
        HasSubstr("the scope '" + std::string(scope) + "' is none of sm_80"));
  for (const char *call : {"lround", "powi", "fma", "x86.rdtsc.none"})
    EXPECT_THAT(
        errorOfOp("i32", "llvm.call_intrinsic \"llvm." + std::string(call) +
                             "\"() : () -> i32 loc(\"f\":1:1)\n%s = "
                             "arith.addi %r, %r"),
        testing::AnyOf(
            HasSubstr("with operands or results that it has not: '() -> i32'"),
            HasSubstr("which is no intrinsic")))
        << call;
  EXPECT_THAT(
      errorOf("func.func @f(%x: !llvm.ptr<1>) attributes {tok.launch = "
              "{threads = 32, shared = 0}} {\n%p = llvm.getelementptr %x[1] : "
              "(!llvm.ptr<1>) -> !llvm.ptr<1>, !tok.q6_k\n%v = llvm.load %p : "
              "!llvm.ptr<1> -> i32\nllvm.store %v, %x : i32, "
              "!llvm.ptr<1>\nreturn\n}"),
      HasSubstr("expects 'elem_type' to be a type of LLVM, but got "
                "'!tok.q6_k'"));
  EXPECT_THAT(errorOfOp("i32", "arith.addi %a, %b",
                        "llvm.mlir.global internal thread_local @g(3 : i32) : "
                        "i32\n"),
              HasSubstr("'g' is of a thread"));
}

/// The same name begins instructions of other architectures.
TEST(CudaTarget, RefusesStoresOfBoxesWhereThereAreNone) {
  auto store = [](const std::string &box, const std::string &mode) {
    return "llvm.mlir.global external @s() {addr_space = 3 : i32} : "
           "!llvm.array<0 x i8>\n"
           "func.func @f(%x: !llvm.ptr<1>, %m: !llvm.ptr) attributes "
           "{tok.launch = {threads = 32, shared = 1024, maps = [{argument = 1, "
           "buffer = 0, element = f16, sizes = [64, 8], strides = [128], box = "
           "[64, 8]}]}} {\n%s = llvm.mlir.addressof @s : !llvm.ptr<3>\n%c = "
           "arith.constant 0 : i32\n"
           "nvvm.cp.async.bulk.tensor.global.shared.cta %m, %s, box[" +
           box + "] " + mode + ": !llvm.ptr, !llvm.ptr<3>\nreturn\n}";
  };
  EXPECT_THAT(errorOf(store("%c, %c", "")),
              HasSubstr("'llvm.nvvm.cp.async.bulk.tensor.s2g.tile.2d' needs "
                        "sm_90"));
  EXPECT_THAT(
      errorOf(store("%c, %c, %c, %c, %c",
                    "{mode = #nvvm.tma_store_mode<tile_scatter4>} ")),
      HasSubstr("'llvm.nvvm.cp.async.bulk.tensor.s2g.tile.scatter4.2d' needs "
                "sm_100"));
}

/// A kernel with an argument of memory and one that `map` describes.
std::string withMap(const std::string &map) {
  return "func.func @f(%x: !llvm.ptr<1>, %m: !llvm.ptr) attributes {tok.launch "
         "= {threads = 32, shared = 0, maps = [" +
         map + "]}} { return }";
}

TEST(CudaTarget, HandsMapsOn) {
  llvm::Expected<CudaCode> code = compile(
      withMap("{argument = 1, buffer = 0, element = bf16, sizes = [128, -1], "
              "strides = [512], box = [64, 16], swizzle = 128}"));
  ASSERT_TRUE(bool(code)) << llvm::toString(code.takeError());
  ASSERT_EQ(code->kernels[0].maps.size(), 1u);
  const CudaTensorMap &map = code->kernels[0].maps[0];
  EXPECT_EQ(map.argument, 1);
  EXPECT_EQ(map.buffer, 0);
  EXPECT_EQ(map.cache, -1);
  EXPECT_EQ(map.element, "bf16");
  EXPECT_EQ(map.elementBytes, 2);
  EXPECT_THAT(map.sizes, testing::ElementsAre(128, -1));
  EXPECT_THAT(map.strides, testing::ElementsAre(512));
  EXPECT_THAT(map.box, testing::ElementsAre(64, 16));
  EXPECT_EQ(map.swizzle, 128);
  EXPECT_EQ(map.lastSize(5 * 512), 5);
  CudaTensorMap row = map;
  row.sizes = {-1};
  row.strides = {};
  EXPECT_EQ(row.lastSize(5 * 512), 5 * 256);
  // By value, as the instructions demand.
  EXPECT_THAT(code->ptx, HasSubstr(".param .align 64 .b8 f_param_1[128]"));
}

TEST(CudaTarget, HandsMapsOfOneDimensionOn) {
  llvm::Expected<CudaCode> code =
      compile(withMap("{argument = 1, buffer = 0, element = f32, sizes = [-1], "
                      "strides = [], box = [32], swizzle = 128}"));
  ASSERT_TRUE(bool(code)) << llvm::toString(code.takeError());
  const CudaTensorMap &map = code->kernels[0].maps[0];
  EXPECT_TRUE(map.strides.empty());
  EXPECT_EQ(map.lastSize(5 * 4), 5);
}

TEST(CudaTarget, RefusesMapsThatTheDriverWould) {
  std::string good[] = {"argument = 1",    "buffer = 0",      "element = f16",
                        "sizes = [64, 8]", "strides = [128]", "box = [64, 8]",
                        "swizzle = 128"};
  struct {
    int number;
    const char *instead, *error;
  } const cases[] = {
      {0, "argument = 0", "to be an 'argument' of type !llvm.ptr"},
      {0, "argument = 2", "to have 'argument' from 0 to 1, but got 2"},
      {1, "buffer = 1", "to be of a 'buffer', an argument of type"},
      {1, "cache = -1", "to have 'cache' from 0 to 1023, but got -1"},
      {2, "element = f64", "to have an 'element' of 1, 2 or 4 bytes"},
      {3, "sizes = [64]", "to have 2 integers in 'sizes'"},
      {3, "sizes = [-1, 8]", "-1 in the last only"},
      {4, "strides = [100]", "to have 'strides' from 16 to"},
      {5, "box = [64, 257]", "to have 'box' from 1 to 256"},
      {5, "box = []", "to have a 'box' of 1 to 5 dimensions"},
      {5, "box = [64]", "to have 1 integers in 'sizes'"},
      {5, "box = [64, 1, 1, 1, 1, 1]", "to have a 'box' of 1 to 5 dimensions"},
      {5, "box = [32, 8]", "of as many as are swizzled, but got 64"},
      {6, "swizzle = 16", "to have a 'swizzle' of 0, 32, 64 or 128 bytes"},
      {6, "swizzle = \"128\"", "to have 'swizzle' from 0 to 128, but got"},
      {3, "sizes = [18446744073709551617 : i128, 8]", "to have 'sizes' from"},
      {6, "swizle = 128", "swizzle only, but got 'swizle'"}};
  for (const auto &[number, instead, error] : cases) {
    std::string map;
    for (int i = 0; i < 7; ++i)
      map += (i ? ", " : "{") + (i == number ? instead : good[i]);
    EXPECT_THAT(errorOf(withMap(map + "}")), HasSubstr(error));
  }
  EXPECT_THAT(errorOf(withMap("1")), HasSubstr("to be a dictionary, but got"));
  std::string map = "{argument = 1, buffer = 0, element = f16, sizes = [64, "
                    "8], strides = [128], box = [64, 8]}";
  EXPECT_EQ(errorOf(withMap(map)), "");
  EXPECT_THAT(errorOf(withMap(map + ", " + map)),
              HasSubstr("expects map 1 of 'tok.launch' to be of an argument of "
                        "its own, but got 1 again"));
}

TEST(CudaTarget, RefusesProductsOfWarpgroupsWhereThereAreNone) {
  std::string text =
      "func.func @f(%d: i64) attributes {tok.launch = {threads = 128, shared = "
      "0}} {\n%s = llvm.inline_asm has_side_effects asm_dialect = att \"";
  CudaAssembly form{CudaAssembly::Kind::Multiply};
  form.columns = 8;
  text += form.text() + "\", \"" + form.constraints() +
          "\" %d, %d : (i64, i64) -> !llvm.struct<(f32, f32, f32, f32)>\n"
          "return\n}";
  EXPECT_THAT(errorOf(text), HasSubstr("products of warpgroups need sm_90a"));
}

std::string errorOfFake(const std::string &body) {
  FakePtxas fake(body);
  llvm::Expected<CudaBinary> binary = assemblePtx(fake.path, "", sm80());
  return binary ? "" : llvm::toString(binary.takeError());
}

TEST(Ptxas, SaysWhereItIsMissing) {
  setenv("TOKOPT_PTXAS", "/no/such/program", 1);
  llvm::Expected<std::string> found = findPtxas();
  unsetenv("TOKOPT_PTXAS");
  ASSERT_FALSE(bool(found));
  EXPECT_EQ(llvm::toString(found.takeError()),
            "TOKOPT_PTXAS names '/no/such/program', which is not a program: "
            "expected the path of one");
}

TEST(Ptxas, RefusesAnOldOrAFailingOne) {
  EXPECT_THAT(
      errorOfFake("echo 'Cuda compilation tools, release 11.8, V11.8.89'"),
      HasSubstr("is of release 11, but at least 12 is needed"));
  EXPECT_THAT(errorOfFake("echo hello"), HasSubstr("does not say its release"));
  EXPECT_THAT(errorOfFake("[ \"$1\" = --version ] && echo 'release 13.0,' && "
                          "exit 0\necho 'ptxas fatal : no luck'\nexit 3"),
              HasSubstr("failed: ptxas fatal : no luck"));
}

TEST(Ptxas, GivesUpNoOptimizationSilently) {
  FakePtxas fake(
      "[ \"$1\" = --version ] && echo 'release 13.0,' && exit 0\n"
      "echo \"ptxas info    : (C7510) Potential Performance Loss: "
      "wgmma.mma_async instructions are serialized\"\n"
      "echo \"ptxas info    : Compiling entry function 'f' for 'sm_80'\"\n"
      "echo '    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill "
      "loads'\n"
      "echo 'ptxas info    : Used 40 registers, used 2 barriers, 32 bytes "
      "smem, 400 bytes cmem[0]'");
  llvm::Expected<CudaBinary> binary = assemblePtx(fake.path, "", sm80());
  ASSERT_TRUE(bool(binary)) << llvm::toString(binary.takeError());
  ASSERT_EQ(binary->kernels.size(), 1u);
  const PtxasKernel &kernel = binary->kernels[0];
  EXPECT_EQ(kernel.name, "f");
  EXPECT_EQ(kernel.registers, 40);
  EXPECT_EQ(kernel.barriers, 2);
  EXPECT_EQ(kernel.sharedBytes, 32);
  EXPECT_EQ(kernel.stackBytes, 16);
  EXPECT_THAT(llvm::toString(checkBinary(*binary)),
              HasSubstr("kernel f spills registers: 8 bytes of stores, 12 "
                        "bytes of loads"));
  binary->kernels[0].spillStoreBytes = binary->kernels[0].spillLoadBytes = 0;
  EXPECT_THAT(llvm::toString(checkBinary(*binary)),
              HasSubstr("kernel f has 16 bytes of stack"));
  binary->kernels[0].stackBytes = 0;
  EXPECT_THAT(llvm::toString(checkBinary(*binary)), HasSubstr("C7510"));
}

/// The real one: a kernel that fits passes, one that does not is refused.
TEST(Ptxas, FindsPlantedSpills) {
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << llvm::toString(ptxas.takeError());
  for (auto [count, spills] : {std::pair(16, false), {200, true}}) {
    // 1024 threads leave 64 registers each.
    llvm::Expected<CudaCode> code = compile(manyValues(count, 1024));
    ASSERT_TRUE(bool(code)) << llvm::toString(code.takeError());
    llvm::Expected<CudaBinary> binary = assemblePtx(*ptxas, code->ptx, sm80());
    ASSERT_TRUE(bool(binary)) << llvm::toString(binary.takeError());
    EXPECT_EQ(llvm::toString(checkBinary(*binary)).empty(), !spills) << count;
  }
}

} // namespace
