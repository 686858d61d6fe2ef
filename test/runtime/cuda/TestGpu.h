//===- TestGpu.h - The launcher on the fake driver --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_TESTGPU_H_
#define TEST_RUNTIME_CUDA_TESTGPU_H_

#include "FakeDriver.h"

#include "tokrt/cuda.h"

#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

/// The fake driver that the launcher opens, as it is made anew.
inline const FakeDriver &fakeDriver(const FakeGpu &gpu = {}) {
  static const auto *driver = static_cast<const FakeDriver *>(
      dlsym(dlopen(FAKE_DRIVER, RTLD_NOW), kFakeDriverSymbol));
  driver->reset(&gpu);
  return *driver;
}

/// The head of a cubin: all that the launcher reads, the fake driver less.
inline std::vector<char> fakeCubin(int capability, const char *tools = "") {
  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_ABIVERSION] = 8;
  header.e_machine = 190; // EM_CUDA
  header.e_flags = capability << 8 | 4;
  const char *bytes = reinterpret_cast<const char *>(&header);
  std::vector<char> image(bytes, bytes + sizeof header);
  image.insert(image.end(), tools, tools + strlen(tools) + 1);
  return image;
}

/// What a test makes, and the first error that it met.
struct GpuObjects {
  tokrt_status_t status = TOKRT_OK;
  tokrt_error_t error{};
  tokrt_cuda_t *gpu = nullptr;
  tokrt_cuda_module_t *module = nullptr;
  tokrt_cuda_kernel_t *kernel = nullptr;
  tokrt_cuda_stream_t *stream = nullptr, *other = nullptr;
  tokrt_cuda_event_t *begin = nullptr, *end = nullptr;
  tokrt_cuda_graph_t *graph = nullptr;
  tokrt_cuda_address_t address = 0;
  void *pinned = nullptr;
  tokrt_cuda_tensor_map_t map{};
  float milliseconds = -1;
  uint64_t argument = 42;
};

/// Everything that the launcher can do, once. What is made is destroyed,
/// whatever fails.
struct TestGpu : GpuObjects {
  explicit TestGpu(const tokrt_cuda_params_t &params = defaults()) {
    open(params);
  }
  TestGpu(const TestGpu &) = delete;
  ~TestGpu() { close(); }

  static tokrt_cuda_params_t defaults() {
    tokrt_cuda_params_t params;
    tokrt_cuda_params_init(&params);
    params.driver = FAKE_DRIVER;
    params.timeout_ms = 200;
    return params;
  }

  void open(const tokrt_cuda_params_t &params = defaults()) {
    static_cast<GpuObjects &>(*this) = {};
    status = tokrt_cuda_open(&params, &gpu, &error);
  }

  /// Goes on unless something failed before.
  template <typename Call, typename... Arguments>
  TestGpu &then(Call call, Arguments... arguments) {
    if (status == TOKRT_OK)
      status = call(arguments..., &error);
    return *this;
  }

  TestGpu &load(const char *kernelName, uint32_t sharedBytes = 0) {
    static const std::vector<char> image = fakeCubin(80);
    return then(tokrt_cuda_module_load, gpu, "test.cubin", image.data(),
                image.size(), &module)
        .then(tokrt_cuda_kernel_get, module, kernelName, sharedBytes, &kernel)
        .then(tokrt_cuda_stream_create, gpu, &stream);
  }

  TestGpu &launch() {
    tokrt_cuda_launch_t launch = {{2, 1, 1},       64, 0, &argument,
                                  sizeof argument, {}, {}};
    return then(tokrt_cuda_launch, stream, kernel, &launch);
  }

  /// Another kernel of the module.
  TestGpu &launch(const char *kernelName) {
    return then(tokrt_cuda_kernel_get, module, kernelName, 0, &kernel).launch();
  }
  TestGpu &launch(const std::string &kernelName) {
    return launch(kernelName.c_str());
  }

