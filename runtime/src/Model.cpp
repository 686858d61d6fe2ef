//===- Model.cpp - Loading a bundle ---------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order is the point: structure, digest, manifest, machine and CPU are
// checked on plain bytes, and only a file that passed them all gets its code
// mapped.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "../cpu/Features.h"
#include "Digest.h"
#include "Guard.h"
#include "Params.h"

#include <cerrno>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tokrt;

#if defined(__x86_64__)
static constexpr char kHostMachine[] = "x86_64";
#else
static constexpr char kHostMachine[] = "aarch64";
#endif

/// A manifest of a thousand kernels has some 100 KB.
static constexpr uint64_t kMaxManifest = 1 << 24;

namespace {

/// A file that is closed at the end.
class File {
public:
  explicit File(int fd) : fd(fd) {}
  ~File() {
    if (fd >= 0)
      close(fd);
  }
  File(const File &) = delete;
  const int fd;
};

class Loader {
public:
  Loader(tokrt_model_t &model, const tokrt_model_params_t &params,
         tokrt_error_t *error)
      : model(model), params(params), path(model.path.c_str()), error(error) {}

  tokrt_status_t load();

private:
  template <typename... Args>
  tokrt_status_t refuse(tokrt_status_t status, const char *format,
                        Args... args) {
    return fail(error, status, format, path, args...);
  }

  tokrt_status_t findNote();
  tokrt_status_t checkDigest(int fd);
  tokrt_status_t chooseLevel();
  tokrt_status_t mapWeights(int fd);
  tokrt_status_t mapCode(int fd);

  tokrt_model_t &model;
  const tokrt_model_params_t &params;
  const char *path;
  tokrt_error_t *error;
  FileRange storedDigest;
};

/// Finds the digest and the manifest in the note.
tokrt_status_t Loader::findNote() {
  FileRange range = model.elf.note;
  Elf64_Nhdr note;
  static constexpr char kName[8] = "tokopt"; // with its zero and the padding
  constexpr uint64_t kStart = sizeof note + sizeof kName;
  const uint8_t *bytes = model.head.data() + range.offset;
  if (range.size >= sizeof note)
    memcpy(&note, bytes, sizeof note);
  if (range.size < kStart || note.n_namesz != 7 || note.n_type != 1 ||
      memcmp(bytes + sizeof note, kName, 7) != 0)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: section .note.tokopt: found no ELF note of name tokopt "
                  "and type 1 in its %" PRIu64 " bytes; give a file that "
                  "tokopt-compile wrote",
                  range.size);
  if (note.n_descsz > range.size - kStart || note.n_descsz < sizeof(Digest) ||
      note.n_descsz > kMaxManifest)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: section .note.tokopt: found a descriptor of %u bytes, "
                  "expected 16 to %" PRIu64 "; copy the file again",
                  note.n_descsz,
                  range.size - kStart < kMaxManifest ? range.size - kStart
                                                     : kMaxManifest);
  storedDigest = {range.offset + kStart, sizeof(Digest)};
  model.manifestText =
      reinterpret_cast<const char *>(model.head.data()) + storedDigest.end();
  model.manifestSize = note.n_descsz - sizeof(Digest);
  return TOKRT_OK;
}

tokrt_status_t Loader::checkDigest(int fd) {
  FileRange weights = model.elf.weights;
  FileRange tail{weights.end(), model.fileBytes - weights.end()};
  // The section headers; a longer tail would let the file grow without bound.
  constexpr uint64_t kMaxTail = 1 << 16;
  if (tail.size > kMaxTail)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: end of the file: found %" PRIu64 " bytes after section "
                  ".tok.weights, expected at most %" PRIu64
                  "; copy the file again",
                  tail.size, kMaxTail);
  std::vector<uint8_t> tailBytes(tail.size);
  if (auto status = readFile(fd, tail, tailBytes.data(), path, error))
    return status;
  const uint8_t *head = model.head.data();
  Digest found = digest(head, storedDigest.offset, head + storedDigest.end(),
                        weights.offset - storedDigest.end(), tailBytes.data(),
                        tailBytes.size());
  Digest expected;
  memcpy(expected.bytes, head + storedDigest.offset, sizeof expected.bytes);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  // A fuzzer would never get past a hash; what is behind it must hold anyway.
  expected = found;
#endif
  if (memcmp(found.bytes, expected.bytes, sizeof found.bytes) != 0)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: digest: found %s, expected %s; the file was changed or "
                  "damaged: copy it again or compile it again",
                  found.hex().c_str(), expected.hex().c_str());
  return TOKRT_OK;
}

