//===- Workers.cpp - The threads that run a step --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workers.h"

#include "../src/ControlGroup.h"

#include <climits>
#include <csignal>
#include <linux/futex.h>
#include <new>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace tokrt;

/// Polls before a thread sleeps: about 50 us, some decode steps' worth of host
/// work, and little to lose when no work comes.
static constexpr unsigned kSpins = 2000;
/// Polls before the end of a region yields: the workers end together, unless
/// there are more of them than CPUs.
static constexpr unsigned kJoinSpins = 4000;

uint32_t tokrt::usableCpus() {
  uint32_t cpus = 1;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = static_cast<uint32_t>(CPU_COUNT(&set));
  } else if (long online = sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    cpus = static_cast<uint32_t>(online); // more than a cpu_set_t holds
  }
  // With more threads than that, some would be stopped inside a barrier.
  uint32_t quota = controlGroupCpus();
  cpus = cpus < quota ? cpus : quota;
  return cpus ? cpus : 1;
}

void tokrt::yieldCpu() { sched_yield(); }

static void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

namespace {

/// Sets flush-to-zero and denormals-are-zero for its life.
class FlushDenormals {
public:
#if defined(__x86_64__)
  FlushDenormals() : saved(_mm_getcsr()) { _mm_setcsr(saved | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved); }

private:
  unsigned saved;
#elif defined(__aarch64__)
  FlushDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(saved | (uint64_t(1) << 24)));
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }

private:
  uint64_t saved;
#endif
};

} // namespace

// The entry is mapped from a file and carries no type that a sanitizer could
// check.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
static void call(StepFn step, const uint64_t *frame, uint32_t worker) {
  step(frame, worker);
}

static void futexWait(std::atomic<uint32_t> *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

static void futexWakeAll(std::atomic<uint32_t> *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool Workers::start(uint32_t size) {
  threads.reset(new (std::nothrow) Thread[size]);
  if (!threads)
    return false;
  count = size;
  // Signals are the application's: its handlers must not run on our threads. A
  // fault of a thread is no one else's, and blocked it would end the process
  // without the application's handler.
  sigset_t blocked, before;
  sigfillset(&blocked);
  constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int fault : kFaults)
    sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  for (uint32_t i = 1; i < size; ++i) {
    threads[i].pool = this;
    threads[i].index = i;
    if (pthread_create(&threads[i].handle, nullptr, entry, &threads[i]) != 0)
      break;
    ++started;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started + 1 == size)
    return true;
  stop();
  return false;
}

void Workers::stop() {
  quit.store(true);
  region.fetch_add(1);
  futexWakeAll(&region);
  for (uint32_t i = 1; i <= started; ++i)
    pthread_join(threads[i].handle, nullptr);
  started = 0;
  quit.store(false);
}

void *Workers::entry(void *argument) {
  auto *thread = static_cast<Thread *>(argument);
  thread->pool->loop(thread->index);
  return nullptr;
}

void Workers::loop(uint32_t index) {
  FlushDenormals flush;
  uint32_t seen = 0;
  for (;;) {
    unsigned spins = 0;
    while (region.load(std::memory_order_acquire) == seen) {
      if (spins++ < kSpins) {
        relax();
        continue;
      }
      // `run` counts the region up before it looks for sleepers, and the kernel
      // compares under its lock: no wake-up is lost.
      sleepers.fetch_add(1);
      futexWait(&region, seen);
      sleepers.fetch_sub(1);
    }
    ++seen;
    if (quit.load())
      return;
    call(step, frame, index);
    pending.fetch_sub(1, std::memory_order_release);
  }
}

void Workers::run(StepFn function, const uint64_t *arguments) {
  step = function;
  frame = arguments;
  pending.store(count - 1, std::memory_order_relaxed);
  region.fetch_add(1);
  if (sleepers.load())
    futexWakeAll(&region);
  {
    FlushDenormals flush;
    call(function, arguments, 0);
  }
  for (unsigned spins = 0; pending.load(std::memory_order_acquire);)
    if (spins++ < kJoinSpins)
      relax();
    else
      yieldCpu();
}
