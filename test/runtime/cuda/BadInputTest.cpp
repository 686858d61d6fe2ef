//===- BadInputTest.cpp - Errors of drivers, GPUs and kernels -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include "../Allocations.h"

#include <cstring>
#include <map>
#include <set>
#include <utility>

namespace {

/// All errors that the driver's reference has.
constexpr int kResults[] = {
    1,   2,   3,   4,   5,   6,   7,   8,   34,  36,  46,  100, 101, 102, 200,
    201, 202, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216, 217,
    218, 219, 220, 221, 222, 223, 224, 225, 226, 300, 301, 302, 303, 304, 400,
    401, 402, 500, 600, 700, 701, 702, 703, 704, 705, 708, 709, 710, 711, 712,
    713, 714, 715, 716, 717, 718, 719, 720, 721, 800, 801, 802, 803, 804, 805,
    806, 807, 808, 809, 810, 811, 812, 900, 901, 902, 903, 904, 905, 906, 907,
    908, 909, 910, 911, 912, 913, 914, 915, 916, 917, 999};

/// What they mean to a caller; all others are errors of the device.
const std::map<int, tokrt_status_t> kStatuses = [] {
  std::map<int, tokrt_status_t> statuses;
  for (int result : {1, 101, 400, 401, 500, 600, 701, 900, 901, 902, 903, 904,
                     905, 906, 907, 908})
    statuses[result] = TOKRT_INVALID_ARGUMENT;
  statuses[2] = TOKRT_OUT_OF_MEMORY;
  for (int result : {34, 36, 100, 200, 209, 221, 222, 801, 803, 804})
    statuses[result] = TOKRT_UNSUPPORTED;
  for (int result : {218, 300})
    statuses[result] = TOKRT_INVALID_FILE;
  for (int result :
       {214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721})
    statuses[result] = TOKRT_DEVICE_LOST;
  return statuses;
}();

/// The calls of `useAll`.
constexpr const char *kCalls[] = {
    "cuGetProcAddress",
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem",
    "cuCtxCreate",
    "cuCtxDestroy",
    "cuCtxPushCurrent",
    "cuCtxPopCurrent",
    "cuMemAlloc",
    "cuMemFree",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuMemcpyHtoDAsync",
    "cuMemcpyDtoHAsync",
    "cuMemsetD8Async",
    "cuModuleLoadDataEx",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncGetAttribute",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
    "cuStreamCreate",
    "cuStreamDestroy",
    "cuStreamBeginCapture",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphLaunch",
    "cuEventCreate",
    "cuEventDestroy",
    "cuEventRecord",
    "cuEventQuery",
    "cuEventElapsedTime",
    "cuTensorMapEncodeTiled",
    "cuFuncGetParamInfo",
};

/// The calls that release something, and that which begins every release: what
/// they fail at stays for the context to take along.
const std::set<std::string> kReleases = {
    "cuCtxPushCurrent", "cuMemFree",         "cuMemFreeHost",
    "cuModuleUnload",   "cuStreamDestroy",   "cuGraphDestroy",
    "cuEventDestroy",   "cuGraphExecDestroy"};

void expectOneLine(const std::string &message) {
  EXPECT_FALSE(message.empty());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_NE(message.find("; "), std::string::npos)
      << "does not say what to do: " << message;
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// Each call of the API on a GPU that is lost.
void expectAllLost(TestGpu &test) {
  auto lost = [&](auto call, auto... arguments) {
    test.error.message[0] = 0;
    EXPECT_EQ(call(arguments..., &test.error), TOKRT_DEVICE_LOST);
    EXPECT_TRUE(contains(test.message(), "the GPU was lost before: "))
        << test.message();
  };
  tokrt_cuda_address_t address;
  void *pinned;
  tokrt_cuda_module_t *module;
  tokrt_cuda_kernel_t *kernel;
  tokrt_cuda_stream_t *stream;
  tokrt_cuda_event_t *event;
  tokrt_cuda_graph_t *graph;
  std::vector<char> image = fakeCubin(80);
  tokrt_cuda_launch_t launch = {{1, 1, 1}, 32, 0, nullptr, 0, {}, {}};
  tokrt_cuda_tensor_t tensor{};
  tensor.rank = 1;
  lost(tokrt_cuda_allocate, test.gpu, 16, &address);
  lost(tokrt_cuda_allocate_pinned, test.gpu, 16, &pinned);
  lost(tokrt_cuda_module_load, test.gpu, "k.cubin", image.data(), image.size(),
       &module);
  lost(tokrt_cuda_kernel_get, test.module, "kernel", 0, &kernel);
  lost(tokrt_cuda_stream_create, test.gpu, &stream);
  lost(tokrt_cuda_copy_to_device, test.stream, test.address, test.pinned, 16);
  lost(tokrt_cuda_copy_to_host, test.stream, test.pinned, test.address, 16);
  lost(tokrt_cuda_fill, test.stream, test.address, 0, 16);
  lost(tokrt_cuda_launch, test.stream, test.kernel, &launch);
  lost(tokrt_cuda_stream_wait, test.stream);
  lost(tokrt_cuda_capture_begin, test.stream);
  lost(tokrt_cuda_capture_end, test.stream, &graph);
  lost(tokrt_cuda_graph_launch, test.stream, test.graph);
  lost(tokrt_cuda_event_create, test.gpu, &event);
  lost(tokrt_cuda_event_record, test.begin, test.stream);
  lost(tokrt_cuda_event_wait, test.end);
  lost(tokrt_cuda_event_elapsed, test.begin, test.end, &test.milliseconds);
  lost(tokrt_cuda_tensor_map, test.gpu, &tensor, &test.map);
}

} // namespace

/// Whatever the driver refuses, whenever: one error that names the call, and
/// nothing is left.
TEST(BadInput, every_error_of_every_call_is_told_and_leaves_nothing) {
  FakeGpu gpu;
  gpu.parameterBytes = sizeof TestGpu::argument;
  const FakeDriver &driver = fakeDriver(gpu);
  std::vector<int> counts;
  {
    TestGpu test;
    test.useAll();
    test.close();
    ASSERT_EQ(test.status, TOKRT_OK) << test.message();
    for (const char *call : kCalls)
      counts.push_back(driver.calls(call));
  }
  for (size_t i = 0; i < std::size(kCalls); ++i) {
    std::string call = kCalls[i];
    ASSERT_GT(counts[i], 0) << call;
    for (int count = 1; count <= counts[i]; ++count)
      for (int result : kResults) {
        // Not ready is what a query says of work that has not ended.
        if (call == "cuEventQuery" && result == 600)
          continue;
        // Two entries came later, and may be missing.
        if (call == "cuGetProcAddress" && count > counts[i] - 2)
          continue;
        // Where a kernel has no more parameters, the driver says so.
        if (call == "cuFuncGetParamInfo" && result == 1)
          continue;
        SCOPED_TRACE(call + " number " + std::to_string(count) + " gives " +
                     std::to_string(result));
        fakeDriver(gpu);
        driver.failAt(call.c_str(), count, result);
        TestGpu test;
        test.useAll();
        test.close();
        ASSERT_NE(test.status, TOKRT_OK);
        expectOneLine(test.message());
        EXPECT_TRUE(contains(test.message(), call)) << test.message();
        if (call != "cuGetProcAddress")
          EXPECT_TRUE(
              contains(test.message(), "FAKE_ERROR_" + std::to_string(result) +
                                           " (" + std::to_string(result) +
                                           "): as the test says; "))
              << test.message();
        EXPECT_EQ(driver.live(), 0);
        // Of a GPU that is lost, all goes with the context.
        if (test.status != TOKRT_DEVICE_LOST)
          EXPECT_LE(driver.swept(), int(kReleases.count(call)));
        if (HasFailure())
          return;
      }
  }
}

/// An error that stays with the context loses the GPU, and no other does.
TEST(BadInput, every_error_means_what_the_reference_says) {
  const FakeDriver &driver = fakeDriver();
  for (int result : kResults) {
    SCOPED_TRACE(result);
    fakeDriver();
    TestGpu test;
    test.useAll();
    ASSERT_EQ(test.status, TOKRT_OK) << test.message();
    driver.failAt("cuMemsetD8Async", 2, result);
    auto meaning = kStatuses.find(result);
    tokrt_status_t expected =
        meaning == kStatuses.end() ? TOKRT_DEVICE_ERROR : meaning->second;
    bool isLost = expected == TOKRT_DEVICE_LOST;
    EXPECT_EQ(tokrt_cuda_fill(test.stream, test.address, 0, 16, &test.error),
              expected);
    tokrt_cuda_info_t info;
    tokrt_cuda_info(test.gpu, &info);
    EXPECT_EQ(info.lost, isLost);
    if (isLost)
      expectAllLost(test);
    else
      test.then(tokrt_cuda_fill, test.stream, test.address, 0, 16)
          .launch()
          .then(tokrt_cuda_stream_wait, test.stream);
    test.close();
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    if (HasFailure())
      return;
  }
}

TEST(BadInput, allocations_that_fail_leave_nothing) {
  const FakeDriver &driver = fakeDriver();
  // What the test itself keeps is there before.
  TestGpu().useAll();
  failEachAllocation(
      [&](tokrt_error_t *error) {
        TestGpu test;
        test.useAll();
        test.close();
        *error = test.error;
        return test.status;
      },
      [&] {
        EXPECT_EQ(driver.live(), 0);
        EXPECT_EQ(driver.swept(), 0);
        fakeDriver();
      });
}

/// The driver has taken the launch, so whoever saw an error launched twice.
TEST(BadInput, a_launch_that_the_driver_took_does_not_fail) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
  test.load("kernel_of_a_name_that_is_longer_than_a_word")
      .then(tokrt_cuda_capture_begin, test.stream);
  {
    FailingAllocations failing(0);
    test.launch();
  }
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuLaunchKernel"), 1);
}

