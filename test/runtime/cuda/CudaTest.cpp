//===- CudaTest.cpp - What the launcher does ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

TEST(Cuda, runs_a_kernel_and_takes_all_back) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
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

TEST(Cuda, finds_the_driver_by_the_environment) {
  const FakeDriver &driver = fakeDriver();
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = nullptr;
  ASSERT_EQ(setenv("TOKOPT_CUDA_DRIVER", FAKE_DRIVER, 1), 0);
  TestGpu test(params);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuInit"), 1);
  unsetenv("TOKOPT_CUDA_DRIVER");
}

TEST(Cuda, runs_on_drivers_from_before_cuda_12) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = FAKE_OLD_DRIVER;
  TestGpu test(params);
  test.useAll();
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

TEST(Cuda, keeps_two_gpus_apart) {
  const FakeDriver &driver = fakeDriver();
  TestGpu one, two;
  one.load("kernel");
  two.load("kernel");
  for (TestGpu *test : {&one, &two, &one})
    test->launch().then(tokrt_cuda_stream_wait, test->stream);
  EXPECT_EQ(one.status, TOKRT_OK) << one.message();
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  one.close();
  two.launch().then(tokrt_cuda_stream_wait, two.stream);
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  two.close();
  EXPECT_EQ(driver.live(), 0);
}

TEST(Cuda, leaves_the_thread_the_context_that_it_had) {
  const FakeDriver &driver = fakeDriver();
  driver.setCurrent(42);
  TestGpu test;
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
TEST(Cuda, serves_a_gpu_from_thread_to_thread) {
  const FakeDriver &driver = fakeDriver();
  TestGpu one, two;
  one.load("kernel");
  two.load("kernel");
  std::thread([&] {
    one.launch().then(tokrt_cuda_stream_wait, one.stream);
    TestGpu third;
    third.useAll();
    two.launch().then(tokrt_cuda_stream_wait, two.stream);
    third.launch().close();
    EXPECT_EQ(third.status, TOKRT_OK) << third.message();
    one.launch().close();
  }).join();
  EXPECT_EQ(one.status, TOKRT_OK) << one.message();
  two.launch().close();
  EXPECT_EQ(two.status, TOKRT_OK) << two.message();
  EXPECT_EQ(driver.swept(), 0);
}

TEST(Cuda, serves_two_threads_with_a_gpu_each) {
  const FakeDriver &driver = fakeDriver();
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

TEST(Cuda, limits_memory) {
  fakeDriver();
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.device_bytes = 1000;
  params.pinned_bytes = 100;
  TestGpu test(params);
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

TEST(Cuda, asks_for_more_shared_memory_where_a_kernel_needs_it) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
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

/// The driver's number belongs to the function, whoever asks for it.
TEST(Cuda, keeps_the_most_shared_memory_that_a_kernel_was_prepared_for) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
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

TEST(Cuda, names_the_kernels_that_may_have_faulted) {
  fakeDriver();
  TestGpu test;
  test.load("first").launch();
  for (const char *name : {"second", kFaultingKernel})
    test.then(tokrt_cuda_kernel_get, test.module, name, 0, &test.kernel)
        .launch();
  test.then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(test.message().find("one of the kernels first, second, faults: "
                                "cuEventRecord: FAKE_ERROR_700 (700): "),
            0u)
      << test.message();
}

TEST(Cuda, forgets_the_kernels_that_ended) {
  fakeDriver();
  TestGpu test;
  test.load("first").launch().then(tokrt_cuda_stream_wait, test.stream);
  test.then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
            &test.kernel)
      .launch()
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel faults: "), 0u) << test.message();
}

/// What is behind the event, or on another stream, may still run.
TEST(Cuda, forgets_the_kernels_in_front_of_an_event_that_came) {
  fakeDriver();
  TestGpu test;
  test.load("beside").launch().then(tokrt_cuda_stream_create, test.gpu,
                                    &test.other);
  std::swap(test.stream, test.other);
  for (const char *name : {"before", "again"})
    test.then(tokrt_cuda_kernel_get, test.module, name, 0, &test.kernel)
        .launch();
  test.then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.end, test.stream)
      .launch()
      .then(tokrt_cuda_kernel_get, test.module, kLateFaultingKernel, 0,
            &test.kernel)
      .launch()
      .then(tokrt_cuda_event_wait, test.end);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("one of the kernels beside, again, "
                                "faults_late: "),
            0u)
      << test.message();
}

