//===- Gpu.h - A GPU's context and what is on it ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_GPU_H_
#define TOKRT_CUDA_GPU_H_

#include "runtime/cuda/src/Driver.h"
#include "runtime/cuda/src/Front.h"
#include "runtime/cuda/src/Launched.h"
#include "tokrt/cuda.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tokrt::cuda {

/// Bytes that were allocated and a limit on them.
struct Account {
  uint64_t limit = 0, used = 0;
  bool allows(uint64_t bytes) const {
    return !limit || (used <= limit && bytes <= limit - used);
  }
};

/// A GPU that an object belongs to: it stays until all of them are gone, closed
/// or not.
class Kept {
public:
  Kept(tokrt_cuda_t *gpu = nullptr);
  Kept(Kept &&other) noexcept : gpu(std::exchange(other.gpu, nullptr)) {}
  Kept &operator=(Kept &&other) noexcept {
    std::swap(gpu, other.gpu);
    return *this;
  }
  ~Kept();
  operator tokrt_cuda_t *() const { return gpu; }
  tokrt_cuda_t *operator->() const { return gpu; }

private:
  tokrt_cuda_t *gpu;
};

/// Begins every call: refuses it if the GPU is lost or closed. While it lives,
/// the GPU's context is the thread's; then that of the caller is again.
class Entered {
public:
  Entered(tokrt_cuda_t *gpu, const char *call, tokrt_error_t *error);
  ~Entered();
  Entered(const Entered &) = delete;

  tokrt_status_t status;

private:
  tokrt_cuda_t *gpu;
};

} // namespace tokrt::cuda

struct tokrt_cuda_s {
  tokrt::cuda::Driver driver;
  tokrt::cuda::Context context = nullptr;
  tokrt_cuda_info_t info{};
  char name[256] = "";
  uint32_t timeoutMs = 0;
  bool checkLaunches = false;

  tokrt::cuda::Account deviceMemory, pinnedMemory;
  std::unordered_map<tokrt::cuda::Address, uint64_t> deviceBlocks;
  std::map<const void *, uint64_t> pinnedBlocks;

  std::vector<tokrt_cuda_stream_t *> streams;
  tokrt::cuda::Launched launched;
  uint64_t lastCapture = 0; // the number of it
  /// The caller, until the GPU is closed, and the objects that belong to it.
  size_t users = 1;
  bool closed = false;
  /// The context gives errors only; `hung`: a call that waits for a kernel
  /// would not return.
  bool lost = false, hung = false;
  tokrt_error_t lostError{};
  /// The first error of a release.
  tokrt_status_t releaseStatus = TOKRT_OK;
  tokrt_error_t releaseError{};

  /// Calls the driver. `subject` begins the message of an error.
  template <typename... Parameters, typename... Arguments>
  tokrt_status_t call(const tokrt::cuda::Entry<Parameters...> &entry,
                      const char *subject, tokrt_error_t *error,
                      Arguments... arguments) {
    tokrt::cuda::Result result = entry.function(arguments...);
    if (result == tokrt::cuda::kSuccess)
      return TOKRT_OK;
    return fail(result, subject, entry.name, nullptr, error);
  }

  /// Calls the driver to release something. What it refuses is told when the
  /// GPU is closed; false then. With a lost or closed GPU, everything goes.
  template <typename... Parameters, typename... Arguments>
  bool release(const tokrt::cuda::Entry<Parameters...> &entry,
               const char *subject, Arguments... arguments) {
    if (isGone())
      return true;
    tokrt_error_t error;
    tokrt::cuda::Entered entered(this, subject, &error);
    tokrt_status_t status = entered.status;
    if (status == TOKRT_OK)
      status = call(entry, subject, &error, arguments...);
    if (status != TOKRT_OK)
      tellAtClose(status, error);
    return status == TOKRT_OK;
  }

  /// Whether nothing is left to release.
  bool isGone() const { return lost || closed; }