TEST(BadInput, a_capture_ends_whatever_fails) {
  const FakeDriver &driver = fakeDriver();
  for (const char *call : {"cuCtxPushCurrent", "cuStreamEndCapture",
                           "cuGraphInstantiateWithFlags", "cuGraphDestroy"}) {
    SCOPED_TRACE(call);
    fakeDriver();
    TestGpu test;
    test.load("kernel").then(tokrt_cuda_capture_begin, test.stream).launch();
    driver.failAt(call, driver.calls(call) + 1, 999);
    tokrt_status_t status =
        tokrt_cuda_capture_end(test.stream, &test.graph, &test.error);
    EXPECT_EQ(status,
              strcmp(call, "cuGraphDestroy") ? TOKRT_DEVICE_ERROR : TOKRT_OK);
    if (status != TOKRT_OK)
      EXPECT_TRUE(contains(test.message(), call)) << test.message();
    // Who could not enter can only try again.
    if (!strcmp(call, "cuCtxPushCurrent"))
      test.then(tokrt_cuda_capture_end, test.stream, &test.graph);
    tokrt_cuda_graph_destroy(std::exchange(test.graph, nullptr));
    test.launch()
        .then(tokrt_cuda_stream_wait, test.stream)
        .then(tokrt_cuda_capture_begin, test.stream)
        .launch()
        .then(tokrt_cuda_capture_end, test.stream, &test.graph);
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  }
}

