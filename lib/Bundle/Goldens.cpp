//===- Goldens.cpp - Logits that a bundle must give -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file comes from another program, perhaps from another machine: nothing in
// it is taken for granted. Limits are those of docs/bundle.md, which loaders
// keep to.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Bundle.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cfloat>

using namespace tokopt;
using namespace llvm;

using Goldens = Manifest::Goldens;

static constexpr int64_t kFormat = 1;
static constexpr size_t kMostSequences = 16, kMostIds = 4096, kMostOutputs = 64,
                        kMostLogits = 64;
/// A file of the largest goldens has some 10 MB.
static constexpr uint64_t kMostBytes = uint64_t(1) << 26;

namespace {

/// Walks the file. After the first error every reader gives a default.
class Reader {
public:
  Reader(StringRef path, const Manifest &manifest)
      : path(path), manifest(manifest) {}

  Expected<Goldens> read(const json::Value &value);

private:
  void fail(const Twine &key, const json::Value *found, const Twine &expected,
            StringRef remedy = "make them anew with tokopt-run "
                               "--print-goldens");
  const json::Value *find(const json::Object *object, const Twine &path,
                          StringRef name);
  const json::Object *object(const json::Value *value, const Twine &key);
  ArrayRef<json::Value> array(const json::Object *parent, const Twine &path,
                              StringRef name, size_t most);
  std::string string(const json::Object *parent, const Twine &path,
                     StringRef name);
  int64_t integer(const json::Value *value, const Twine &key, int64_t least,
                  int64_t most);
  double real(const json::Value *value, const Twine &key, double least,
              double most);

  void checkSource(const json::Object *root);
  std::vector<Manifest::Pass> readPasses(const json::Object *root);
  Goldens::Sequence readSequence(const json::Value &value, const Twine &path);
  Goldens::Output readOutput(const json::Value &value, const Twine &path,
                             int64_t least, int64_t length);

  StringRef path;
  const Manifest &manifest;
  std::string message; // of the first error
};

} // namespace

/// `value` in a message, however large it is.
static std::string describe(const json::Value *value) {
  if (!value)
    return "nothing";
  if (value->kind() == json::Value::Array)
    return "an array of " + std::to_string(value->getAsArray()->size()) +
           " elements";
  if (value->kind() == json::Value::Object)
    return "an object";
  std::string text;
  raw_string_ostream(text) << *value;
  return StringRef(text).take_front(80).str();
}

void Reader::fail(const Twine &key, const json::Value *found,
                  const Twine &expected, StringRef remedy) {
  if (message.empty())
    message = (path + ": goldens: key " + key + ": found " + describe(found) +
               ", expected " + expected + "; " + remedy)
                  .str();
}

const json::Value *Reader::find(const json::Object *object, const Twine &path,
                                StringRef name) {
  const json::Value *value = object ? object->get(name) : nullptr;
  if (object && !value)
    fail(path + name, nullptr, "a value");
  return value;
}

const json::Object *Reader::object(const json::Value *value, const Twine &key) {
  if (value && !value->getAsObject())
    fail(key, value, "an object");
  return value ? value->getAsObject() : nullptr;
}

ArrayRef<json::Value> Reader::array(const json::Object *parent,
                                    const Twine &path, StringRef name,
                                    size_t most) {
  const json::Value *value = find(parent, path, name);
  if (!value)
    return {};
  const json::Array *array = value->getAsArray();
  if (array && !array->empty() && array->size() <= most)
    return {&array->front(), array->size()};
  fail(path + name, value, "an array of 1 to " + Twine(most) + " elements");
  return {};
}

std::string Reader::string(const json::Object *parent, const Twine &path,
                           StringRef name) {
  const json::Value *value = find(parent, path, name);
  if (!value)
    return {};
  if (std::optional<StringRef> text = value->getAsString())
    return text->str();
  fail(path + name, value, "a string");
  return {};
}

int64_t Reader::integer(const json::Value *value, const Twine &key,
                        int64_t least, int64_t most) {
  std::optional<int64_t> number =
      value ? value->getAsInteger() : std::optional<int64_t>(least);
  if (number && *number >= least && *number <= most)
    return *number;
  fail(key, value,
       "a whole number from " + Twine(least) + " to " + Twine(most));
  return least;
}

double Reader::real(const json::Value *value, const Twine &key, double least,
                    double most) {
  std::optional<double> number =
      value ? value->getAsNumber() : std::optional<double>(least);
  if (number && *number >= least && *number <= most)
    return *number;
  std::string range;
  raw_string_ostream(range)
      << "a number from " << json::Value(least) << " to " << json::Value(most);
  fail(key, value, range);
  return least;
}

