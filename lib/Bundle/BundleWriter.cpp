//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Putting a bundle together. In the order of the file:
//
//   what the linker wrote, less its section headers
//   .tok.metadata
//   .note.tokopt
//   .shstrtab, once more and longer
//   .tok.weights, page aligned
//   section headers
//
// All but the weights is kept in memory. The weights are streamed to the file
// and hashed there, after which the manifest, and with it the digest, is known.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "Manifest.h"
#include "tokopt/OutputFile.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace tokopt;
using namespace llvm;
using object::ELF64LE;
using object::ELF64LEFile;

static constexpr uint64_t kPageBytes = 4096;
static constexpr StringLiteral kNoteName = "tokopt";
static constexpr uint32_t kNoteType = 1;

namespace {

/// The bundle except for its weights.
class Skeleton {
public:
  /// Takes over what the linker wrote.
  static Expected<Skeleton> create(StringRef linked);

  /// Append a section to the part before the weights. Return its offset.
  uint64_t addSection(StringRef name, uint32_t type, uint64_t alignment,
                      ArrayRef<uint8_t> contents);
  /// Says how large the weights are. No section can be added afterwards.
  Error addWeights(uint64_t bytes);

  /// The part before the weights; its size is the weights' offset.
  std::vector<uint8_t> head;
  /// The part behind the weights: padding and section headers.
  std::vector<uint8_t> tail;

private:
  void addHeader(StringRef name, const ELF64LE::Shdr &section);

  std::vector<ELF64LE::Shdr> sections;
  std::string names;
  /// The first address behind all segments.
  uint64_t endAddress = 0;
};

} // namespace

template <typename T>
static void appendBytes(std::vector<uint8_t> &bytes, const T &value) {
  const auto *data = reinterpret_cast<const uint8_t *>(&value);
  bytes.insert(bytes.end(), data, data + sizeof(T));
}

Expected<Skeleton> Skeleton::create(StringRef linked) {
  auto file = ELF64LEFile::create(linked);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  auto names = file->getSectionStringTable(*sections);
  if (!names)
    return names.takeError();
  auto segments = file->program_headers();
  if (!segments)
    return segments.takeError();

  Skeleton skeleton;
  for (const auto &segment : *segments)
    if (segment.p_type == ELF::PT_LOAD)
      skeleton.endAddress = std::max<uint64_t>(
          skeleton.endAddress, segment.p_vaddr + segment.p_memsz);
  skeleton.names = *names;
  skeleton.sections = *sections;
  // Linkers put the section headers last; ours replace them.
  StringRef contents = linked.take_front(file->getHeader().e_shoff);
  uint64_t end = 0;
  for (const auto &section : *sections)
    if (section.sh_type != ELF::SHT_NOBITS)
      end = std::max<uint64_t>(end, section.sh_offset + section.sh_size);
  if (end > contents.size())
    contents = linked;
  skeleton.head.assign(contents.bytes_begin(), contents.bytes_end());
  return skeleton;
}

void Skeleton::addHeader(StringRef name, const ELF64LE::Shdr &section) {
  sections.push_back(section);
  sections.back().sh_name = names.size();
  names.append(name.begin(), name.end());
  names.push_back('\0');
}

uint64_t Skeleton::addSection(StringRef name, uint32_t type, uint64_t alignment,
                              ArrayRef<uint8_t> contents) {
  head.resize(alignTo(head.size(), alignment));
  ELF64LE::Shdr section = {};
  section.sh_type = type;
  section.sh_addralign = alignment;
  section.sh_offset = head.size();
  section.sh_size = contents.size();
  addHeader(name, section);
  head.insert(head.end(), contents.begin(), contents.end());
  return section.sh_offset;
}

Error Skeleton::addWeights(uint64_t bytes) {
  ELF64LE::Shdr weights = {};
  weights.sh_type = ELF::SHT_PROGBITS;
  weights.sh_flags = ELF::SHF_ALLOC;
  weights.sh_addralign = kPageBytes;
  // In no segment, so the address means nothing; but tools that sort sections
  // by address must not find it among the code.
  weights.sh_addr = alignTo(endAddress, kPageBytes);
  weights.sh_size = bytes;
  addHeader(".tok.weights", weights);

  auto &header = *reinterpret_cast<ELF64LE::Ehdr *>(head.data());
  ELF64LE::Shdr &nameSection = sections[header.e_shstrndx];
  nameSection.sh_offset = head.size();
  nameSection.sh_size = names.size();
  head.insert(head.end(), names.begin(), names.end());
  head.resize(alignTo(head.size(), kPageBytes));
  sections.back().sh_offset = head.size();

  uint64_t end = head.size() + bytes;
  tail.assign(alignTo(end, alignof(uint64_t)) - end, 0);
  if (sections.size() >= ELF::SHN_LORESERVE)
    return createStringError(inconvertibleErrorCode(),
                             "the linked code has too many sections");
  // `head` has grown: the header is somewhere else now.
  auto &moved = *reinterpret_cast<ELF64LE::Ehdr *>(head.data());
  moved.e_shoff = end + tail.size();
  moved.e_shnum = sections.size();
  for (const ELF64LE::Shdr &section : sections)
    appendBytes(tail, section);
  return Error::success();
}