tokrt_status_t Loader::chooseLevel() {
  const char *wanted = params.level;
  const char *who = "the load parameter";
  if (!wanted) {
    wanted = getenv("TOKOPT_LEVEL");
    who = "TOKOPT_LEVEL";
  }
  std::string names, missing;
  for (const ManifestLevel &level : model.manifest.levels) {
    names += (names.empty() ? "" : ", ") + level.name;
    if (wanted && *wanted && level.name != wanted)
      continue;
    std::string lacks;
    for (const std::string &feature : level.features)
      if (!hasCpuFeature(feature.c_str()))
        lacks += (lacks.empty() ? "" : " ") + feature;
    if (lacks.empty()) {
      model.level = &level;
      return TOKRT_OK;
    }
    missing += (missing.empty() ? "" : "; ") + level.name + " lacks " + lacks;
  }
  if (missing.empty())
    return refuse(TOKRT_INVALID_ARGUMENT,
                  "%s: manifest key levels: %s asks for \"%s\", found %s; name "
                  "one of these",
                  who, wanted, names.c_str());
  return refuse(TOKRT_UNSUPPORTED,
                "%s: manifest key levels: this CPU runs none (%s); compile the "
                "model for this CPU",
                missing.c_str());
}

tokrt_status_t Loader::mapWeights(int fd) {
  FileRange range = model.elf.weights;
  if (range.size != model.manifest.weightBytes)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: manifest key weights.bytes: found %" PRIu64
                  ", expected the %" PRIu64 " bytes of section .tok.weights; "
                  "compile the model again with tokopt-compile",
                  model.manifest.weightBytes, range.size);
  if (params.copy_weights) {
    if (!model.weights.reserve(range.size, /*huge=*/true))
      return refuse(TOKRT_OUT_OF_MEMORY,
                    "%s: no memory for a copy of %" PRIu64
                    " bytes of weights; load without copying them",
                    range.size);
    if (auto status = readFile(fd, range, model.weights.data(), path, error))
      return status;
    mprotect(model.weights.data(), model.weights.size(), PROT_READ);
  } else if (!model.weights.mapFile(fd, range.offset, range.size,
                                    /*shared=*/true, /*populate=*/false)) {
    return refuse(TOKRT_IO, "%s: cannot map the weights: %s", strerror(errno));
  } else {
    // All of them are read soon: let the system fetch what it does not have.
    madvise(model.weights.data(), model.weights.size(), MADV_WILLNEED);
  }
  if (!params.verify_weights)
    return TOKRT_OK;
  std::string found = digest(model.weights.data(), range.size).hex();
  if (found != model.manifest.weightHash)
    return refuse(TOKRT_INVALID_FILE,
                  "%s: manifest key weights.hash: found weights of hash %s, "
                  "expected %s; copy the file again or compile it again",
                  found.c_str(), model.manifest.weightHash.c_str());
  return TOKRT_OK;
}

tokrt_status_t Loader::mapCode(int fd) {
  const ElfSegment &last = model.elf.segments.back();
  uint64_t entry = model.level->step;
  bool runs = false;
  for (const ElfSegment &segment : model.elf.segments)
    runs |= segment.executable && entry >= segment.address &&
            entry - segment.address < segment.range.size;
  if (!runs)
    return refuse(
        TOKRT_INVALID_FILE,
        "%s: manifest key levels: entry step of level %s at 0x%" PRIx64
        " is in no executable segment; compile the model again with "
        "tokopt-compile",
        model.level->name.c_str(), entry);
  uint64_t first = model.elf.segments.front().address / kFilePage * kFilePage;
  uint64_t span = alignUp(last.address + last.range.size, kFilePage) - first;
  if (!model.code.reserveAddresses(span))
    return refuse(TOKRT_OUT_OF_MEMORY,
                  "%s: no address space for %" PRIu64 " bytes of code", span);
  for (const ElfSegment &segment : model.elf.segments) {
    uint64_t lead = segment.address % kFilePage;
    void *at = model.code.data() + (segment.address - lead - first);
    int protection = PROT_READ | (segment.executable ? PROT_EXEC : 0);
    // Of the file and not of a copy, so that profilers can name the code.
    if (mmap(at, segment.range.size + lead, protection, MAP_PRIVATE | MAP_FIXED,
             fd, static_cast<off_t>(segment.range.offset - lead)) == MAP_FAILED)
      return refuse(TOKRT_IO,
                    "%s: cannot map a segment of code: %s; is its file system "
                    "mounted noexec?",
                    strerror(errno));
  }
  model.step = reinterpret_cast<StepFn>(model.code.data() + (entry - first));
  return TOKRT_OK;
}