TEST(BadInput, memory_that_the_driver_keeps_stays_in_the_books) {
  const FakeDriver &driver = fakeDriver();
  driver.failAt("cuMemFree", 1, 1);
  driver.failAt("cuMemFreeHost", 1, 1);
  TestGpu test;
  test.then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
      .then(tokrt_cuda_allocate_pinned, test.gpu, 512, &test.pinned);
  for (bool freed : {false, true}) {
    tokrt_cuda_free(test.gpu, test.address);
    tokrt_cuda_free_pinned(test.gpu, test.pinned);
    tokrt_cuda_info_t info;
    tokrt_cuda_info(test.gpu, &info);
    EXPECT_EQ(info.device_bytes_used, freed ? 0u : 4096u);
    EXPECT_EQ(info.pinned_bytes_used, freed ? 0u : 512u);
  }
  test.close();
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message().find("4096 bytes of the GPU's memory: cuMemFree: "),
            0u)
      << test.message();
  EXPECT_EQ(driver.swept(), 0);
}

TEST(BadInput, there_is_no_driver) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = "/no/such/libcuda.so.1";
  TestGpu test(params);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message().find(
                "/no/such/libcuda.so.1: cannot open the CUDA driver: "),
            0u)
      << test.message();
  expectOneLine(test.message());
  // A library that is none.
  params.driver = "libm.so.6";
  TestGpu other(params);
  EXPECT_EQ(other.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(other.message(),
            "libm.so.6: found no cuGetProcAddress, expected a driver of CUDA "
            "11.4 or later; update NVIDIA's driver");
}