/// They are of this model and of the oracle.
void Reader::checkSource(const json::Object *root) {
  const json::Value *format = find(root, "", "format");
  if (format && format->getAsInteger() != kFormat)
    fail("format", format, Twine(kFormat));
  const json::Value *backend = find(root, "", "backend");
  if (backend && backend->getAsString() != StringRef("reference"))
    fail("backend", backend, "\"reference\": kernels prove nothing of kernels");
  const json::Object *source = object(find(root, "", "source"), "source");
  const json::Value *hash = find(source, "source.", "hash");
  if (hash && hash->getAsString() != StringRef(manifest.sourceHash))
    fail("source.hash", hash,
         "the \"" + manifest.sourceHash + "\" of " + manifest.sourceName,
         "make them with a reference bundle of this model file");
}

std::vector<Manifest::Pass> Reader::readPasses(const json::Object *root) {
  std::vector<Manifest::Pass> passes;
  const json::Value *value = find(root, "", "passes");
  const json::Array *list = value ? value->getAsArray() : nullptr;
  if (value && !list)
    fail("passes", value, "an array");
  for (size_t i = 0; list && i < list->size(); ++i) {
    std::string at = "passes[" + std::to_string(i) + "]";
    const json::Object *pass = object(&(*list)[i], at);
    at += ".";
    passes.push_back({string(pass, at, "name"), string(pass, at, "options"),
                      string(pass, at, "contract")});
  }
  return passes;
}

Goldens::Output Reader::readOutput(const json::Value &value, const Twine &path,
                                   int64_t least, int64_t length) {
  std::string at = (path + ".").str();
  const json::Object *fields = object(&value, path);
  Goldens::Output output;
  output.position =
      integer(find(fields, at, "position"), at + "position", least, length - 1);
  // The least is that of normal numbers: differences are divided by it.
  output.rms = real(find(fields, at, "rms"), at + "rms", FLT_MIN, FLT_MAX);
  double last = FLT_MAX;
  for (auto [i, item] :
       llvm::enumerate(array(fields, at, "logits", kMostLogits))) {
    std::string key = at + "logits[" + std::to_string(i) + "]";
    const json::Array *pair = item.getAsArray();
    if (!pair || pair->size() != 2) {
      fail(key, &item, "[id, logit]");
      break;
    }
    int64_t id = integer(&(*pair)[0], key + "[0]", 0, manifest.vocab - 1);
    last = real(&(*pair)[1], key + "[1]", -FLT_MAX, last); // best first
    output.logits.push_back({id, last});
  }
  return output;
}

Goldens::Sequence Reader::readSequence(const json::Value &value,
                                       const Twine &path) {
  std::string at = (path + ".").str();
  const json::Object *fields = object(&value, path);
  Goldens::Sequence sequence;
  size_t most = std::min<size_t>(kMostIds, manifest.context);
  for (auto [i, id] : llvm::enumerate(array(fields, at, "ids", most)))
    sequence.ids.push_back(
        integer(&id, at + "ids[" + Twine(i) + "]", 0, manifest.vocab - 1));
  int64_t next = 0, length = sequence.ids.size();
  for (auto [i, output] :
       llvm::enumerate(array(fields, at, "outputs", kMostOutputs))) {
    if (!message.empty())
      break;
    sequence.outputs.push_back(
        readOutput(output, at + "outputs[" + Twine(i) + "]", next, length));
    next = sequence.outputs.back().position + 1;
  }
  return sequence;
}

Expected<Goldens> Reader::read(const json::Value &value) {
  const json::Object *root = value.getAsObject();
  if (!root)
    return createStringError(path + ": goldens: found " + describe(&value) +
                             ", expected an object that tokopt-run "
                             "--print-goldens wrote");
  checkSource(root);
  Goldens goldens;
  goldens.producer = string(root, "", "producer");
  goldens.passes = readPasses(root);
  for (auto [i, sequence] :
       llvm::enumerate(array(root, "", "sequences", kMostSequences)))
    goldens.sequences.push_back(
        readSequence(sequence, "sequences[" + Twine(i) + "]"));
  if (!message.empty())
    return createStringError(message);
  return goldens;
}

/// Whether values stand deeper in one another than in any goldens. The parser
/// calls itself for each, and the file must not choose how deep the stack gets.
static bool isTooDeep(StringRef text) {
  constexpr unsigned kDepth = 32;
  unsigned depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > kDepth)
      return true;
    else if (!quoted && (c == ']' || c == '}') && depth > 0)
      --depth;
  }
  return false;
}

Expected<Goldens> tokopt::readGoldens(StringRef path,
                                      const Manifest &manifest) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(
        path + ": cannot read the goldens: " + buffer.getError().message());
  if ((*buffer)->getBufferSize() > kMostBytes)
    return createStringError(path + ": goldens: found " +
                             Twine((*buffer)->getBufferSize()) +
                             " bytes, expected at most " + Twine(kMostBytes));
  StringRef text = (*buffer)->getBuffer();
  if (isTooDeep(text))
    return createStringError(path + ": goldens: found values nested deeper "
                                    "than in any; give what tokopt-run "
                                    "--print-goldens wrote");
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return createStringError(
        path + ": goldens: found no JSON: " + toString(value.takeError()) +
        "; give what tokopt-run --print-goldens wrote");
  return Reader(path, manifest).read(*value);
}
