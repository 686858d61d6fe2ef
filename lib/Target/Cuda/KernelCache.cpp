//===- KernelCache.cpp - Kernels that were built before -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file is, in this order: the SHA-256 of what follows, a line of JSON that
// says what ptxas reported and how long the rest is, the PTX, the cubin.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/KernelCache.h"

#include "tokopt/OutputFile.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SHA256.h"

using namespace llvm;
using namespace tokopt;

std::string tokopt::getCudaCacheFolder() {
  if (auto named = sys::Process::GetEnv("TOKOPT_CACHE"))
    return *named;
  SmallString<128> path;
  if (!sys::path::cache_directory(path))
    return "";
  sys::path::append(path, "tokopt", "kernels");
  return path.str().str();
}

static std::string digestOf(StringRef text) {
  SHA256 hash;
  hash.update(text);
  return toHex(hash.final(), /*LowerCase=*/true);
}

std::string KernelCache::keyOf(ArrayRef<StringRef> parts) {
  // Lengths keep two lists of parts apart that are the same text.
  std::string text;
  for (StringRef part : parts)
    (text += utostr(part.size()) + ":") += part;
  return digestOf(text);
}

std::string KernelCache::pathOf(StringRef key) const {
  // LLVM drops files with this beginning only.
  SmallString<128> path(folder);
  sys::path::append(path, "llvmcache-" + key);
  return path.str().str();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace tokopt {
static json::Value toJSON(const PtxasKernel &kernel) {
  return json::Object{
      {"name", kernel.name},
      {"registers", kernel.registers},
      {"stack_bytes", kernel.stackBytes},
      {"spill_store_bytes", kernel.spillStoreBytes},
      {"spill_load_bytes", kernel.spillLoadBytes},
      {"shared_bytes", kernel.sharedBytes},
      {"barriers", kernel.barriers},
  };
}

static bool fromJSON(const json::Value &value, PtxasKernel &kernel,
                     json::Path path) {
  json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("name", kernel.name) &&
         mapper.map("registers", kernel.registers) &&
         mapper.map("stack_bytes", kernel.stackBytes) &&
         mapper.map("spill_store_bytes", kernel.spillStoreBytes) &&
         mapper.map("spill_load_bytes", kernel.spillLoadBytes) &&
         mapper.map("shared_bytes", kernel.sharedBytes) &&
         mapper.map("barriers", kernel.barriers);
}

namespace {

/// The line of JSON.
struct Header {
  std::string hash;
  std::vector<PtxasKernel> kernels;
  std::vector<std::string> notes;
  uint64_t ptxBytes = 0, cubinBytes = 0;
};

bool fromJSON(const json::Value &value, Header &header, json::Path path) {
  json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("llvm_ir", header.hash) &&
         mapper.map("kernels", header.kernels) &&
         mapper.map("notes", header.notes) &&
         mapper.map("ptx_bytes", header.ptxBytes) &&
         mapper.map("cubin_bytes", header.cubinBytes);
}

} // namespace

} // namespace tokopt

static std::string write(const CudaImage &image) {
  json::Array kernels;
  for (const PtxasKernel &kernel : image.binary.kernels)
    kernels.push_back(toJSON(kernel));
  std::string text;
  raw_string_ostream(text) << json::Value(json::Object{
      {"llvm_ir", image.hash},
      {"kernels", std::move(kernels)},
      {"notes", image.binary.notes},
      {"ptx_bytes", static_cast<int64_t>(image.ptx.size())},
      {"cubin_bytes", static_cast<int64_t>(image.binary.cubin.size())},
  });
  text += "\n" + image.ptx + image.binary.cubin;
  return digestOf(text) + text;
}

static std::optional<CudaImage> read(StringRef text) {
  constexpr size_t kDigits = 64;
  StringRef rest = text.drop_front(std::min(kDigits, text.size()));
  if (digestOf(rest) != text.take_front(kDigits))
    return std::nullopt;
  auto [line, bytes] = rest.split('\n');
  Expected<Header> header = json::parse<Header>(line);
  if (!header) {
    consumeError(header.takeError());
    return std::nullopt;
  }
  if (header->ptxBytes > bytes.size() ||
      header->cubinBytes != bytes.size() - header->ptxBytes)
    return std::nullopt;
  CudaImage image;
  image.hash = std::move(header->hash);
  image.ptx = bytes.take_front(header->ptxBytes).str();
  image.binary.kernels = std::move(header->kernels);
  image.binary.notes = std::move(header->notes);
  image.binary.cubin = bytes.drop_front(header->ptxBytes).str();
  image.isFromCache = true;
  return image;
}

std::optional<CudaImage> KernelCache::find(StringRef key) const {
  if (folder.empty())
    return std::nullopt;
  Expected<sys::fs::file_t> file =
      sys::fs::openNativeFileForRead(pathOf(key), sys::fs::OF_UpdateAtime);
  if (!file) {
    consumeError(file.takeError());
    return std::nullopt;
  }
  scope_exit close([&] { (void)sys::fs::closeFile(*file); });
  auto text = MemoryBuffer::getOpenFile(*file, key, /*FileSize=*/-1,
                                        /*RequiresNullTerminator=*/false);
  if (!text)
    return std::nullopt;
  return read((*text)->getBuffer());
}

Error KernelCache::keep(StringRef key, const CudaImage &image) const {
  if (folder.empty())
    return Error::success();
  if (std::error_code error = sys::fs::create_directories(folder))
    return createStringError(folder + ": cannot be made: " + error.message());
  Expected<OutputFile> file = OutputFile::create(pathOf(key));
  if (!file)
    return file.takeError();
  file->os() << write(image);
  return file->keep();
}

void KernelCache::prune(uint64_t limit) const {
  CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0);
  policy.Expiration = std::chrono::seconds(0);
  policy.MaxSizePercentageOfAvailableSpace = 0;
  policy.MaxSizeBytes = limit;
  pruneCache(folder, policy);
}