TEST(BadInput, there_is_no_gpu) {
  FakeGpu none;
  none.gpus = 0;
  fakeDriver(none);
  TestGpu test;
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(), "GPU 0: found 0 GPUs, expected at least 1; look "
                            "whether nvidia-smi and CUDA_VISIBLE_DEVICES show "
                            "it");
  fakeDriver();
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.device = 3;
  TestGpu third(params);
  EXPECT_EQ(third.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(third.message().find("GPU 3: found 1 GPUs, expected at least 4; "),
            0u)
      << third.message();
}

TEST(BadInput, the_driver_is_too_old) {
  FakeGpu old;
  old.driverVersion = 11030;
  fakeDriver(old);
  TestGpu test;
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_TRUE(contains(test.message(), "found no cuGraphInstantiateWithFlags "
                                       "(CUresult 0), expected a driver of "
                                       "CUDA 11.4 or later; update"))
      << test.message();
  // Tensor maps are younger than the rest, which works without.
  old.driverVersion = 11080;
  const FakeDriver &driver = fakeDriver(old);
  TestGpu other;
  other.useAll();
  EXPECT_EQ(other.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(other.message(),
            "tokrt_cuda_tensor_map: found a driver of CUDA 11.8 without "
            "cuTensorMapEncodeTiled, expected one of CUDA 12.0 or later; "
            "update NVIDIA's driver");
  EXPECT_EQ(driver.calls("cuGraphLaunch"), 1);
}

TEST(BadInput, the_cubin_is_for_another_gpu) {
  FakeGpu hopper;
  hopper.capability = 90;
  fakeDriver(hopper);
  TestGpu test;
  std::vector<char> image = fakeCubin(80);
  test.then(tokrt_cuda_module_load, test.gpu, "k.cubin", image.data(),
            image.size(), &test.module);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "k.cubin: found code for sm_80, expected code for sm_90, which "
            "Fake GPU is; compile the kernel for it (--target)");
  // Later GPUs of a major version run what is for earlier ones, not the
  // reverse.
  for (auto [gpu, code, runs] :
       {std::tuple(86, 80, true), std::tuple(80, 86, false)}) {
    FakeGpu other;
    other.capability = gpu;
    fakeDriver(other);
    TestGpu loads;
    image = fakeCubin(code);
    loads.then(tokrt_cuda_module_load, loads.gpu, "k.cubin", image.data(),
               image.size(), &loads.module);
    EXPECT_EQ(loads.status, runs ? TOKRT_OK : TOKRT_UNSUPPORTED) << gpu;
  }
}