tokrt_status_t Loader::load() {
  // Not blocking, because a pipe would wait for its writer before it could be
  // refused.
  File file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (file.fd < 0 || fstat(file.fd, &info) != 0)
    return refuse(TOKRT_IO, "%s: cannot open the bundle: %s", strerror(errno));
  if (!S_ISREG(info.st_mode))
    return refuse(TOKRT_IO,
                  "%s: found no regular file; name a bundle that "
                  "tokopt-compile wrote%s",
                  "");
  model.fileBytes = static_cast<uint64_t>(info.st_size);
  if (auto status =
          readElfSections(file.fd, model.fileBytes, path, &model.elf, error))
    return status;
  // All of the head is hashed below, so let the kernel map it in one go.
  if (!model.head.mapFile(file.fd, 0, model.elf.weights.offset,
                          /*shared=*/false, /*populate=*/true))
    return refuse(TOKRT_IO, "%s: cannot map the file: %s", strerror(errno));
  if (auto status = findNote())
    return status;
  if (auto status = checkDigest(file.fd))
    return status;
  if (auto status = readElfSegments(model.head.data(), path, &model.elf, error))
    return status;
  if (auto status = parseManifest(model.manifestText, model.manifestSize, path,
                                  &model.manifest, error))
    return status;
  if (model.manifest.machine != kHostMachine)
    return refuse(TOKRT_UNSUPPORTED,
                  "%s: manifest key machine: found \"%.64s\", expected \"%s\"; "
                  "compile the model for this kind of machine",
                  model.manifest.machine.c_str(), kHostMachine);
  if (!params.describe_only)
    if (auto status = chooseLevel())
      return status;
  if (auto status = mapWeights(file.fd))
    return status;
  return params.describe_only ? TOKRT_OK : mapCode(file.fd);
}

} // namespace

tokrt_status_t tokrt_model_load(const char *path,
                                const tokrt_model_params_t *params,
                                tokrt_model_t **out_model,
                                tokrt_error_t *error) {
  if (!path || !out_model)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_model_load: found a null pointer, expected a path and a "
                "place for the model");
  tokrt_model_params_t known;
  if (auto status =
          readParams("tokrt_model_load", tokrt_model_params_init_sized, params,
                     &known, error))
    return status;
  return guarded(error, path, [&] {
    auto model = std::make_unique<tokrt_model_t>();
    model->path = path;
    tokrt_status_t status = Loader(*model, known, error).load();
    if (status == TOKRT_OK)
      *out_model = model.release();
    return status;
  });
}

void tokrt_model_destroy(tokrt_model_t *model) { delete model; }

void tokrt_model_info(const tokrt_model_t *model,
                      tokrt_model_info_t *out_info) {
  const Manifest &manifest = model->manifest;
  *out_info = {};
  out_info->arch = manifest.arch.c_str();
  out_info->name = manifest.name.c_str();
  out_info->producer = manifest.producer.c_str();
  out_info->backend = manifest.backend.c_str();
  out_info->level = model->level ? model->level->name.c_str() : nullptr;
  out_info->layers = manifest.layers;
  out_info->width = manifest.width;
  out_info->vocab = manifest.vocab;
  out_info->context = manifest.context;
  out_info->file_bytes = model->fileBytes;
  out_info->weight_bytes = manifest.weightBytes;
  for (const ManifestCache &cache : manifest.caches)
    out_info->cache_bytes_per_page += cache.pageBytes;
}

void tokrt_model_metadata(const tokrt_model_t *model, const void **out_data,
                          size_t *out_size) {
  *out_data = model->head.data() + model->elf.metadata.offset;
  *out_size = model->elf.metadata.size;
}

size_t tokrt_model_section_count(const tokrt_model_t *model) {
  return model->elf.sections.size();
}

void tokrt_model_section(const tokrt_model_t *model, size_t index,
                         tokrt_section_t *out_section) {
  const ElfSection &section = model->elf.sections[index];
  *out_section = {section.name.c_str(), section.range.offset,
                  section.range.size};
}

int tokrt_cpu_has(const char *feature) { return hasCpuFeature(feature); }

void tokrt_model_manifest(const tokrt_model_t *model, const char **out_data,
                          size_t *out_size) {
  *out_data = model->manifestText;
  *out_size = model->manifestSize;
}
