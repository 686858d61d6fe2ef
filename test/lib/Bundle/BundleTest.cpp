//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From text to a whole bundle, which is then read back with nothing of the
// writer's code.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Bundle.h"
#include "TemporaryFolder.h"
#include "lib/Bundle/Linker.h"
#include "test/lib/Target/CodeTest.h"
#include "llvm/Support/JSON.h"
#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using object::ELF64LEFile;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// libxxhash's, which the runtime uses, in its own canonical form.
std::vector<uint8_t> hashWithLibrary(ArrayRef<uint8_t> bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical,
                           XXH3_128bits(bytes.data(), bytes.size()));
  return std::vector<uint8_t>(canonical.digest, canonical.digest + 16);
}

TEST(Hash, IsThatOfTheLibrary) {
  // One size of each of the algorithm's branches, and both sides of its limits.
  std::vector<uint8_t> bytes(100000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = i * 2654435761u >> 24;
  for (size_t size : {0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025,
                      4096, 100000}) {
    ArrayRef<uint8_t> part = ArrayRef(bytes).take_front(size);
    Hash128 hash = hashBytes(part);
    EXPECT_EQ(std::vector<uint8_t>(hash.begin(), hash.end()),
              hashWithLibrary(part))
        << size;
  }
  EXPECT_EQ(hashToHex(hashBytes({})), "99aa06d3014798d86001c324468d497f");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

constexpr StringLiteral kStep = R"mlir(
  memref.global "private" constant @table : memref<4xi64> = dense<[5, 6, 7, 8]>
  func.func @step(%frame: memref<24xi64>, %worker: i64) {
    %i = arith.index_cast %worker : i64 to index
    %table = memref.get_global @table : memref<4xi64>
    %value = memref.load %table[%i] : memref<4xi64>
    %slot = arith.constant 5 : index
    memref.store %value, %frame[%slot] : memref<24xi64>
    return
  }
)mlir";

/// A bundle of two levels and three weights.
class BundleTest : public testing::Test {
protected:
  BundleTest() {
    std::vector<uint8_t> file(5000);
    for (size_t i = 0; i < file.size(); ++i)
      file[i] = i * 37 % 255;
    source = folder.makeSource(file);
    addWeights(weights);
    for (const IsaLevel &level : getIsaLevels())
      bundle.levels.push_back({level.name.str(),
                               std::vector<std::string>(level.features.begin(),
                                                        level.features.end()),
                               cantFail(compileText(kStep, level.name))});
    bundle.metadata = source->getBytes().take_front(101);
    bundle.weights = &weights;
    Manifest &manifest = bundle.manifest;
    manifest.producer = "tokopt test";
    manifest.backend = "cpu";
    manifest.arch = "llama";
    manifest.modelName = "broken \xff name";
    manifest.layers = 2;
    manifest.width = 64;
    manifest.vocab = 99;
    manifest.context = 8192;
    manifest.workspaceRowBytes = 123;
    manifest.workspaceFixedBytes = 456;
    manifest.scratchBytes = 789;
    manifest.logitsStride = 112;
    manifest.caches = {{"kv", 64, 4096}};
    manifest.schedule.kind = Manifest::Schedule::Kind::Layered;
    manifest.schedule.budget = 512;
    manifest.schedule.groups = {{0, 1}, {1, 2}};
    manifest.sourceName = "model.gguf";
    manifest.sourceBytes = 5000;
    manifest.sourceHash = hashToHex(hashBytes(source->getBytes()));
    manifest.kernels = {{"k", "linear", "rows=1"}};
    manifest.passes = {{"tok-x", "format=f16", "lossy"}};
  }

  void addWeights(WeightImage &image) {
    cantFail(image.addMatrix(Format::Q8_0, 17, 64, {source, 7, 1156, "a"}));
    cantFail(image.addVector(50, {source, 2000, 200, "b"}));
    cantFail(image.addMatrix(Format::F16, 3, 1, {source, 100, 6, "c"}));
  }

  std::string getError(StringRef path) {
    return toString(writeBundle(path, bundle));
  }

  TemporaryFolder folder;
  std::shared_ptr<const SourceFile> source;
  WeightImage weights;
  Bundle bundle;
};

/// What stands in a bundle, by section.
struct Contents {
  explicit Contents(ArrayRef<uint8_t> file)
      : bytes(file),
        image(reinterpret_cast<const char *>(file.data()), file.size()),
        elf(cantFail(ELF64LEFile::create(image))) {
    for (const auto &section : cantFail(elf.sections()))
      sections[cantFail(elf.getSectionName(section))] = section;
  }

  ArrayRef<uint8_t> get(StringRef name) {
    const auto &section = sections[name];
    return bytes.slice(section.sh_offset, section.sh_size);
  }

  /// The note's descriptor, behind header and name.
  ArrayRef<uint8_t> getDescriptor() {
    ArrayRef<uint8_t> note = get(".note.tokopt");
    uint32_t words[3];
    std::memcpy(words, note.data(), 12);
    EXPECT_EQ(words[0], 7u);
    EXPECT_EQ(words[2], 1u);
    EXPECT_EQ(StringRef(reinterpret_cast<const char *>(note.data()) + 12),
              "tokopt");
    EXPECT_EQ(note.size(), (20 + words[1] + 3) / 4 * 4);
    return note.slice(20, words[1]);
  }

  json::Object getManifest() {
    ArrayRef<uint8_t> text = getDescriptor().drop_front(16);
    return *cantFail(
                json::parse(StringRef(
                    reinterpret_cast<const char *>(text.data()), text.size())))
                .getAsObject();
  }

  ArrayRef<uint8_t> bytes;
  StringRef image;
  ELF64LEFile elf;
  StringMap<ELF64LEFile::Elf_Shdr> sections;
};

TEST_F(BundleTest, HasTheSectionsOfTheSpecification) {
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  Contents contents(file);
  EXPECT_EQ(contents.get(".tok.metadata"), bundle.metadata);

  const auto &section = contents.sections[".tok.weights"];
  EXPECT_EQ(section.sh_offset % 4096, 0u);
  EXPECT_EQ(section.sh_addralign, 4096u);
  EXPECT_EQ(section.sh_flags, ELF::SHF_ALLOC);
  EXPECT_EQ(section.sh_size, static_cast<uint64_t>(weights.getBytes()));
  // Nothing but the section headers follows, and they end the file.
  uint64_t headers = contents.elf.getHeader().e_shoff;
  EXPECT_EQ((section.sh_offset + section.sh_size + 7) / 8 * 8, headers);
  EXPECT_EQ(headers + contents.elf.getHeader().e_shnum * 64, file.size());

  for (const auto &segment : cantFail(contents.elf.program_headers())) {
    if (segment.p_type != ELF::PT_LOAD)
      continue;
    EXPECT_FALSE(segment.p_flags & ELF::PF_W);
    EXPECT_LE(segment.p_offset + segment.p_filesz, section.sh_offset);
  }
  for (auto &entry : contents.sections) {
    EXPECT_NE(entry.second.sh_type, ELF::SHT_REL) << entry.getKey().str();
    EXPECT_NE(entry.second.sh_type, ELF::SHT_RELA) << entry.getKey().str();
    EXPECT_FALSE(entry.second.sh_flags & ELF::SHF_WRITE)
        << entry.getKey().str();
  }

  std::vector<uint8_t> packed;
  cantFail(weights.produce([&](ArrayRef<uint8_t> piece) {
    llvm::append_range(packed, piece);
    return Error::success();
  }));
  EXPECT_EQ(contents.get(".tok.weights"), ArrayRef(packed));
}

TEST_F(BundleTest, CarriesItsDigest) {
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  Contents contents(file);
  ArrayRef<uint8_t> digest = contents.getDescriptor().take_front(16);
  const auto &section = contents.sections[".tok.weights"];
  const uint8_t *start = file.data();
  std::vector<uint8_t> rest(start, digest.data());
  rest.insert(rest.end(), digest.end(), start + section.sh_offset);
  rest.insert(rest.end(), file.begin() + section.sh_offset + section.sh_size,
              file.end());
  EXPECT_EQ(digest, ArrayRef(hashWithLibrary(rest)));

  json::Object manifest = contents.getManifest();
  EXPECT_EQ(*manifest.getObject("weights")->getString("hash"),
            toHex(hashWithLibrary(contents.get(".tok.weights")), true));
  EXPECT_EQ(manifest.getObject("weights")->getInteger("bytes"),
            weights.getBytes());
}

TEST_F(BundleTest, SaysInTheManifestWhatTheRuntimeNeeds) {
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  json::Object manifest = Contents(file).getManifest();
  // Known only after linking or hashing; other tests look at these.
  json::Array levels = std::move(*manifest.getArray("levels"));
  manifest.erase("levels");
  manifest.erase("weights");
  ASSERT_EQ(levels.size(), getIsaLevels().size());
  for (auto [level, found] : llvm::zip_equal(getIsaLevels(), levels)) {
    EXPECT_EQ(found.getAsObject()->getString("name"), level.name);
    EXPECT_EQ(found.getAsObject()->getArray("features")->size(),
              level.features.size());
  }

  auto expected = json::parse(R"json({
    "format": 1, "producer": "tokopt test", "machine": "x86_64",
    "backend": "cpu",
    "model": {"arch": "llama", "name": "broken \uFFFD name", "layers": 2,
              "width": 64, "vocab": 99, "context": 8192},
    "frame": ["workers", "barrier", "yield", "weights", "rows", "full_rows",
              "layer_begin", "layer_end", "ids", "pos", "seq", "outs", "out",
              "logits", "sampling", "seeds", "tokens", "frontier", "workspace",
              "capacity", "scratch", "caches", "instrument",
              "instrument_data"],
    "workspace": {"row_bytes": 123, "fixed_bytes": 456},
    "scratch_bytes": 789, "logits_stride": 112,
    "caches": [{"name": "kv", "slots": 64, "page_bytes": 4096}],
    "schedule": {"kind": "layered", "budget": 512, "groups": [[0, 1], [1, 2]]},
    "source": {"name": "model.gguf", "bytes": 5000, "hash": "HASH"},
    "kernels": [{"name": "k", "family": "linear", "config": "rows=1"}],
    "passes": [{"name": "tok-x", "options": "format=f16", "contract": "lossy"}]
  })json");
  ASSERT_TRUE(!!expected) << toString(expected.takeError());
  (*expected->getAsObject()->getObject("source"))["hash"] =
      toHex(hashWithLibrary(source->getBytes()), true);
  EXPECT_EQ(json::Value(std::move(manifest)), *expected);
}