TEST(BadInput, the_driver_is_too_old_for_the_cubin) {
  FakeGpu old;
  old.driverVersion = 12020;
  const FakeDriver &driver = fakeDriver(old);
  driver.failAt("cuModuleLoadDataEx", 1, 200);
  TestGpu test;
  std::vector<char> image =
      fakeCubin(80, "Cuda compilation tools, release 13.0, V13.0.88");
  test.then(tokrt_cuda_module_load, test.gpu, "k.cubin", image.data(),
            image.size(), &test.module);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "k.cubin: cuModuleLoadDataEx: FAKE_ERROR_200 (200): as the test "
            "says; the driver says: the log of the driver; the tools of CUDA "
            "13.0 made it and the driver is of CUDA 12.2: update NVIDIA's "
            "driver, or assemble with an older ptxas");
}

TEST(BadInput, the_gpu_has_too_little_memory) {
  const FakeDriver &driver = fakeDriver();
  TestGpu test;
  ASSERT_EQ(tokrt_cuda_allocate(test.gpu, 1 << 20, &test.address, &test.error),
            TOKRT_OK);
  tokrt_cuda_address_t more = 0;
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 1 << 30, &more, &test.error),
            TOKRT_OUT_OF_MEMORY);
  EXPECT_EQ(test.message(),
            "1073741824 bytes of the GPU's memory: cuMemAlloc: FAKE_ERROR_2 "
            "(2): as the test says; 1072693248 of 1073741824 bytes are free, "
            "and 1048576 are this process's; free some, or end other programs "
            "that use the GPU");
  EXPECT_EQ(more, 0u);
  // What could not be asked is an error too.
  driver.failAt("cuMemGetInfo", driver.calls("cuMemGetInfo") + 1, 999);
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 1 << 30, &more, &test.error),
            TOKRT_DEVICE_ERROR);
  EXPECT_TRUE(contains(test.message(), "cuMemGetInfo")) << test.message();
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 1 << 20, &more, &test.error),
            TOKRT_OK);
  tokrt_cuda_free(test.gpu, more);
}

TEST(BadInput, the_module_has_no_such_kernel) {
  fakeDriver();
  TestGpu test;
  test.load(kMissingKernel);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel missing of test.cubin: cuModuleGetFunction: "
            "FAKE_ERROR_500 (500): as the test says; give a name that the "
            "module has (tokopt-kernels --emit=report)");
}

TEST(BadInput, the_kernel_needs_more_shared_memory_than_there_is) {
  fakeDriver();
  TestGpu test;
  test.load("kernel", 200 << 10);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "kernel kernel of test.cubin: found 204800 bytes of shared memory, "
            "expected at most 166912, which a block of Fake GPU can have; "
            "compile it for this GPU");
}

TEST(BadInput, the_launch_is_none) {
  FakeGpu gpu;
  gpu.threads = 256;
  const FakeDriver &driver = fakeDriver(gpu);
  const struct {
    uint32_t grid[3], threads;
    const char *found;
  } launches[] = {
      {{0, 1, 1}, 64, "0 x 1 x 1 blocks, 64 threads"},
      {{1, 65536, 1}, 64, "1 x 65536 x 1 blocks, 64 threads"},
      {{1, 1, 65536}, 64, "1 x 1 x 65536 blocks, 64 threads"},
      {{1, 1, 1}, 0, "1 x 1 x 1 blocks, 0 threads"},
      {{1, 1, 1}, 257, "1 x 1 x 1 blocks, 257 threads"},
  };
  TestGpu test;
  test.load("kernel", 64 << 10);
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  for (const auto &[grid, threads, found] : launches) {
    tokrt_cuda_launch_t launch = {
        {grid[0], grid[1], grid[2]}, threads, 16, nullptr, 0, {}, {}};
    EXPECT_EQ(tokrt_cuda_launch(test.stream, test.kernel, &launch, &test.error),
              TOKRT_INVALID_ARGUMENT);
    EXPECT_EQ(test.message(),
              std::string("kernel kernel of test.cubin: cuLaunchKernel: "
                          "FAKE_ERROR_1 (1): as the test says; found a grid "
                          "of ") +
                  found +
                  ", 16 bytes of shared memory, 0 bytes of arguments, expected "
                  "1 to 2147483647 x 65535 x 65535 blocks, 1 to 256 threads, "
                  "and together with the kernel's own at most 65536 bytes of "
                  "shared memory");
  }
  // What is too much for the registers is no error of one number.
  driver.failAt("cuLaunchKernel", driver.calls("cuLaunchKernel") + 1, 701);
  test.launch();
  EXPECT_EQ(test.message(),
            "kernel kernel of test.cubin: cuLaunchKernel: FAKE_ERROR_701 "
            "(701): as the test says; launch fewer threads, or ask for less "
            "shared memory");
}

