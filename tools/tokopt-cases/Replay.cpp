//===- Replay.cpp - The simulator against recordings ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace llvm;

static Error makeError(StringRef path, const Twine &what) {
  return createStringError(path + ": " + what);
}

/// Compares one recording.
static Error replayFile(const std::vector<Sketch> &sketches, StringRef path,
                        raw_ostream &os) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return makeError(path, "cannot be read: " + buffer.getError().message());
  Expected<json::Value> value = json::parse((*buffer)->getBuffer());
  if (!value)
    return makeError(path, "cannot be read as a recording: " +
                               toString(value.takeError()));
  const json::Object *recording = value->getAsObject();
  auto name = recording ? recording->getString("case") : std::nullopt;
  auto device = recording ? recording->getString("device") : std::nullopt;
  const json::Object *outputs =
      recording ? recording->getObject("outputs") : nullptr;
  if (!name || !device || !outputs)
    return makeError(path, "expected 'case', 'device' and 'outputs'; record it "
                           "again (scripts/bench gpu --record)");
  const Sketch *sketch = nullptr;
  for (const Sketch &known : sketches)
    if (known.given.name == *name)
      sketch = &known;
  if (!sketch)
    return makeError(path, "found the case '" + *name +
                               "', which there is not; record it again");
  auto found = simulate(*sketch);
  if (!found)
    return found.takeError();
  // A buffer's recording holds its checks, one behind the other.
  StringMap<size_t> sizes;
  for (auto [check, bytes] : zip_equal(sketch->given.checks, *found))
    sizes[check.buffer] += bytes.size();
  for (const auto &entry : sizes) {
    auto recorded = outputs->getString(entry.getKey());
    if (!recorded || recorded->size() != 2 * entry.getValue())
      return makeError(path, "expected " + Twine(entry.getValue()) +
                                 " bytes of '" + entry.getKey() +
                                 "'; record it again");
  }
  StringMap<size_t> before;
  for (auto [number, check] : enumerate(sketch->given.checks)) {
    std::string simulated = toHex((*found)[number], /*LowerCase=*/true);
    size_t &begin = before[check.buffer];
    StringRef recorded =
        outputs->getString(check.buffer)->substr(begin, simulated.size());
    begin += simulated.size();
    for (size_t i = 0; i < recorded.size(); i += 2)
      if (recorded.substr(i, 2) != StringRef(simulated).substr(i, 2))
        return makeError(
            path, "byte " + Twine(i / 2) + " of " +
                      (sketch->parts.empty() ? "'" + check.buffer + "'"
                                             : sketch->parts[number]) +
                      " is " + recorded.substr(i, 2) + " on " + *device +
                      ", but " + simulated.substr(i, 2) + " in the simulator");
  }
  os << *name << ": as on " << *device << "\n";
  return Error::success();
}

Error tokopt::replay(const std::vector<Sketch> &sketches, StringRef folder,
                     raw_ostream &os) {
  std::vector<std::string> paths;
  std::error_code code;
  for (sys::fs::directory_iterator file(folder, code), end;
       file != end && !code; file.increment(code))
    if (StringRef(file->path()).ends_with(".json"))
      paths.push_back(file->path());
  if (code)
    return makeError(folder, "cannot be read: " + code.message());
  if (paths.empty())
    return makeError(folder, "found no recordings, expected files that "
                             "scripts/bench gpu --record writes");
  sort(paths);
  for (const std::string &path : paths)
    if (Error error = replayFile(sketches, path, os))
      return error;
  return Error::success();
}