/// The note: header, name, digest (zero as yet) and manifest.
static std::vector<uint8_t> makeNote(StringRef manifest) {
  std::vector<uint8_t> note;
  auto appendWord = [&](uint32_t value) {
    appendBytes(note, support::ulittle32_t(value));
  };
  appendWord(kNoteName.size() + 1);
  appendWord(sizeof(Hash128) + manifest.size());
  appendWord(kNoteType);
  note.insert(note.end(), kNoteName.begin(), kNoteName.end());
  note.resize(alignTo(note.size() + 1, 4));
  note.resize(note.size() + sizeof(Hash128));
  note.insert(note.end(), manifest.bytes_begin(), manifest.bytes_end());
  note.resize(alignTo(note.size(), 4));
  return note;
}

/// Offset of the digest from the start of the note: three words and the name,
/// which with its zero fills two.
static constexpr uint64_t kDigestOffset = 3 * 4 + 8;

/// Links the code of all levels and finds the entries.
static Expected<SmallVector<char, 0>>
linkLevels(const Bundle &bundle, StringRef linker,
           std::vector<ManifestLevel> &levels) {
  if (bundle.levels.empty())
    return createStringError(inconvertibleErrorCode(),
                             "a bundle needs code for at least one level");
  SmallVector<StringRef> objects;
  for (const LevelCode &level : bundle.levels)
    objects.push_back(StringRef(level.object.data(), level.object.size()));
  Expected<SmallVector<char, 0>> linked = linkSharedObject(objects, linker);
  if (!linked)
    return linked.takeError();
  StringRef image(linked->data(), linked->size());
  for (const LevelCode &level : bundle.levels) {
    ManifestLevel &found = levels.emplace_back();
    found.name = level.name;
    found.features = level.features;
    for (const std::string &entry : bundle.entries) {
      Expected<uint64_t> address = findEntry(image, entry + "." + level.name);
      if (!address)
        return address.takeError();
      found.entries.emplace_back(entry, *address);
    }
  }
  return linked;
}

/// Appends bytes.
static Error write(OutputFile &file, ArrayRef<uint8_t> bytes) {
  file.os().write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  // A full disk is seen before all weights have been packed.
  return file.os().has_error() ? file.flush() : Error::success();
}

/// Overwrites the first bytes.
static Error rewrite(OutputFile &file, ArrayRef<uint8_t> bytes) {
  file.os().pwrite(reinterpret_cast<const char *>(bytes.data()), bytes.size(),
                   0);
  return file.flush();
}

/// Hashes a part that was written; `offset` is a multiple of a page.
static Expected<Hash128> hash(OutputFile &file, uint64_t offset,
                              uint64_t bytes) {
  if (Error error = file.flush())
    return error;
  if (bytes == 0)
    return hashBytes({});
  std::error_code code;
  sys::fs::mapped_file_region region(
      sys::fs::convertFDToNativeFile(file.getDescriptor()),
      sys::fs::mapped_file_region::readonly, bytes, offset, code);
  if (code)
    return createStringError(code,
                             formatv("{0}: cannot map what was written: {1}",
                                     file.getPath(), code.message()));
  return hashBytes(
      ArrayRef(reinterpret_cast<const uint8_t *>(region.const_data()), bytes));
}

static Error writeContents(OutputFile &file, const Bundle &bundle,
                           StringRef linker) {
  std::vector<ManifestLevel> levels;
  Expected<SmallVector<char, 0>> linked = linkLevels(bundle, linker, levels);
  if (!linked)
    return linked.takeError();
  auto skeleton = Skeleton::create(StringRef(linked->data(), linked->size()));
  if (!skeleton)
    return skeleton.takeError();

  int64_t weightBytes = bundle.weights ? bundle.weights->getBytes() : 0;
  auto makeNoteWithHash = [&](const Hash128 &hash) {
    return makeNote(
        printManifest(bundle.manifest, levels, weightBytes, hashToHex(hash)));
  };
  skeleton->addSection(".tok.metadata", ELF::SHT_PROGBITS, 8, bundle.metadata);
  std::vector<uint8_t> note = makeNoteWithHash({});
  uint64_t noteOffset =
      skeleton->addSection(".note.tokopt", ELF::SHT_NOTE, 4, note);
  if (Error error = skeleton->addWeights(weightBytes))
    return error;

  // The head is written twice: it holds the place until the hash is known.
  std::vector<uint8_t> &head = skeleton->head;
  if (Error error = write(file, head))
    return error;
  if (bundle.weights)
    if (Error error = bundle.weights->produce(
            [&](ArrayRef<uint8_t> piece) { return write(file, piece); }))
      return error;
  if (Error error = write(file, skeleton->tail))
    return error;
  Expected<Hash128> weightHash = hash(file, head.size(), weightBytes);
  if (!weightHash)
    return weightHash.takeError();

  note = makeNoteWithHash(*weightHash);
  llvm::copy(note, head.begin() + noteOffset);
  uint64_t digestOffset = noteOffset + kDigestOffset;
  std::vector<uint8_t> digested(head.begin(), head.begin() + digestOffset);
  digested.insert(digested.end(), head.begin() + digestOffset + sizeof(Hash128),
                  head.end());
  llvm::append_range(digested, skeleton->tail);
  llvm::copy(hashBytes(digested), head.begin() + digestOffset);
  return rewrite(file, head);
}

Error tokopt::writeBundle(StringRef path, const Bundle &bundle,
                          const BundleOptions &options) {
  // Its weights are read back, and its head is written twice.
  if (!OutputFile::isReplaceable(path))
    return createStringError(
        inconvertibleErrorCode(),
        formatv("{0}: is not a regular file; a bundle can only be written to a "
                "file",
                path));
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = writeContents(*file, bundle, options.linker))
    return error;
  return file->keep();
}
