//===- Manifest.cpp - What a bundle says about itself ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "Error.h"
#include "Frame.h"
#include "Json.h"

#include <algorithm>
#include <cfloat>
#include <cinttypes>
#include <initializer_list>

using namespace tokrt;

namespace {

constexpr uint32_t kFormat = 1;

/// A value of the manifest and the path that leads to it, for messages. The
/// readers return a default value after the first error and keep that error, so
/// a caller reads many keys and asks once.
class Reader {
public:
  Reader(const char *file, tokrt_error_t *error) : file(file), error(error) {}

  tokrt_status_t status = TOKRT_OK;

  void expect(const std::string &key, const std::string &found,
              const std::string &expected, tokrt_status_t kind) {
    if (status != TOKRT_OK)
      return;
    status = fail(error, kind,
                  "%s: manifest key %s: found %.200s, expected %.200s; %s",
                  file, key.c_str(), found.c_str(), expected.c_str(),
                  kind == TOKRT_UNSUPPORTED
                      ? "compile the model with the tokopt of this runtime"
                      : "compile the model again with tokopt-compile");
  }

  /// The member `name` of `object`, or null.
  const Json *find(const Json *object, const std::string &path,
                   const char *name) {
    if (!object)
      return nullptr;
    const Json *value = object->find(name);
    if (!value)
      expect(join(path, name), "nothing", "a value", TOKRT_INVALID_FILE);
    return value;
  }

  static std::string join(const std::string &path, const char *name) {
    return path.empty() ? name : path + "." + name;
  }
  static std::string at(const std::string &path, size_t i) {
    return path + "[" + std::to_string(i) + "]";
  }
  static std::string show(const Json *value) {
    return value ? value->describe() : "nothing";
  }