  /// Waits for all kernels, within the time of the parameters, before a release
  /// in which the driver waits for them without a limit.
  void settle(const char *subject);
  void settle(tokrt_cuda_stream_t *stream, const char *subject);

  /// Keeps the name of what the driver took to launch. This cannot fail: the
  /// caller would launch again.
  void take(tokrt_cuda_stream_t *stream, const void *owner, const char *name);
  /// Ends a launch: with `check_launches`, when what was launched has ended.
  tokrt_status_t endLaunch(tokrt_cuda_stream_t *stream, tokrt_error_t *error);

  /// Marks what `stream` runs before it is captured: it is still waited for.
  tokrt_status_t markEnd(tokrt_cuda_stream_t *stream, const char *subject,
                         tokrt_error_t *error);
  /// The stream that began a capture; null for one that has ended.
  tokrt_cuda_stream_t *originOf(uint64_t capture) const;
  /// The streams of a capture are captured no longer.
  void leaveCapture(const tokrt_cuda_stream_t *origin);
  /// Ends the capture that `stream` is part of, for no graph.
  void giveUpCapture(tokrt_cuda_stream_t *stream);

  /// Everything in front of a point has ended.
  void forgetFront(const tokrt::cuda::Front &front) {
    for (const auto &[stream, upTo] : front)
      launched.forgetStream(stream, upTo);
  }

  /// Before the owner of a name goes.
  void forgetOwner(const void *owner);

  /// Keeps the first error that has no call to come from.
  void tellAtClose(tokrt_status_t status, const tokrt_error_t &error);

  /// The error of a call. A sticky one is told of the kernels that were
  /// launched, and the GPU is lost.
  tokrt_status_t fail(tokrt::cuda::Result result, const char *subject,
                      const char *call, const char *advice,
                      tokrt_error_t *error);

  /// Whether all of a range of the host's memory is pinned.
  bool isPinned(const void *data, uint64_t bytes) const;

  /// Waits until `event` has come, or what is on `stream` has ended, within the
  /// time of the parameters.
  tokrt_status_t waitFor(tokrt::cuda::Event event, tokrt_error_t *error);
  tokrt_status_t waitFor(tokrt_cuda_stream_t *stream, tokrt_error_t *error);
};

inline tokrt::cuda::Kept::Kept(tokrt_cuda_t *gpu) : gpu(gpu) {
  if (gpu)
    ++gpu->users;
}
inline tokrt::cuda::Kept::~Kept() {
  if (gpu && --gpu->users == 0)
    delete gpu;
}

struct tokrt_cuda_kernel_s {
  tokrt_cuda_module_t *module;
  std::string name;
  tokrt::cuda::Function function;
  uint32_t sharedBytes = 0; // that it may be launched with
  int ownSharedBytes = 0;   // that it has beside
  int threads = 0;          // that a block may have
  /// Of its parameters; nothing where the driver does not say.
  std::optional<size_t> argumentBytes, parameterCount;
};

struct tokrt_cuda_module_s {
  tokrt::cuda::Kept gpu;
  std::string name;
  tokrt::cuda::Module module;
  std::vector<std::unique_ptr<tokrt_cuda_kernel_t>> kernels;
};

struct tokrt_cuda_stream_s {
  tokrt::cuda::Kept gpu;
  tokrt::cuda::Stream stream;
  /// Recorded where a wait begins, and in front of a capture, which would take
  /// it for its own.
  tokrt::cuda::Event end;
  bool busy; // it may run, or wait for, a kernel that nobody waited for
  /// What its work is behind in other streams.
  tokrt::cuda::Front awaited;
  /// The stream that began the capture that this one is part of, or null.
  tokrt_cuda_stream_t *origin;
  /// Of a capture that this stream began: its number, and what was launched.
  uint64_t capture;
  tokrt::cuda::Launched captured;
};

struct tokrt_cuda_event_s {
  tokrt::cuda::Kept gpu;
  tokrt::cuda::Event event;
  uint64_t capture; // that it was recorded in; 0: none
  tokrt::cuda::Front front;
};

#endif // TOKRT_CUDA_GPU_H_
