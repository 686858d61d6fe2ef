//===- Probes.h - What instrumented code tells ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hook that generated code calls through the frame (docs/bundle.md). It
// checks what it is told against the manifest and the step, measures the time
// between calls, and hands the addresses on: no value is touched here.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_PROBES_H_
#define TOKRT_SRC_PROBES_H_

#include "Model.h"

#include <vector>

namespace tokrt {

class Probes {
public:
  /// `listener` is called at each probe of the `model`, in steps of at most
  /// `rows` rows. The object must stay where it is.
  void create(const tokrt_model_t *model, tokrt_probe_fn listener, void *data,
              uint32_t rows);
  bool active() const { return listener; }

  /// A step begins, of `rows` rows whose positions are `pos`.
  void beginStep(uint32_t rows, const int32_t *pos);
  /// The next row that asks for logits.
  void addOutput(int32_t position) { outputs.push_back(position); }
  void startClock();
  /// What was wrong with a call of the hook during the step, or TOKRT_OK.
  tokrt_status_t endStep(tokrt_error_t *error) const;

  /// What the frame's slot `instrument` holds; `self` goes with it.
  static void hook(void *self, uint64_t probe, uint64_t layer,
                   uint64_t rowBegin, uint64_t rowEnd, const void *rows,
                   uint64_t rowBytes);

private:
  void hear(uint64_t probe, uint64_t layer, uint64_t rowBegin, uint64_t rowEnd,
            const void *rows, uint64_t rowBytes);

  const tokrt_model_t *model = nullptr;
  tokrt_probe_fn listener = nullptr;
  void *data = nullptr;
  uint32_t rows = 0;
  const int32_t *pos = nullptr;
  std::vector<int32_t> outputs; // positions
  uint64_t last = 0;            // on the clock
  uint64_t bad = 0;             // one more than the first probe that was wrong
};

} // namespace tokrt

#endif // TOKRT_SRC_PROBES_H_