  const Json *checkObject(const Json *value, const std::string &path) {
    if (!value || value->isObject())
      return value;
    expect(path, show(value), "an object", TOKRT_INVALID_FILE);
    return nullptr;
  }
  const Json *object(const Json *parent, const std::string &path,
                     const char *name) {
    return checkObject(find(parent, path, name), join(path, name));
  }
  /// An array of at most `limit` elements.
  const Json *array(const Json *parent, const std::string &path,
                    const char *name, size_t least, size_t limit) {
    const Json *value = find(parent, path, name);
    if (!value ||
        (value->isArray() && value->size() >= least && value->size() <= limit))
      return value;
    expect(join(path, name),
           value->isArray() ? std::to_string(value->size()) + " elements"
                            : show(value),
           "an array of " + std::to_string(least) + " to " +
               std::to_string(limit) + " elements",
           TOKRT_INVALID_FILE);
    return nullptr;
  }
  uint64_t checkNumber(const Json *value, const std::string &path,
                       uint64_t least, uint64_t most) {
    if (!value)
      return least;
    if (value->isUnsigned() && value->number() >= least &&
        value->number() <= most)
      return value->number();
    expect(path, show(value),
           "a whole number from " + std::to_string(least) + " to " +
               std::to_string(most),
           TOKRT_INVALID_FILE);
    return least;
  }
  uint64_t number(const Json *parent, const std::string &path, const char *name,
                  uint64_t least, uint64_t most) {
    return checkNumber(find(parent, path, name), join(path, name), least, most);
  }
  double checkReal(const Json *value, const std::string &path, double least,
                   double most) {
    if (!value)
      return least;
    if (value->isNumber() && value->real() >= least && value->real() <= most)
      return value->real();
    char range[64];
    snprintf(range, sizeof range, "a number from %g to %g", least, most);
    expect(path, show(value), range, TOKRT_INVALID_FILE);
    return least;
  }
  double real(const Json *parent, const std::string &path, const char *name,
              double least, double most) {
    return checkReal(find(parent, path, name), join(path, name), least, most);
  }
  std::string checkString(const Json *value, const std::string &path) {
    if (value && value->isString())
      return value->string();
    if (value)
      expect(path, show(value), "a string", TOKRT_INVALID_FILE);
    return std::string();
  }
  std::string string(const Json *parent, const std::string &path,
                     const char *name) {
    return checkString(find(parent, path, name), join(path, name));
  }
  /// An XXH3-128 as 32 lower-case hex digits.
  std::string hash(const Json *parent, const std::string &path,
                   const char *name) {
    std::string text = string(parent, path, name);
    if (status == TOKRT_OK &&
        (text.size() != 32 ||
         text.find_first_not_of("0123456789abcdef") != std::string::npos))
      expect(join(path, name), '"' + text + '"', "32 hex digits",
             TOKRT_INVALID_FILE);
    return text;
  }

private:
  const char *file;
  tokrt_error_t *error;
};

/// Nothing is read before its size is known to be sane: with these limits no
/// product of two of them overflows 64 bits.
constexpr uint64_t kMaxCount = 1 << 24;
constexpr uint64_t kMaxBytes = uint64_t(1) << 38;
/// A check at the start, not a test: more would only take its time.
constexpr size_t kMaxGoldenSequences = 16, kMaxGoldenIds = 4096,
                 kMaxGoldenOutputs = 64, kMaxGoldenLogits = 64;

void readFrame(Reader &read, const Json *root) {
  const Json *frame = read.array(root, "", "frame", 0, 256);
  if (!frame)
    return;
  for (size_t i = 0; i < kFrameSlots && read.status == TOKRT_OK; ++i) {
    const Json *name = i < frame->size() ? &(*frame)[i] : nullptr;
    if (!name || !name->isString() || name->string() != kFrameNames[i])
      read.expect(Reader::at("frame", i), Reader::show(name),
                  '"' + std::string(kFrameNames[i]) + '"', TOKRT_UNSUPPORTED);
  }
  if (frame->size() != kFrameSlots)
    read.expect("frame", std::to_string(frame->size()) + " slots",
                std::to_string(unsigned(kFrameSlots)), TOKRT_UNSUPPORTED);
}

void readLevels(Reader &read, const Json *root, Manifest &out) {
  const Json *levels = read.array(root, "", "levels", 1, 16);
  for (size_t i = 0; levels && i < levels->size(); ++i) {
    std::string path = Reader::at("levels", i);
    const Json *level = read.checkObject(&(*levels)[i], path);
    ManifestLevel next;
    next.name = read.string(level, path, "name");
    const Json *features = read.array(level, path, "features", 0, 64);
    for (size_t f = 0; features && f < features->size(); ++f)
      next.features.push_back(
          read.checkString(&(*features)[f], Reader::at(path + ".features", f)));
    next.step = read.number(read.object(level, path, "entries"),
                            path + ".entries", "step", 0, UINT64_MAX);
    out.levels.push_back(std::move(next));
  }
}

void readCaches(Reader &read, const Json *root, Manifest &out) {
  const Json *caches = read.array(root, "", "caches", 0, 64);
  for (size_t i = 0; caches && i < caches->size(); ++i) {
    std::string path = Reader::at("caches", i);
    const Json *cache = read.checkObject(&(*caches)[i], path);
    ManifestCache next;
    next.name = read.string(cache, path, "name");
    next.slots =
        static_cast<uint32_t>(read.number(cache, path, "slots", 1, 1 << 16));
    next.pageBytes = read.number(cache, path, "page_bytes", 1, kMaxBytes);
    out.caches.push_back(std::move(next));
  }
}

void readGroups(Reader &read, const Json *schedule, Manifest &out) {
  const std::string path = "schedule.groups";
  const Json *groups = read.array(schedule, "schedule", "groups", 1, kMaxCount);
  uint32_t next = 0;
  for (size_t i = 0; groups && i < groups->size(); ++i) {
    const Json &group = (*groups)[i];
    if (!group.isArray() || group.size() != 2)
      return read.expect(Reader::at(path, i), Reader::show(&group),
                         "[begin, end]", TOKRT_INVALID_FILE);
    auto begin = read.checkNumber(&group[0], Reader::at(Reader::at(path, i), 0),
                                  next, next);
    auto end = read.checkNumber(&group[1], Reader::at(Reader::at(path, i), 1),
                                begin + 1, out.layers);
    if (read.status != TOKRT_OK)
      return;
    out.schedule.groups.emplace_back(begin, end);
    next = static_cast<uint32_t>(end);
  }
  if (read.status == TOKRT_OK && next != out.layers)
    read.expect(path, "an end at layer " + std::to_string(next),
                "all " + std::to_string(out.layers) + " layers",
                TOKRT_INVALID_FILE);
}

void readSchedule(Reader &read, const Json *root, Manifest &out) {
  const Json *schedule = read.object(root, "", "schedule");
  std::string kind = read.string(schedule, "schedule", "kind");
  if (read.status != TOKRT_OK)
    return;
  if (kind == "whole") {
    out.schedule.kind = TOKRT_SCHEDULE_WHOLE;
    return;
  }
  if (kind != "chunked" && kind != "layered")
    return read.expect("schedule.kind", '"' + kind + '"',
                       "\"whole\", \"chunked\" or \"layered\"",
                       TOKRT_INVALID_FILE);
  out.schedule.budget = static_cast<uint32_t>(
      read.number(schedule, "schedule", "budget", 1, kMaxCount));
  out.schedule.kind = TOKRT_SCHEDULE_CHUNKED;
  if (kind == "layered") {
    out.schedule.kind = TOKRT_SCHEDULE_LAYERED;
    readGroups(read, schedule, out);
  }
}

/// A list of objects that have strings under `keys`.
void checkList(Reader &read, const Json *parent, const std::string &path,
               const char *list, std::initializer_list<const char *> keys) {
  const Json *array = read.array(parent, path, list, 0, kMaxCount);
  for (size_t i = 0; array && i < array->size(); ++i) {
    std::string at = Reader::at(Reader::join(path, list), i);
    const Json *item = read.checkObject(&(*array)[i], at);
    for (const char *key : keys)
      read.string(item, at, key);
  }
}

struct ProbeType {
  const char *name;
  ManifestProbe::Type type;
};
constexpr ProbeType kProbeTypes[] = {{"f32", ManifestProbe::Type::F32},
                                     {"f16", ManifestProbe::Type::F16},
                                     {"i32", ManifestProbe::Type::I32},
                                     {"i8x32", ManifestProbe::Type::I8x32}};

/// Whether `text` is 1 to 128 letters, digits, '.', '-' and '_' and does not
/// begin with a dot: programs make names of files of it.
bool isValueName(const std::string &text) {
  if (text.empty() || text.size() > 128 || text[0] == '.')
    return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789.-_") == std::string::npos;
}

/// Whether `text` may stand in a line of output.
bool isLabel(const std::string &text) {
  if (text.empty() || text.size() > 1024)
    return false;
  for (unsigned char c : text)
    if (c < 32 || c == 127)
      return false;
  return true;
}

/// The value of a probe that has one.
void readProbeValue(Reader &read, const Json *probe, const std::string &path,
                    ManifestProbe &out) {
  out.value = read.string(probe, path, "value");
  if (!isValueName(out.value))
    read.expect(Reader::join(path, "value"), '"' + out.value + '"',
                "1 to 128 letters, digits, '.', '-' and '_'",
                TOKRT_INVALID_FILE);
  std::string type = read.string(probe, path, "type");
  for (const ProbeType &known : kProbeTypes)
    if (type == known.name)
      out.type = known.type;
  if (out.type == ManifestProbe::Type::None)
    read.expect(Reader::join(path, "type"), '"' + type + '"',
                "\"f32\", \"f16\", \"i32\" or \"i8x32\"", TOKRT_INVALID_FILE);
  out.columns =
      static_cast<uint32_t>(read.number(probe, path, "columns", 1, kMaxCount));
  if (out.type == ManifestProbe::Type::I8x32 && out.columns % 32)
    read.expect(Reader::join(path, "columns"), std::to_string(out.columns),
                "a multiple of 32 for the type i8x32", TOKRT_INVALID_FILE);
  std::string rows = read.string(probe, path, "rows");
  if (rows != "step" && rows != "outputs")
    read.expect(Reader::join(path, "rows"), '"' + rows + '"',
                "\"step\" or \"outputs\"", TOKRT_INVALID_FILE);
  out.perOutput = rows == "outputs";
}

/// Probes, which only instrumented code has.
void readProbes(Reader &read, const Json *root, Manifest &out) {
  if (!root->find("probes"))
    return;
  constexpr size_t kMaxProbes = 1 << 16;
  const Json *probes = read.array(root, "", "probes", 1, kMaxProbes);
  for (size_t i = 0; probes && i < probes->size() && read.status == TOKRT_OK;
       ++i) {
    std::string path = Reader::at("probes", i);
    const Json *probe = read.checkObject(&(*probes)[i], path);
    ManifestProbe next;
    next.kernel = static_cast<uint32_t>(
        read.number(probe, path, "kernel", 0, kMaxProbes));
    next.label = read.string(probe, path, "label");
    if (!isLabel(next.label))
      read.expect(Reader::join(path, "label"),
                  std::to_string(next.label.size()) + " characters",
                  "1 to 1024 printable ones", TOKRT_INVALID_FILE);
    if (probe && probe->find("value"))
      readProbeValue(read, probe, path, next);
    out.probes.push_back(std::move(next));
  }
}

/// Keys that the runtime has no use for, but that a whole manifest has.
void checkOthers(Reader &read, const Json *root) {
  const Json *source = read.object(root, "", "source");
  read.string(source, "source", "name");
  read.number(source, "source", "bytes", 0, UINT64_MAX);
  read.hash(source, "source", "hash");
  checkList(read, root, "", "kernels", {"name", "family", "config"});
  checkList(read, root, "", "passes", {"name", "options", "contract"});
}

/// The best logits behind one position of a golden sequence of `length` ids.
/// Returns the position.
uint64_t checkOutput(Reader &read, const Json *value, const std::string &path,
                     uint64_t least, uint64_t length, uint32_t vocab) {
  const Json *output = read.checkObject(value, path);
  uint64_t position = read.number(output, path, "position", least, length - 1);
  // The least is that of normal numbers: differences are divided by it.
  read.real(output, path, "rms", double(FLT_MIN), double(FLT_MAX));
  const Json *logits = read.array(output, path, "logits", 1, kMaxGoldenLogits);
  double last = double(FLT_MAX);
  for (size_t i = 0; logits && i < logits->size(); ++i) {
    const Json &pair = (*logits)[i];
    std::string at = Reader::at(path + ".logits", i);
    if (!pair.isArray() || pair.size() != 2) {
      read.expect(at, Reader::show(&pair), "[id, logit]", TOKRT_INVALID_FILE);
      return position;
    }
    read.checkNumber(&pair[0], Reader::at(at, 0), 0, vocab - 1);
    // Best first, and finite since JSON has no other.
    last = read.checkReal(&pair[1], Reader::at(at, 1), -double(FLT_MAX), last);
  }
  return position;
}

/// What `tokopt-run --verify` computes again. A bundle need not have any.
void checkGoldens(Reader &read, const Json *root, const Manifest &manifest) {
  if (!root->find("goldens"))
    return;
  const Json *goldens = read.object(root, "", "goldens");
  read.string(goldens, "goldens", "producer");
  checkList(read, goldens, "goldens", "passes",
            {"name", "options", "contract"});
  read.real(goldens, "goldens", "tolerance", 0, 1);
  const Json *sequences =
      read.array(goldens, "goldens", "sequences", 1, kMaxGoldenSequences);
  for (size_t s = 0; sequences && s < sequences->size(); ++s) {
    std::string path = Reader::at("goldens.sequences", s);
    const Json *sequence = read.checkObject(&(*sequences)[s], path);
    const Json *ids =
        read.array(sequence, path, "ids", 1,
                   std::min<size_t>(manifest.context, kMaxGoldenIds));
    for (size_t i = 0; ids && i < ids->size(); ++i)
      read.checkNumber(&(*ids)[i], Reader::at(path + ".ids", i), 0,
                       manifest.vocab - 1);
    const Json *outputs =
        read.array(sequence, path, "outputs", 1, kMaxGoldenOutputs);
    uint64_t next = 0;
    for (size_t i = 0;
         ids && outputs && i < outputs->size() && read.status == TOKRT_OK; ++i)
      next = 1 + checkOutput(read, &(*outputs)[i],
                             Reader::at(path + ".outputs", i), next,
                             ids->size(), manifest.vocab);
  }
}

} // namespace

