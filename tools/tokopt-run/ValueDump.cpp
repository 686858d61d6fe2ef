//===- ValueDump.cpp - Values of a run as files ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ValueDump.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace tools;
using Json = nlohmann::ordered_json;

namespace {

/// Bytes of a header of NumPy's format 1.0. All have this size, so that the
/// number of rows can be written anew whenever some have come.
constexpr size_t kHeaderBytes = 128;

bool isRounded(const tokrt_probe_t &probe) {
  return strcmp(probe.type, "i8x32") == 0;
}

/// How NumPy names the type of the elements in the file.
const char *elementType(const tokrt_probe_t &probe) {
  if (strcmp(probe.type, "i32") == 0)
    return "<i4";
  return strcmp(probe.type, "f16") == 0 ? "<f2" : "<f4";
}

std::string makeHeader(const tokrt_probe_t &probe, size_t rows) {
  std::string text = std::string("{'descr': '") + elementType(probe) +
                     "', 'fortran_order': False, 'shape': (" +
                     std::to_string(rows) + ", " +
                     std::to_string(probe.columns) + "), }";
  const std::string start("\x93NUMPY\x01\x00", 8);
  size_t size = kHeaderBytes - start.size() - 2;
  text.resize(size - 1, ' ');
  return start + char(size & 0xff) + char(size >> 8) + text + '\n';
}

/// Makes of a row what stands in the file: the values of a rounded row (its
/// bytes times the scale of each 32 of them), or the row itself.
void convertRow(const tokrt_probe_t &probe, const char *from,
                std::vector<char> &to) {
  size_t columns = probe.columns;
  if (!isRounded(probe)) {
    size_t bytes = elementType(probe)[2] - '0';
    to.assign(from, from + columns * bytes);
    return;
  }
  to.resize(columns * sizeof(float));
  for (size_t i = 0; i < columns; ++i) {
    float scale;
    memcpy(&scale, from + columns + i / 32 * sizeof scale, sizeof scale);
    float value = float(static_cast<signed char>(from[i])) * scale;
    memcpy(to.data() + i * sizeof value, &value, sizeof value);
  }
}

struct Closer {
  void operator()(FILE *file) const { fclose(file); }
};
using File = std::unique_ptr<FILE, Closer>;

[[noreturn]] void refuseFile(const std::string &path, const char *what) {
  throw BadInput{path + ": cannot " + what + " the file: " + strerror(errno)};
}

void close(File file, const std::string &path) {
  if (fclose(file.release()) != 0)
    refuseFile(path, "write");
}

} // namespace

ValueDump::ValueDump(const tokrt_model_t *model, const std::string &bundle,
                     std::string folder)
    : bundle(bundle), folder(std::move(folder)) {
  tokrt_model_info(model, &info);
  bool hasValue = false;
  for (size_t i = 0; i < tokrt_model_probe_count(model); ++i) {
    tokrt_probe_t probe;
    tokrt_model_probe(model, i, &probe);
    probes.push_back(probe);
    hasValue |= probe.value != nullptr;
  }
  if (!hasValue)
    throw BadInput{bundle + ": --dump-values: found " +
                   (probes.empty() ? "no probes in the bundle"
                                   : "probes that only measure time") +
                   ", expected some that name values; compile the model with "
                   "tokopt-compile --instrument=values"};
  std::error_code code;
  std::filesystem::create_directories(this->folder, code);
  bool empty = !code && std::filesystem::is_empty(this->folder, code);
  if (code)
    throw BadInput{this->folder +
                   ": cannot make the folder: " + code.message()};
  if (!empty)
    throw BadInput{this->folder + ": --dump-values: found files in the "
                                  "folder, expected a new or an empty one"};
}

ValueDump::Value &ValueDump::find(const tokrt_probe_event_t &event) {
  const tokrt_probe_t &probe = probes[event.probe];
  std::string stem = probe.value;
  if (isRounded(probe))
    stem += ".i8";
  if (event.layer != TOKRT_NO_LAYER)
    stem += "." + std::to_string(event.layer);
  // Of two values that would have one file the second gets a number.
  for (unsigned number = 1;; ++number) {
    std::string file =
        stem + (number > 1 ? "-" + std::to_string(number) : "") + ".npy";
    auto [found, isNew] = byFile.try_emplace(file, values.size());
    if (isNew)
      values.push_back({event.probe, event.layer, file, 0, {}});
    Value &value = values[found->second];
    const tokrt_probe_t &first = probes[value.probe];
    if (strcmp(first.value, probe.value) == 0 && value.layer == event.layer &&
        strcmp(first.type, probe.type) == 0 && first.columns == probe.columns)
      return value;
  }
}

void ValueDump::append(const tokrt_probe_event_t &event) {
  const tokrt_probe_t &probe = probes[event.probe];
  Value &value = find(event);
  std::string path = pathOf(value.file);
  File file(fopen(path.c_str(), value.rows ? "r+b" : "wb"));
  if (!file)
    refuseFile(path, "open");
  std::string header = makeHeader(probe, value.rows + event.rows);
  bool good =
      fwrite(header.data(), 1, header.size(), file.get()) == header.size() &&
      fseek(file.get(), 0, SEEK_END) == 0;
  for (uint32_t i = 0; good && i < event.rows; ++i) {
    convertRow(probe,
               static_cast<const char *>(event.data) + i * event.row_bytes,
               row);
    good = fwrite(row.data(), 1, row.size(), file.get()) == row.size();
    int64_t position = event.positions[i];
    if (value.positions.empty() || value.positions.back().second != position)
      value.positions.emplace_back(position, position);
    ++value.positions.back().second;
  }
  if (!good)
    refuseFile(path, "write");
  close(std::move(file), path);
  value.rows += event.rows;
}

void ValueDump::add(const tokrt_probe_event_t &event) noexcept {
  if (!event.data || !event.rows || error)
    return;
  try {
    append(event);
  } catch (const BadInput &problem) {
    error = problem.message;
  } catch (const std::exception &problem) {
    error = folder + ": " + problem.what();
  }
}

void ValueDump::finish() const {
  if (error)
    throw BadInput{*error};
  Json list = Json::array(), kernels = Json::array();
  for (const Value &value : values) {
    const tokrt_probe_t &probe = probes[value.probe];
    Json layer = value.layer == TOKRT_NO_LAYER ? Json() : Json(value.layer);
    list.push_back({{"value", probe.value},
                    {"layer", layer},
                    {"file", value.file},
                    {"stored", probe.type},
                    {"kernel", probe.kernel},
                    {"columns", probe.columns},
                    {"positions", value.positions}});
  }
  for (const tokrt_probe_t &probe : probes)
    if (kernels.size() == probe.kernel)
      kernels.push_back(probe.label);
  Json root{{"bundle", bundle},
            {"backend", info.backend},
            {"level", info.level},
            {"kernels", kernels},
            {"values", list}};
  std::string path = pathOf("index.json");
  File file(fopen(path.c_str(), "wb"));
  if (!file)
    refuseFile(path, "open");
  // The bundle's path may be no text.
  std::string text =
      root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (fwrite(text.data(), 1, text.size(), file.get()) != text.size())
    refuseFile(path, "write");
  close(std::move(file), path);
}