TEST(BadInput, the_events_have_not_come) {
  fakeDriver();
  TestGpu test;
  test.load("kernel")
      .then(tokrt_cuda_event_create, test.gpu, &test.begin)
      .then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.begin, test.stream);
  EXPECT_EQ(tokrt_cuda_event_elapsed(test.begin, test.end, &test.milliseconds,
                                     &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(test.message(),
                       "FAKE_ERROR_400 (400): as the test says; "
                       "give objects of this GPU that live"))
      << test.message();
  test.launch().then(tokrt_cuda_event_record, test.end, test.stream);
  EXPECT_EQ(tokrt_cuda_event_elapsed(test.begin, test.end, &test.milliseconds,
                                     &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "an event: cuEventElapsedTime: FAKE_ERROR_600 (600): as the test "
            "says; wait first for what the call asks for");
  EXPECT_EQ(test.milliseconds, -1);
  test.then(tokrt_cuda_event_wait, test.end)
      .then(tokrt_cuda_event_elapsed, test.begin, test.end, &test.milliseconds);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

/// The driver takes the very bytes of the parameters.
TEST(BadInput, the_arguments_are_not_those_of_the_kernel) {
  struct {
    int64_t first = 1;
    int16_t second = 2;
  } arguments;
  FakeGpu gpu;
  gpu.parameterBytes = 10;
  const FakeDriver &driver = fakeDriver(gpu);
  TestGpu test;
  test.load("kernel");
  tokrt_cuda_launch_t launch = {{1, 1, 1},        32, 0, &arguments,
                                sizeof arguments, {}, {}};
  EXPECT_EQ(tokrt_cuda_launch(test.stream, test.kernel, &launch, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel kernel of test.cubin: found 16 bytes of arguments, "
            "expected 10: its parameters, without padding behind the last");
  EXPECT_EQ(driver.calls("cuLaunchKernel"), 0);
  launch.argument_bytes = 10;
  test.then(tokrt_cuda_launch, test.stream, test.kernel, &launch);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  // An older driver does not say, and refuses them itself.
  driver.hide("cuFuncGetParamInfo");
  TestGpu other;
  other.load("kernel");
  launch.argument_bytes = 16;
  other.then(tokrt_cuda_launch, other.stream, other.kernel, &launch);
  EXPECT_EQ(
      other.message().find("kernel kernel of test.cubin: cuLaunchKernel: "), 0u)
      << other.message();
}

TEST(BadInput, the_parameters_are_of_no_header) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.struct_size = 4;
  TestGpu test(params);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message().find("tokrt_cuda_open: struct_size: found 4"), 0u)
      << test.message();
}

TEST(BadInput, the_tensor_map_is_none) {
  fakeDriver();
  TestGpu test;
  tokrt_cuda_tensor_t tensor{};
  tensor.rank = 1;
  tensor.box[0] = 64;
  tensor.address = 8;
  EXPECT_EQ(tokrt_cuda_tensor_map(test.gpu, &tensor, &test.map, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(test.message(), "cuTensorMapEncodeTiled"))
      << test.message();
  tensor.swizzle = 7;
  EXPECT_EQ(tokrt_cuda_tensor_map(test.gpu, &tensor, &test.map, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message().find(
                "tokrt_cuda_tensor_map: found element 0, swizzle 7, rank 1, "),
            0u)
      << test.message();
}