const char *tokrt::probeTypeName(ManifestProbe::Type type) {
  for (const ProbeType &known : kProbeTypes)
    if (type == known.type)
      return known.name;
  return "";
}

uint64_t ManifestProbe::leastRowBytes() const {
  switch (type) {
  case Type::None:
    return 0;
  case Type::F32:
  case Type::I32:
    return uint64_t(columns) * 4;
  case Type::F16:
    return uint64_t(columns) * 2;
  case Type::I8x32: // the bytes and a scale for 32 of them
    return columns + uint64_t(columns) / 8;
  }
  return 0;
}

tokrt_status_t tokrt::parseManifest(const char *text, size_t size,
                                    const char *path, Manifest *out,
                                    tokrt_error_t *error) {
  Json root;
  if (!parseJson(text, size, &root) || !root.isObject())
    return fail(error, TOKRT_INVALID_FILE,
                "%s: manifest: found %zu bytes that are no JSON object; "
                "compile the model again with tokopt-compile",
                path, size);
  Reader read(path, error);
  Manifest manifest;
  // The version comes first: of another one, nothing else is known.
  const Json *format = read.find(&root, "", "format");
  if (format && !(format->isUnsigned() && format->number() == kFormat))
    read.expect("format", Reader::show(format), std::to_string(kFormat),
                TOKRT_UNSUPPORTED);
  if (read.status != TOKRT_OK)
    return read.status;
  manifest.producer = read.string(&root, "", "producer");
  manifest.machine = read.string(&root, "", "machine");
  manifest.backend = read.string(&root, "", "backend");
  const Json *model = read.object(&root, "", "model");
  manifest.arch = read.string(model, "model", "arch");
  manifest.name = read.string(model, "model", "name");
  auto count = [&](const char *name, uint64_t most) {
    return static_cast<uint32_t>(read.number(model, "model", name, 1, most));
  };
  manifest.layers = count("layers", 1 << 16);
  manifest.width = count("width", 1 << 20);
  manifest.vocab = count("vocab", kMaxCount);
  manifest.context = count("context", kMaxCount);
  readFrame(read, &root);
  readLevels(read, &root, manifest);
  const Json *workspace = read.object(&root, "", "workspace");
  manifest.rowBytes =
      read.number(workspace, "workspace", "row_bytes", 0, kMaxBytes);
  manifest.fixedBytes =
      read.number(workspace, "workspace", "fixed_bytes", 0, kMaxBytes);
  manifest.scratchBytes = read.number(&root, "", "scratch_bytes", 0, kMaxBytes);
  manifest.logitsStride = static_cast<uint32_t>(
      read.number(&root, "", "logits_stride", manifest.vocab, 2 * kMaxCount));
  readCaches(read, &root, manifest);
  readSchedule(read, &root, manifest);
  readProbes(read, &root, manifest);
  const Json *weights = read.object(&root, "", "weights");
  manifest.weightBytes =
      read.number(weights, "weights", "bytes", 0, UINT64_MAX);
  manifest.weightHash = read.hash(weights, "weights", "hash");
  checkOthers(read, &root);
  checkGoldens(read, &root, manifest);
  if (read.status != TOKRT_OK)
    return read.status;
  *out = std::move(manifest);
  return TOKRT_OK;
}
