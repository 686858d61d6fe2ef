//===- Workers.h - The threads that run a step ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pool of threads that lives as long as the engine. A step is one parallel
// region; the synchronization inside is the generated code's. Between regions
// the threads spin for a moment, because in decoding the next step comes within
// microseconds, and then sleep.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CPU_WORKERS_H_
#define TOKRT_CPU_WORKERS_H_

#include "../src/Frame.h"

#include <atomic>
#include <memory>
#include <pthread.h>

namespace tokrt {

/// CPUs this process may run on at a time, by its affinity and by the quota of
/// its control group; at least 1.
uint32_t usableCpus();

/// What the generated barrier calls while it waits long: gives the CPU away.
void yieldCpu();

class Workers {
public:
  Workers() = default;
  Workers(const Workers &) = delete;
  ~Workers() { stop(); }

  /// Starts `count - 1` threads; the caller of `run` is worker 0. False if the
  /// system refuses one; none is left running then.
  bool start(uint32_t count);
  uint32_t size() const { return count; }

  /// Runs `step(frame, w)` for every worker w at the same time and returns when
  /// all have. Flush-to-zero and denormals-are-zero are set meanwhile.
  void run(StepFn step, const uint64_t *frame);

private:
  struct Thread {
    Workers *pool;
    uint32_t index;
    pthread_t handle;
  };

  static void *entry(void *thread);
  void loop(uint32_t index);
  void stop();

  // Written by the caller of `run`, read by all: apart from what all write.
  alignas(64) std::atomic<uint32_t> region{0}; // counts up; a futex
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> quit{false};
  StepFn step = nullptr;
  const uint64_t *frame = nullptr;
  alignas(64) std::atomic<uint32_t> pending{0}; // threads still in the region
  alignas(64) uint32_t count = 1;
  uint32_t started = 0;
  std::unique_ptr<Thread[]> threads;
};

} // namespace tokrt

#endif // TOKRT_CPU_WORKERS_H_
