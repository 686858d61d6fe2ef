//===- ValueDump.h - Values of a run as files -------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A folder with one NumPy file for each value and layer and an index.json:
// docs/debugging.md says what stands in them.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_RUN_VALUEDUMP_H_
#define TOOLS_TOKOPT_RUN_VALUEDUMP_H_

#include "tools/Common/Common.h"

#include <map>

class ValueDump {
public:
  /// Makes the folder. Throws `BadInput` if the bundle has no values to dump,
  /// or if files stand in the folder.
  ValueDump(const tokrt_model_t *model, const std::string &bundle,
            std::string folder);

  /// Appends the rows of an event. What goes wrong is kept for `finish`: no
  /// exception may pass through the runtime.
  void add(const tokrt_probe_event_t &event) noexcept;

  /// Writes the index. Throws what has gone wrong.
  void finish() const;

private:
  struct Value {
    uint32_t probe; // the first that wrote it
    uint32_t layer;
    std::string file;
    size_t rows = 0;
    /// Ranges [begin, end) of positions, in the order of the rows.
    std::vector<std::pair<int64_t, int64_t>> positions;
  };

  void append(const tokrt_probe_event_t &event);
  Value &find(const tokrt_probe_event_t &event);
  std::string pathOf(const std::string &file) const {
    return folder + "/" + file;
  }

  std::string bundle, folder;
  tokrt_model_info_t info;
  std::vector<tokrt_probe_t> probes;
  /// In the order in which they came, and where each is, by name of its file.
  std::vector<Value> values;
  std::map<std::string, size_t> byFile;
  std::vector<char> row; // what is written of one
  std::optional<std::string> error;
};

#endif // TOOLS_TOKOPT_RUN_VALUEDUMP_H_