TEST_F(BundleTest, PrintsTheOtherSchedules) {
  auto writeSchedule = [&]() -> json::Value {
    EXPECT_EQ(getError(folder.getPath("m.so")), "");
    std::vector<uint8_t> file = folder.read("m.so");
    return std::move(*Contents(file).getManifest().get("schedule"));
  };
  bundle.manifest.schedule = {};
  EXPECT_EQ(writeSchedule(), json::Value(json::Object{{"kind", "whole"}}));
  bundle.manifest.schedule.kind = Manifest::Schedule::Kind::Chunked;
  bundle.manifest.schedule.budget = 64;
  EXPECT_EQ(writeSchedule(),
            json::Value(json::Object{{"kind", "chunked"}, {"budget", 64}}));
}

TEST_F(BundleTest, SaysThatItsCodeWasAltered) {
  bundle.manifest.altered = {"avx2: 1 -> 2 in 3 places"};
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  json::Object manifest = Contents(file).getManifest();
  EXPECT_EQ(json::Value(std::move(manifest["altered"])),
            json::Value(json::Array{"avx2: 1 -> 2 in 3 places"}));
}

TEST_F(BundleTest, HoldsCodeThatRuns) {
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  Contents contents(file);
  json::Object manifest = contents.getManifest();
  LoadedImage loaded(contents.image);
  for (const json::Value &value : *manifest.getArray("levels")) {
    const json::Object &level = *value.getAsObject();
    if (!hostRuns(*findIsaLevel(*level.getString("name"))))
      continue;
    uint64_t address = *level.getObject("entries")->getInteger("step");
    uint64_t frame[24] = {};
    loaded.get<void(uint64_t *, uint64_t)>(address)(frame, 2);
    EXPECT_EQ(frame[5], 7u);
  }
}