TEST(Cuda, names_only_the_last_of_many_kernels) {
  fakeDriver();
  TestGpu test;
  test.load("k0").launch();
  for (int i = 1; i < 20; ++i)
    test.then(tokrt_cuda_kernel_get, test.module,
              i < 19 ? ("k" + std::to_string(i)).c_str() : kFaultingKernel, 0,
              &test.kernel)
        .launch()
        .launch();
  // The launch behind the one that faults tells it.
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(test.message().find("one of the kernels k12, k13, k14, k15, k16, "
                                "k17, k18, faults and 23 more launches: "),
            0u)
      << test.message();
}

/// Whatever the names, a message ends with what to do.
TEST(Cuda, names_as_many_kernels_as_a_message_has_place_for) {
  const std::string end = "to see what it does";
  for (size_t length : {60u, 190u, 390u, 1000u}) {
    fakeDriver();
    TestGpu test;
    test.load(std::string(length, 'a').c_str()).launch();
    for (char c : {'b', 'c', 'd', 'e', 'f', 'g'})
      test.then(tokrt_cuda_kernel_get, test.module,
                std::string(length, c).c_str(), 0, &test.kernel)
          .launch();
    // A graph of them, launched beside them.
    test.then(tokrt_cuda_capture_begin, test.stream).launch();
    test.then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
              &test.kernel)
        .launch()
        .then(tokrt_cuda_capture_end, test.stream, &test.graph)
        .then(tokrt_cuda_graph_launch, test.stream, test.graph)
        .then(tokrt_cuda_stream_wait, test.stream);
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_LT(test.message().size(), sizeof test.error.message - 1);
    EXPECT_EQ(test.message().find(end), test.message().size() - end.size())
        << test.message();
    EXPECT_NE(test.message().find(" more launches: cuEventRecord: "),
              std::string::npos)
        << test.message();
    // So does the next, which repeats it.
    test.status = TOKRT_OK;
    test.then(tokrt_cuda_event_create, test.gpu, &test.begin);
    EXPECT_EQ(test.message().find(end), test.message().size() - end.size())
        << test.message();
  }
}

TEST(Cuda, names_the_beginning_of_a_name_without_place) {
  const FakeDriver &driver = fakeDriver();
  driver.failAt("cuEventQuery", 1, 700);
  TestGpu test;
  test.load(std::string(1000, 'a').c_str())
      .launch()
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel aaa"), 0u) << test.message();
  EXPECT_NE(test.message().find("aaa...: cuEventQuery: "), std::string::npos)
      << test.message();
}

TEST(Cuda, names_a_kernel_once_that_two_streams_run) {
  fakeDriver();
  TestGpu test;
  test.load(kFaultingKernel)
      .then(tokrt_cuda_stream_create, test.gpu, &test.other);
  tokrt_cuda_kernel_t *faulting = test.kernel;
  test.then(tokrt_cuda_kernel_get, test.module, "kernel", 0, &test.kernel)
      .launch();
  std::swap(test.other, test.stream);
  test.launch();
  test.kernel = faulting;
  test.launch().then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("one of the kernels kernel, faults: "), 0u)
      << test.message();
}

TEST(Cuda, names_the_kernel_itself_where_launches_are_checked) {
  fakeDriver();
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.check_launches = 1;
  TestGpu test(params);
  test.load("first").launch();
  test.then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
            &test.kernel)
      .launch();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(test.message().find("kernel faults: "), 0u) << test.message();
}

TEST(Cuda, names_the_kernels_of_a_graph) {
  fakeDriver();
  TestGpu test;
  test.load("first").then(tokrt_cuda_capture_begin, test.stream).launch();
  test.then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
            &test.kernel)
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_graph_launch, test.stream, test.graph)
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel of a graph: first, faults: "), 0u)
      << test.message();
}

TEST(Cuda, names_the_kernels_of_a_graph_once) {
  fakeDriver();
  TestGpu test;
  test.load("first").then(tokrt_cuda_capture_begin, test.stream);
  for (int i = 0; i < 100; ++i)
    test.launch();
  for (const char *name : {"k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"})
    test.then(tokrt_cuda_kernel_get, test.module, name, 0, &test.kernel)
        .launch();
  test.then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
            &test.kernel)
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_graph_launch, test.stream, test.graph)
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel of a graph: k3, k4, k5, k6, k7, k8, "
                                "k9, faults and 101 more launches: "),
            0u)
      << test.message();
}

