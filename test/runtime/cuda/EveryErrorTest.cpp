//===- EveryErrorTest.cpp - Each error of the driver at each call ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <map>
#include <set>

using testing::HasSubstr;

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
    "cuStreamWaitEvent",
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

/// Each call of the API on a GPU that is lost.
void expectAllLost(TestGpu &test) {
  auto lost = [&](auto call, auto... arguments) {
    test.error.message[0] = 0;
    EXPECT_EQ(call(arguments..., &test.error), TOKRT_DEVICE_LOST);
    EXPECT_THAT(test.message(), HasSubstr("the GPU was lost before: "));
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
  lost(tokrt_cuda_stream_wait_event, test.stream, test.end);
  lost(tokrt_cuda_event_elapsed, test.begin, test.end, &test.milliseconds);
  lost(tokrt_cuda_tensor_map, test.gpu, &tensor, &test.map);
}

} // namespace

/// Whatever the driver refuses, whenever: one error that names the call, and
/// nothing is left.
TEST(EveryError, every_error_of_every_call_is_told_and_leaves_nothing) {
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
        EXPECT_THAT(test.message(), HasSubstr(call));
        if (call != "cuGetProcAddress")
          EXPECT_THAT(test.message(),
                      HasSubstr("FAKE_ERROR_" + std::to_string(result) + " (" +
                                std::to_string(result) +
                                "): as the test says; "));
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
TEST(EveryError, every_error_means_what_the_reference_says) {
  const FakeDriver &driver = fakeDriver();
  for (int result : kResults) {
    SCOPED_TRACE(result);
    fakeDriver();
    TestGpu test;
    test.useAll();
    ASSERT_EQ(test.status, TOKRT_OK) << test.message();
    driver.failAt("cuMemsetD8Async", driver.calls("cuMemsetD8Async") + 1,
                  result);
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
          .wait();
    test.close();
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    if (HasFailure())
      return;
  }
}
