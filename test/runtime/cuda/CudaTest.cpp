//===- CudaTest.cpp - What the launcher does ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <thread>

namespace {
struct Cuda : OnFakeGpu {};
} // namespace

TEST_F(Cuda, runs_a_kernel_and_takes_all_back) {
  test.useAll();
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_STREQ(driver.launches(),
               "kernel grid 2 1 1 threads 64 shared 0 arguments 42\n"
               "kernel grid 2 1 1 threads 64 shared 0 arguments 42\n"
               "kernel grid 2 1 1 threads 64 shared 0 arguments 42\n");
  EXPECT_EQ(driver.calls("cuGraphLaunch"), 1);
  EXPECT_NEAR(test.milliseconds, 0.01, 1e-6);
  // The fill came after the copy, and went back.
  EXPECT_EQ(static_cast<uint8_t *>(test.pinned)[4095], 7);
  EXPECT_EQ(test.map.opaque[15], 0x5a5a5a5a5a5a5a5aull);
  tokrt_cuda_info_t info;
  tokrt_cuda_info(test.gpu, &info);
  EXPECT_STREQ(info.name, "Fake GPU");
  EXPECT_EQ(info.capability, 80u);
  EXPECT_EQ(info.driver_version, 13000u);
  EXPECT_EQ(info.multiprocessors, 4u);
  EXPECT_EQ(info.memory_bytes, 1u << 30);
  EXPECT_EQ(info.shared_bytes, 163u << 10);
  EXPECT_EQ(info.device_bytes_used, 4096u);
  EXPECT_EQ(info.pinned_bytes_used, 4096u);
  EXPECT_FALSE(info.lost);
  EXPECT_GT(driver.live(), 0);
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.live(), 0);
  EXPECT_EQ(driver.swept(), 0);
}

TEST_F(Cuda, finds_the_driver_by_the_environment) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = nullptr;
  ASSERT_EQ(setenv("TOKOPT_CUDA_DRIVER", FAKE_DRIVER, 1), 0);
  restart({}, params);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuInit"), 1);
  unsetenv("TOKOPT_CUDA_DRIVER");
}

TEST_F(Cuda, runs_on_drivers_from_before_cuda_12) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = FAKE_OLD_DRIVER;
  restart({}, params);
  test.useAll();
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

TEST_F(Cuda, keeps_two_gpus_apart) {
  test.close();
  TestGpu one, two;
  one.load("kernel");
  two.load("kernel");
  for (TestGpu *test : {&one, &two, &one})
    test->launch().wait();
  EXPECT_EQ(one.status, TOKRT_OK) << one.message();
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  one.close();
  two.launch().wait();
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  two.close();
  EXPECT_EQ(driver.live(), 0);
}

TEST_F(Cuda, leaves_the_thread_the_context_that_it_had) {
  test.close();
  driver.setCurrent(42);
  test.open();
  EXPECT_EQ(driver.current(), 42u);
  test.useAll();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.current(), 42u);
  tokrt_cuda_address_t more = 0;
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, UINT64_MAX, &more, &test.error),
            TOKRT_OUT_OF_MEMORY);
  EXPECT_EQ(driver.current(), 42u);
  test.close();
  EXPECT_EQ(driver.current(), 42u);
}

/// A thread may have another GPU's context, or none.
TEST_F(Cuda, serves_a_gpu_from_thread_to_thread) {
  test.close();
  TestGpu one, two;
  one.load("kernel");
  two.load("kernel");
  std::thread([&] {
    one.launch().wait();
    TestGpu third;
    third.useAll();
    two.launch().wait();
    third.launch().close();
    EXPECT_EQ(third.status, TOKRT_OK) << third.message();
    one.launch().close();
  }).join();
  EXPECT_EQ(one.status, TOKRT_OK) << one.message();
  two.launch().close();
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  EXPECT_EQ(driver.swept(), 0);
}

TEST_F(Cuda, serves_two_threads_with_a_gpu_each) {
  test.close();
  auto use = [] {
    for (int i = 0; i < 10; ++i) {
      TestGpu test;
      test.useAll();
      test.close();
      EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    }
  };
  std::thread first(use), second(use);
  first.join();
  second.join();
  EXPECT_EQ(driver.live(), 0);
  EXPECT_EQ(driver.swept(), 0);
}