/// A graph that another records does not run yet.
TEST(Cuda, does_not_blame_a_graph_that_is_only_recorded) {
  fakeDriver();
  TestGpu test;
  tokrt_cuda_graph_t *inner = nullptr;
  test.load("inner")
      .then(tokrt_cuda_capture_begin, test.stream)
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &inner)
      .then(tokrt_cuda_capture_begin, test.stream)
      .then(tokrt_cuda_graph_launch, test.stream, inner)
      .then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_kernel_get, test.module, kFaultingKernel, 0,
            &test.kernel)
      .launch()
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel faults: "), 0u) << test.message();
  tokrt_cuda_graph_destroy(inner);
}

TEST(Cuda, names_the_graphs_in_a_graph) {
  fakeDriver();
  TestGpu test;
  tokrt_cuda_graph_t *inner = nullptr;
  test.load(kFaultingKernel)
      .then(tokrt_cuda_capture_begin, test.stream)
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &inner)
      .then(tokrt_cuda_capture_begin, test.stream)
      .then(tokrt_cuda_graph_launch, test.stream, inner)
      .then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_graph_launch, test.stream, test.graph)
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.message().find("kernel of a graph: of a graph: faults: "), 0u)
      << test.message();
  tokrt_cuda_graph_destroy(inner);
}

TEST(Cuda, does_not_wait_for_a_capture) {
  fakeDriver();
  TestGpu test;
  test.load("kernel")
      .then(tokrt_cuda_capture_begin, test.stream)
      .then(tokrt_cuda_stream_wait, test.stream);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT) << test.message();
}

TEST(Cuda, does_not_wait_for_an_event_of_a_capture) {
  fakeDriver();
  TestGpu test;
  test.load("kernel")
      .then(tokrt_cuda_event_create, test.gpu, &test.begin)
      .then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.begin, test.stream)
      .then(tokrt_cuda_capture_begin, test.stream)
      .launch()
      .then(tokrt_cuda_event_record, test.end, test.stream);
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(tokrt_cuda_event_wait(test.end, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "tokrt_cuda_event_wait: found an event that was recorded in a "
            "capture, expected one of a stream; record it outside of the "
            "capture");
  EXPECT_EQ(tokrt_cuda_event_elapsed(test.begin, test.end, &test.milliseconds,
                                     &test.error),
            TOKRT_INVALID_ARGUMENT);
  // The capture is as it was, and so is the event when it is recorded again.
  test.then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_graph_launch, test.stream, test.graph)
      .then(tokrt_cuda_event_record, test.end, test.stream)
      .then(tokrt_cuda_event_wait, test.end)
      .then(tokrt_cuda_event_elapsed, test.begin, test.end, &test.milliseconds);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

/// Only what is on the stream is captured.
TEST(Cuda, does_everything_else_while_a_stream_is_captured) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
  test.load("kernel").launch().then(tokrt_cuda_capture_begin, test.stream);
  test.launch();
  std::swap(test.stream, test.other);
  // The module and the stream that are captured stay; the rest is made anew.
  tokrt_cuda_module_t *module = std::exchange(test.module, nullptr);
  test.load("other")
      .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
      .then(tokrt_cuda_allocate_pinned, test.gpu, 4096, &test.pinned)
      .then(tokrt_cuda_event_create, test.gpu, &test.begin)
      .launch()
      .then(tokrt_cuda_event_record, test.begin, test.stream)
      .then(tokrt_cuda_event_wait, test.begin)
      .then(tokrt_cuda_stream_wait, test.stream);
  tokrt_cuda_free(test.gpu, std::exchange(test.address, 0));
  tokrt_cuda_free_pinned(test.gpu, std::exchange(test.pinned, nullptr));
  tokrt_cuda_module_destroy(std::exchange(test.module, module));
  std::swap(test.stream, test.other);
  test.then(tokrt_cuda_capture_end, test.stream, &test.graph)
      .then(tokrt_cuda_graph_launch, test.stream, test.graph)
      .then(tokrt_cuda_stream_wait, test.stream);
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuGraphLaunch"), 1);
  EXPECT_EQ(driver.swept(), 0);
}

extern "C" tokrt_status_t openGpu(const char *driver, tokrt_error_t *error);

TEST(Cuda, serves_c) {
  const FakeDriver &driver = fakeDriver();
  tokrt_error_t error{};
  EXPECT_EQ(openGpu(FAKE_DRIVER, &error), TOKRT_OK) << error.message;
  EXPECT_EQ(driver.live(), 0);
}
