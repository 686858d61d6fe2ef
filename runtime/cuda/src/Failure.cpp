//===- Failure.cpp - What the driver's errors mean ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"

using namespace tokrt;
using namespace tokrt::cuda;

namespace {

/// What a CUresult means to a caller.
struct Meaning {
  Result result;
  tokrt_status_t status;
  const char *advice;
};

constexpr char kFaulted[] =
    "close the GPU and open it anew; run the kernel in the simulator "
    "(tokopt-sim) or under compute-sanitizer to see what it does";
constexpr char kHardware[] =
    "close the GPU and open it anew; if that fails, the machine must be looked "
    "after (nvidia-smi -q)";
constexpr char kCaptureAgain[] =
    "a call before it ended the capture: end it, and capture again";
constexpr char kOneCapture[] =
    "let what is captured depend on nothing outside of the capture";
constexpr char kJoin[] =
    "let the stream that began the capture wait for an event behind the last "
    "work of each that joined it (tokrt_cuda_stream_wait_event)";
constexpr char kOldDriver[] =
    "update NVIDIA's driver, or compile for what it can load";

/// The values of the driver API's reference, "Data types used by CUDA driver".
constexpr Meaning kMeanings[] = {
    {1, TOKRT_INVALID_ARGUMENT, "check the arguments of the call"},
    {2, TOKRT_OUT_OF_MEMORY,
     "free memory of the GPU, or end other programs that use it"},
    {3, TOKRT_DEVICE_ERROR,
     "the driver was not initialized in this process; "
     "a process that forks opens the GPU after it"},
    {4, TOKRT_DEVICE_ERROR, "the process is ending; close GPUs before"},
    {34, TOKRT_UNSUPPORTED,
     "found the stub of a toolkit, expected the driver; take the toolkit's "
     "folder `stubs` off the library path"},
    {36, TOKRT_UNSUPPORTED, kOldDriver},
    {46, TOKRT_DEVICE_ERROR,
     "another program has the GPU for itself; end it, or change the compute "
     "mode (nvidia-smi -c)"},
    {100, TOKRT_UNSUPPORTED,
     "look whether nvidia-smi and CUDA_VISIBLE_DEVICES show a GPU"},
    {101, TOKRT_INVALID_ARGUMENT,
     "give the number of a GPU that nvidia-smi and CUDA_VISIBLE_DEVICES show"},
    {200, TOKRT_UNSUPPORTED, kOldDriver},
    {201, TOKRT_DEVICE_ERROR, "close the GPU and open it anew"},
    {209, TOKRT_UNSUPPORTED, "compile the kernel for this GPU (--target)"},
    {214, TOKRT_DEVICE_LOST, kHardware},
    {218, TOKRT_INVALID_FILE, "the PTX is damaged; compile it again"},
    {220, TOKRT_DEVICE_LOST, kHardware},
    {221, TOKRT_UNSUPPORTED, "load a cubin, or install the driver's compiler"},
    {222, TOKRT_UNSUPPORTED, kOldDriver},
    {226, TOKRT_DEVICE_LOST, kHardware},
    {300, TOKRT_INVALID_FILE, "the image is damaged; compile it again"},
    {304, TOKRT_DEVICE_ERROR, "look into the system's log (dmesg)"},
    {400, TOKRT_INVALID_ARGUMENT,
     "give objects of this GPU that live, and events that were recorded"},
    {401, TOKRT_INVALID_ARGUMENT,
     "see in tokrt/cuda.h what must come before the call"},
    {500, TOKRT_INVALID_ARGUMENT,
     "give a name that the module has (tokopt-kernels --emit=report)"},
    {600, TOKRT_INVALID_ARGUMENT, "wait first for what the call asks for"},
    {700, TOKRT_DEVICE_LOST, kFaulted},
    {701, TOKRT_INVALID_ARGUMENT,
     "launch fewer threads, or ask for less shared memory"},
    {702, TOKRT_DEVICE_LOST, kFaulted},
    {709, TOKRT_DEVICE_LOST, "close the GPU and open it anew"},
    {710, TOKRT_DEVICE_LOST, kFaulted},
    {714, TOKRT_DEVICE_LOST, kFaulted},
    {715, TOKRT_DEVICE_LOST, kFaulted},
    {716, TOKRT_DEVICE_LOST, kFaulted},
    {717, TOKRT_DEVICE_LOST, kFaulted},
    {718, TOKRT_DEVICE_LOST, kFaulted},
    {719, TOKRT_DEVICE_LOST, kFaulted},
    {721, TOKRT_DEVICE_LOST, kFaulted},
    {801, TOKRT_UNSUPPORTED, "take a GPU and a driver that can do this"},
    {802, TOKRT_DEVICE_ERROR,
     "wait until the system's GPUs are ready, and "
     "look whether its services run"},
    {803, TOKRT_UNSUPPORTED,
     "the driver's library and its kernel module are of two versions; restart "
     "the machine, or install one of them anew"},
    {804, TOKRT_UNSUPPORTED,
     "take CUDA's compatibility library off the library path"},
    {900, TOKRT_INVALID_ARGUMENT,
     "make the call before the capture or after it"},
    {901, TOKRT_INVALID_ARGUMENT, kCaptureAgain},
    {902, TOKRT_INVALID_ARGUMENT, kOneCapture},
    {903, TOKRT_INVALID_ARGUMENT, "begin the capture before it is ended"},
    {904, TOKRT_INVALID_ARGUMENT, kJoin},
    {905, TOKRT_INVALID_ARGUMENT, kOneCapture},
    {906, TOKRT_INVALID_ARGUMENT,
     "take streams of tokrt_cuda_stream_create for other work in the context"},
    {907, TOKRT_INVALID_ARGUMENT, "record the event outside of the capture"},
    {908, TOKRT_INVALID_ARGUMENT,
     "end the capture in the thread that began it"},
};

/// Null for what is not known.
const Meaning *meaningOf(Result result) {
  for (const Meaning &meaning : kMeanings)
    if (meaning.result == result)
      return &meaning;
  return nullptr;
}

} // namespace

bool cuda::isSticky(Result result) {
  return statusOf(result) == TOKRT_DEVICE_LOST;
}

tokrt_status_t cuda::statusOf(Result result) {
  if (result == kSuccess)
    return TOKRT_OK;
  const Meaning *meaning = meaningOf(result);
  return meaning ? meaning->status : TOKRT_DEVICE_ERROR;
}

tokrt_status_t cuda::failCall(const Driver &driver, Result result,
                              const char *subject, const char *call,
                              const char *advice, tokrt_error_t *error) {
  const char *name = nullptr, *text = nullptr;
  if (driver.getErrorName.function)
    driver.getErrorName.function(result, &name);
  if (driver.getErrorString.function)
    driver.getErrorString.function(result, &text);
  const Meaning *meaning = meaningOf(result);
  if (!advice)
    advice = meaning ? meaning->advice
                     : "look the error up in the reference of the CUDA driver";
  return fail(error, statusOf(result), "%s: %s: %s (%d): %s; %s", subject, call,
              name ? name : "an error without a name", result,
              text ? text : "no description", advice);
}
