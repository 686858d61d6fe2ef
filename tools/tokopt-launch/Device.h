//===- Device.h - A GPU with what a case needs of it ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launcher's C API with owners, and errors as exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_LAUNCH_DEVICE_H_
#define TOOLS_TOKOPT_LAUNCH_DEVICE_H_

#include "tools/Common/Program.h"

#include "tokrt/cuda.h"

#include <string>
#include <utility>
#include <vector>

namespace tools {

/// A kernel faulted or hangs; the GPU must be opened anew.
struct Lost {
  std::string message;
};

/// The driver does not take an image; another of the same kernel may do.
struct Refused {
  std::string message;
};

/// Throws `Lost` or `BadInput` unless `status` is TOKRT_OK.
void checkGpu(tokrt_status_t status, const tokrt_error_t &error);

/// A context on a GPU with one stream.
class Device {
public:
  Device(uint32_t number, uint32_t timeoutMs);
  Device(const Device &) = delete;
  ~Device();
  /// Throws where the driver refused to take something back.
  void close();

  tokrt_cuda_info_t info() const;
  void wait();
  tokrt_cuda_tensor_map_t encode(const tokrt_cuda_tensor_t &tensor);
  tokrt_cuda_t *gpu = nullptr;
  tokrt_cuda_stream_t *stream = nullptr;
};

/// Memory of a GPU.
class Block {
public:
  Block(Device &device, uint64_t bytes);
  Block(Block &&other) noexcept
      : device(other.device), at(std::exchange(other.at, 0)), size(other.size) {
  }
  ~Block() { tokrt_cuda_free(device.gpu, at); }

  /// Writes `data` again and again until the block is full, and waits.
  void fill(const std::vector<uint8_t> &data);
  /// Begins to set every byte.
  void fill(uint8_t value);
  std::vector<uint8_t> read(uint64_t offset, uint64_t bytes) const;
  tokrt_cuda_address_t address() const { return at; }

private:
  Device &device;
  tokrt_cuda_address_t at = 0;
  uint64_t size;
};

/// A module with one kernel.
class Kernel {
public:
  /// Throws `Refused` where the driver is too old for the image, or it is for
  /// another GPU.
  Kernel(Device &device, const std::string &file, const std::string &image,
         const std::string &name, uint32_t sharedBytes);
  Kernel(const Kernel &) = delete;
  ~Kernel() { tokrt_cuda_module_destroy(module); }

  /// Begins to run it.
  void launch(const tokrt_cuda_launch_t &launch);

private:
  Device &device;
  tokrt_cuda_module_t *module = nullptr;
  tokrt_cuda_kernel_t *kernel = nullptr;
};

/// Times what is between two of its calls on a device's stream.
class Timer {
public:
  explicit Timer(Device &device);
  Timer(const Timer &) = delete;
  ~Timer();

  void begin();
  /// Waits, and gives the milliseconds since `begin`.
  double end();

private:
  Device &device;
  tokrt_cuda_event_t *first = nullptr, *last = nullptr;
};

} // namespace tools

#endif // TOOLS_TOKOPT_LAUNCH_DEVICE_H_