TEST_F(BundleTest, IsTheSameEachTime) {
  ASSERT_EQ(getError(folder.getPath("one.so")), "");
  // Elsewhere, and over another file.
  TemporaryFolder other;
  other.write("two.so", std::vector<uint8_t>(100000, 1));
  ASSERT_EQ(getError(other.getPath("two.so")), "");
  EXPECT_EQ(folder.read("one.so"), other.read("two.so"));
}

TEST_F(BundleTest, NeedsNoWeights) {
  bundle.weights = nullptr;
  bundle.metadata = {};
  ASSERT_EQ(getError(folder.getPath("m.so")), "");
  std::vector<uint8_t> file = folder.read("m.so");
  Contents contents(file);
  EXPECT_TRUE(contents.get(".tok.weights").empty());
  EXPECT_EQ(*contents.getManifest().getObject("weights")->getString("hash"),
            "99aa06d3014798d86001c324468d497f");
}

//===----------------------------------------------------------------------===//
// What goes wrong
//===----------------------------------------------------------------------===//

TEST_F(BundleTest, NamesAMissingEntry) {
  bundle.entries.push_back("compress");
  EXPECT_THAT(getError(folder.getPath("m.so")),
              HasSubstr("does not define the entry compress.avx512amx"));
  EXPECT_THAT(folder.list(), ElementsAre("model.gguf"));
}