  TestGpu &wait() { return then(tokrt_cuda_stream_wait, stream); }
  /// Records an event on a stream, and lets another wait for it.
  TestGpu &order(tokrt_cuda_event_t *event, tokrt_cuda_stream_t *before,
                 tokrt_cuda_stream_t *behind) {
    return then(tokrt_cuda_event_record, event, before)
        .then(tokrt_cuda_stream_wait_event, behind, event);
  }
  TestGpu &beginCapture() { return then(tokrt_cuda_capture_begin, stream); }
  TestGpu &endCapture() { return then(tokrt_cuda_capture_end, stream, &graph); }
  TestGpu &launchGraph() {
    return then(tokrt_cuda_graph_launch, stream, graph);
  }

  /// Uses all calls.
  void useAll() {
    load("kernel", 64 << 10)
        .then(tokrt_cuda_allocate, gpu, 4096, &address)
        .then(tokrt_cuda_allocate_pinned, gpu, 4096, &pinned)
        .then(tokrt_cuda_event_create, gpu, &begin)
        .then(tokrt_cuda_event_create, gpu, &end)
        .then(tokrt_cuda_copy_to_device, stream, address, pinned, 4096)
        .then(tokrt_cuda_fill, stream, address, 7, 4096)
        .then(tokrt_cuda_event_record, begin, stream)
        .launch()
        .then(tokrt_cuda_event_record, end, stream)
        .then(tokrt_cuda_copy_to_host, stream, pinned, address, 4096)
        .wait()
        .then(tokrt_cuda_event_wait, end)
        .then(tokrt_cuda_event_elapsed, begin, end, &milliseconds)
        .then(tokrt_cuda_stream_create, gpu, &other)
        .order(end, stream, other)
        .beginCapture()
        .launch()
        .order(end, stream, other)
        .then(tokrt_cuda_fill, other, address, 7, 4096)
        .order(end, other, stream)
        .launch()
        .endCapture()
        .launchGraph()
        .wait();
    tokrt_cuda_tensor_t tensor{};
    tensor.address = address;
    tensor.element = TOKRT_CUDA_BF16;
    tensor.rank = 2;
    tensor.sizes[0] = tensor.sizes[1] = 64;
    tensor.strides[0] = 128;
    tensor.box[0] = tensor.box[1] = 64;
    tensor.swizzle = 128;
    then(tokrt_cuda_tensor_map, gpu, &tensor, &map);
  }

  /// The status is the first that was not good, that of closing included.
  void close() {
    if (!gpu)
      return;
    tokrt_cuda_graph_destroy(graph);
    tokrt_cuda_event_destroy(begin);
    tokrt_cuda_event_destroy(end);
    tokrt_cuda_stream_destroy(stream);
    tokrt_cuda_stream_destroy(other);
    tokrt_cuda_module_destroy(module);
    tokrt_cuda_free(gpu, address);
    tokrt_cuda_free_pinned(gpu, pinned);
    tokrt_error_t closing;
    tokrt_status_t closed = tokrt_cuda_close(gpu, &closing);
    gpu = nullptr;
    if (status == TOKRT_OK && closed != TOKRT_OK) {
      status = closed;
      error = closing;
    }
  }

  std::string message() const { return error.message; }
};

/// A test on one GPU, as it is made first.
struct OnFakeGpu : testing::Test {
  /// Another GPU, and a driver that has forgotten everything.
  void restart(const FakeGpu &gpu = {},
               const tokrt_cuda_params_t &params = TestGpu::defaults()) {
    test.close();
    fakeDriver(gpu);
    test.open(params);
  }

  const FakeDriver &driver = fakeDriver();
  TestGpu test;
};

inline void expectOneLine(const std::string &message) {
  EXPECT_FALSE(message.empty());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_NE(message.find("; "), std::string::npos)
      << "does not say what to do: " << message;
}

#endif // TEST_RUNTIME_CUDA_TESTGPU_H_
