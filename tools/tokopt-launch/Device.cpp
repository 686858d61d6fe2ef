//===- Device.cpp - A GPU with what a case needs of it --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-launch/Device.h"

#include <algorithm>

using namespace tools;

void tools::checkGpu(tokrt_status_t status, const tokrt_error_t &error) {
  if (status == TOKRT_DEVICE_LOST)
    throw Lost{error.message};
  check(status, error);
}

Device::Device(uint32_t number, uint32_t timeoutMs) {
  tokrt_cuda_params_t params;
  tokrt_cuda_params_init(&params);
  params.device = number;
  params.timeout_ms = timeoutMs;
  tokrt_error_t error;
  checkGpu(tokrt_cuda_open(&params, &gpu, &error), error);
  tokrt_status_t status = tokrt_cuda_stream_create(gpu, &stream, &error);
  if (status != TOKRT_OK) {
    tokrt_cuda_close(gpu, nullptr);
    checkGpu(status, error);
  }
}

Device::~Device() {
  tokrt_cuda_stream_destroy(stream);
  tokrt_cuda_close(gpu, nullptr);
}

void Device::close() {
  tokrt_cuda_stream_destroy(std::exchange(stream, nullptr));
  tokrt_error_t error;
  check(tokrt_cuda_close(std::exchange(gpu, nullptr), &error), error);
}

tokrt_cuda_info_t Device::info() const {
  tokrt_cuda_info_t info;
  tokrt_cuda_info(gpu, &info);
  return info;
}

void Device::wait() {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_stream_wait(stream, &error), error);
}

tokrt_cuda_tensor_map_t Device::encode(const tokrt_cuda_tensor_t &tensor) {
  tokrt_cuda_tensor_map_t map;
  tokrt_error_t error;
  checkGpu(tokrt_cuda_tensor_map(gpu, &tensor, &map, &error), error);
  return map;
}

Block::Block(Device &device, uint64_t bytes) : device(device), size(bytes) {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_allocate(device.gpu, bytes, &at, &error), error);
}

void Block::fill(const std::vector<uint8_t> &data) {
  tokrt_error_t error;
  for (uint64_t offset = 0; offset < size; offset += data.size())
    checkGpu(tokrt_cuda_copy_to_device(
                 device.stream, at + offset, data.data(),
                 std::min<uint64_t>(data.size(), size - offset), &error),
             error);
  device.wait();
}

void Block::fill(uint8_t value) {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_fill(device.stream, at, value, size, &error), error);
}

std::vector<uint8_t> Block::read(uint64_t offset, uint64_t bytes) const {
  std::vector<uint8_t> data(bytes);
  tokrt_error_t error;
  checkGpu(tokrt_cuda_copy_to_host(device.stream, data.data(), at + offset,
                                   bytes, &error),
           error);
  device.wait();
  return data;
}

Kernel::Kernel(Device &device, const std::string &file,
               const std::string &image, const std::string &name,
               uint32_t sharedBytes)
    : device(device) {
  tokrt_error_t error;
  tokrt_status_t status = tokrt_cuda_module_load(
      device.gpu, file.c_str(), image.data(), image.size(), &module, &error);
  if (status == TOKRT_UNSUPPORTED)
    throw Refused{error.message};
  checkGpu(status, error);
  status =
      tokrt_cuda_kernel_get(module, name.c_str(), sharedBytes, &kernel, &error);
  if (status != TOKRT_OK) {
    tokrt_cuda_module_destroy(module);
    checkGpu(status, error);
  }
}

void Kernel::launch(const tokrt_cuda_launch_t &launch) {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_launch(device.stream, kernel, &launch, &error), error);
}

Timer::Timer(Device &device) : device(device) {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_event_create(device.gpu, &first, &error), error);
  tokrt_status_t status = tokrt_cuda_event_create(device.gpu, &last, &error);
  if (status != TOKRT_OK) {
    tokrt_cuda_event_destroy(first);
    checkGpu(status, error);
  }
}

Timer::~Timer() {
  tokrt_cuda_event_destroy(first);
  tokrt_cuda_event_destroy(last);
}

void Timer::begin() {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_event_record(first, device.stream, &error), error);
}

double Timer::end() {
  tokrt_error_t error;
  checkGpu(tokrt_cuda_event_record(last, device.stream, &error), error);
  device.wait();
  float milliseconds;
  checkGpu(tokrt_cuda_event_elapsed(first, last, &milliseconds, &error), error);
  return milliseconds;
}