TEST_F(BundleTest, NeedsALevel) {
  bundle.levels.clear();
  EXPECT_THAT(getError(folder.getPath("m.so")), HasSubstr("at least one"));
}

TEST_F(BundleTest, SaysWhyTheLinkerFails) {
  bundle.levels[1] = bundle.levels[0];
  EXPECT_THAT(getError(folder.getPath("m.so")),
              HasSubstr("duplicate symbol: step.avx512amx"));
  bundle.levels.resize(1);
  bundle.levels[0].object.resize(100);
  EXPECT_THAT(getError(folder.getPath("m.so")),
              HasSubstr("failed with status"));
  BundleOptions options;
  options.linker = "/nonexistent/ld";
  EXPECT_THAT(toString(writeBundle(folder.getPath("m.so"), bundle, options)),
              HasSubstr("/nonexistent/ld"));
  EXPECT_THAT(folder.list(), ElementsAre("model.gguf"));
}

TEST_F(BundleTest, RefusesToOverwriteADevice) {
  EXPECT_THAT(getError("/dev/null"), HasSubstr("not a regular file"));
  EXPECT_TRUE(sys::fs::exists("/dev/null"));
}

TEST_F(BundleTest, SaysWhereItCannotWrite) {
  std::string path = folder.getPath("none") + "/m.so";
  EXPECT_THAT(getError(path), HasSubstr(path + ": cannot write: No such file"));
}

TEST_F(BundleTest, FollowsALink) {
  folder.write("m.so", std::vector<uint8_t>(3));
  ASSERT_FALSE(
      sys::fs::create_link(folder.getPath("m.so"), folder.getPath("link.so")));
  ASSERT_EQ(getError(folder.getPath("link.so")), "");
  EXPECT_TRUE(sys::fs::is_symlink_file(folder.getPath("link.so")));
  EXPECT_GT(folder.read("m.so").size(), 4096u);
}

/// Does `work` in another process and returns that one's status.
template <typename Work>
int runApart(Work work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(BundleTest, KeepsTheOldFileWhenTheDiskIsFull) {
  std::vector<uint8_t> old(1000, 42);
  folder.write("m.so", old);
  int status = runApart([&] {
    // Larger files cannot be written; as on a full disk, that is an error of
    // `write` and not a signal.
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {16384, 16384};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<uint8_t> large(100000, 1);
    bundle.metadata = large;
    std::string error = getError(folder.getPath("m.so"));
    _exit(StringRef(error).contains("cannot write: File too large") ? 0 : 1);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(folder.read("m.so"), old);
  EXPECT_THAT(folder.list(), ElementsAre("m.so", "model.gguf"));
}

/// Interrupts its own process.
struct InterruptingProducer : WeightProducer {
  explicit InterruptingProducer(int number) : number(number) {}
  int64_t getBytes() const override { return 1 << 20; }
  Error produce(ByteSink sink) const override {
    if (Error error = sink(std::vector<uint8_t>(1 << 19)))
      return error;
    raise(number);
    return sink(std::vector<uint8_t>(1 << 19));
  }
  int number;
};

TEST_F(BundleTest, KeepsTheOldFileWhenInterrupted) {
  std::vector<uint8_t> old(1000, 42);
  for (int number : {SIGINT, SIGTERM}) {
    folder.write("m.so", old);
    int status = runApart([&] {
      cantFail(weights.add(std::make_unique<InterruptingProducer>(number)));
      consumeError(writeBundle(folder.getPath("m.so"), bundle));
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number);
    EXPECT_EQ(folder.read("m.so"), old);
    EXPECT_THAT(folder.list(), ElementsAre("m.so", "model.gguf"));
  }
}

/// Fails in the middle.
struct FailingProducer : WeightProducer {
  int64_t getBytes() const override { return 1 << 20; }
  Error produce(ByteSink sink) const override {
    if (Error error = sink(std::vector<uint8_t>(1 << 19)))
      return error;
    return createStringError(inconvertibleErrorCode(), "no such expression");
  }
};

TEST_F(BundleTest, KeepsTheOldFileWhenAWeightFails) {
  std::vector<uint8_t> old(1000, 42);
  folder.write("m.so", old);
  cantFail(weights.add(std::make_unique<FailingProducer>()));
  EXPECT_EQ(getError(folder.getPath("m.so")), "no such expression");
  EXPECT_EQ(folder.read("m.so"), old);
  EXPECT_THAT(folder.list(), ElementsAre("m.so", "model.gguf"));
}

} // namespace