TEST_F(Cuda, limits_memory) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.device_bytes = 1000;
  params.pinned_bytes = 100;
  restart({}, params);
  tokrt_cuda_address_t other = 0;
  void *data = nullptr;
  ASSERT_EQ(tokrt_cuda_allocate(test.gpu, 600, &test.address, &test.error),
            TOKRT_OK);
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 401, &other, &test.error),
            TOKRT_EXHAUSTED);
  EXPECT_EQ(test.message(),
            "401 bytes of the GPU's memory: found 600 bytes in use, expected "
            "at most 1000 together; free some, or raise device_bytes");
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, UINT64_MAX, &other, &test.error),
            TOKRT_EXHAUSTED);
  tokrt_cuda_free(test.gpu, test.address);
  ASSERT_EQ(tokrt_cuda_allocate(test.gpu, 1000, &test.address, &test.error),
            TOKRT_OK);
  EXPECT_EQ(tokrt_cuda_allocate_pinned(test.gpu, 101, &data, &test.error),
            TOKRT_EXHAUSTED);
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 0, &other, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(other, 0u);
  EXPECT_EQ(data, nullptr);
}

TEST_F(Cuda, asks_for_more_shared_memory_where_a_kernel_needs_it) {
  test.load("kernel", 160 << 10);
  tokrt_cuda_launch_t launch = {{1, 1, 1}, 128, 160 << 10, nullptr, 0, {}, {}};
  test.then(tokrt_cuda_launch, test.stream, test.kernel, &launch);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 1);
  // Below 48 KiB nobody asks; beyond what was asked for, nobody launches.
  tokrt_cuda_kernel_t *small = nullptr;
  test.then(tokrt_cuda_kernel_get, test.module, "small", 48 << 10, &small);
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 1);
  test.then(tokrt_cuda_launch, test.stream, small, &launch);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel small of test.cubin: found 163840 bytes of shared memory, "
            "expected at most 49152, for which it was prepared "
            "(tokrt_cuda_kernel_get)");
}

/// What a kernel has by itself counts, too.
TEST_F(Cuda, asks_for_more_shared_memory_beside_the_own_of_a_kernel) {
  FakeGpu gpu;
  gpu.ownSharedBytes = 4096;
  restart(gpu);
  test.load("kernel", 44 << 10);
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 0);
  test.then(tokrt_cuda_kernel_get, test.module, "kernel", 48 << 10,
            &test.kernel);
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 1);
  tokrt_cuda_launch_t launch = {{1, 1, 1}, 128, 48 << 10, nullptr, 0, {}, {}};
  test.then(tokrt_cuda_launch, test.stream, test.kernel, &launch)
      .then(tokrt_cuda_kernel_get, test.module, "kernel", 159 << 10,
            &test.kernel);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

/// The driver's number belongs to the function, whoever asks for it.
TEST_F(Cuda, keeps_the_most_shared_memory_that_a_kernel_was_prepared_for) {
  test.load("kernel", 160 << 10);
  tokrt_cuda_kernel_t *less = nullptr, *other = nullptr;
  test.then(tokrt_cuda_kernel_get, test.module, "kernel", 64 << 10, &less);
  tokrt_cuda_launch_t launch = {{1, 1, 1}, 128, 160 << 10, nullptr, 0, {}, {}};
  test.then(tokrt_cuda_launch, test.stream, test.kernel, &launch);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(less, test.kernel);
  EXPECT_EQ(driver.calls("cuModuleGetFunction"), 1);
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 1);
  // What the driver refused is not there.
  driver.failAt("cuFuncSetAttribute", 2, 1);
  EXPECT_EQ(tokrt_cuda_kernel_get(test.module, "other", 64 << 10, &other,
                                  &test.error),
            TOKRT_INVALID_ARGUMENT);
  test.then(tokrt_cuda_kernel_get, test.module, "other", 64 << 10, &other)
      .then(tokrt_cuda_launch, test.stream, test.kernel, &launch);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 3);
}

extern "C" tokrt_status_t openGpu(const char *driver, tokrt_error_t *error);

TEST_F(Cuda, serves_c) {
  test.close();
  tokrt_error_t error{};
  EXPECT_EQ(openGpu(FAKE_DRIVER, &error), TOKRT_OK) << error.message;
  EXPECT_EQ(driver.live(), 0);
}
