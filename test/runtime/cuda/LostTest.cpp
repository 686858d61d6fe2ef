//===- LostTest.cpp - Kernels that fault or hang --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fake driver ends the process where a call would wait for a kernel that
// hangs.
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include "../Allocations.h"

#include <algorithm>
#include <cstring>
#include <utility>

using testing::StartsWith;

namespace {
struct Lost : OnFakeGpu {};
} // namespace

TEST_F(Lost, allocations_that_fail_hide_no_fault) {
  test.close();
  auto fault = [](bool isWaitedFor, tokrt_error_t *error) {
    TestGpu test;
    // Long names, which no string holds in itself.
    test.load("kernel_of_a_name_that_is_longer_than_a_word")
        .launch()
        .launch(kFaultingKernel);
    if (isWaitedFor)
      test.wait();
    if (test.status != TOKRT_OK && test.status != TOKRT_DEVICE_LOST) {
      *error = test.error;
      return test.status;
    }
    test.close();
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_TRUE(strstr(test.error.message,
                       "one of the kernels kernel_of_a_name_that_is_longer_"
                       "than_a_word, faults: ") == test.error.message)
        << test.error.message;
    return TOKRT_OK;
  };
  for (bool isWaitedFor : {true, false}) {
    fakeDriver();
    tokrt_error_t error;
    fault(isWaitedFor, &error); // what the test itself keeps
    failEachAllocation(
        [&](tokrt_error_t *error) { return fault(isWaitedFor, error); },
        [&] {
          EXPECT_EQ(driver.live(), 0);
          fakeDriver();
        });
  }
}

/// What ran before the capture is still waited for.
TEST_F(Lost, a_kernel_hangs_in_front_of_a_capture) {
  test.load(kHangingKernel).launch().beginCapture();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.close();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), StartsWith("kernel hangs: "));
  EXPECT_EQ(driver.calls("cuCtxDestroy"), 0);
}

/// After a fault every call says so; a new context works.
TEST_F(Lost, the_process_survives_a_kernel_that_faults) {
  test.load(kFaultingKernel)
      .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
      .launch()
      .wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  std::string first = test.message();
  EXPECT_EQ(first.find("kernel faults: cuEventRecord: FAKE_ERROR_700 (700): "),
            0u)
      << first;
  tokrt_cuda_info_t info;
  tokrt_cuda_info(test.gpu, &info);
  EXPECT_TRUE(info.lost);
  tokrt_cuda_address_t more = 0;
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 4096, &more, &test.error),
            TOKRT_DEVICE_LOST);
  EXPECT_EQ(test.message(),
            "4096 bytes of the GPU's memory: the GPU was lost before: " +
                first);
  // The driver does not say whether it took the context back.
  test.status = TOKRT_OK;
  test.close();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(test.message(),
            "Fake GPU: cuCtxDestroy: FAKE_ERROR_700 (700): as the test says; "
            "open the GPU anew; if that fails, start a new process");
  EXPECT_EQ(driver.live(), 0);
  TestGpu again;
  again.useAll();
  again.close();
  EXPECT_EQ(again.status, TOKRT_OK) << again.message();
  EXPECT_EQ(driver.live(), 0);
}

/// Where even a new context gives the error, nothing helps but another process.
TEST_F(Lost, the_process_does_not_survive_a_kernel_that_faults) {
  driver.failAt("cuCtxCreate", 2, 700);
  driver.failAt("cuInit", 3, 719);
  test.load(kFaultingKernel).launch().wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  test.close();
  const std::string advice =
      "as the test says; this process cannot use the GPU any more: start a new "
      "one, and if that cannot either, look after the machine (nvidia-smi -q)";
  TestGpu second;
  EXPECT_EQ(second.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(second.message(),
            "Fake GPU: cuCtxCreate: FAKE_ERROR_700 (700): " + advice);
  TestGpu third;
  EXPECT_EQ(third.status, TOKRT_DEVICE_LOST);
  EXPECT_EQ(third.message(),
            "the driver: cuInit: FAKE_ERROR_719 (719): " + advice);
  EXPECT_EQ(driver.live(), 0);
}

TEST_F(Lost, the_process_survives_a_kernel_that_hangs) {
  test.load(kHangingKernel)
      .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
      .then(tokrt_cuda_allocate_pinned, test.gpu, 4096, &test.pinned)
      .launch()
      .wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(),
              StartsWith("kernel hangs: did not end within 200 ms; "));
  test.status = TOKRT_OK;
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuCtxDestroy"), 0);
  TestGpu again;
  again.useAll();
  again.close();
  EXPECT_EQ(again.status, TOKRT_OK) << again.message();
  EXPECT_EQ(driver.live(), 0);
}

/// A copy with memory that is not pinned runs in the call, so it waits too.
TEST_F(Lost, a_copy_does_not_wait_for_a_kernel_that_hangs) {
  std::vector<char> host(4096);
  for (bool toHost : {false, true}) {
    restart();
    test.load(kHangingKernel)
        .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
        .launch();
    if (toHost)
      test.then(tokrt_cuda_copy_to_host, test.stream, host.data(), test.address,
                4096);
    else
      test.then(tokrt_cuda_copy_to_device, test.stream, test.address,
                host.data(), 4096);
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_THAT(test.message(),
                StartsWith("kernel hangs: did not end within 200 ms; "));
  }
  // Pinned memory is for the GPU to copy: part of it, but no byte behind it.
  for (bool behind : {false, true}) {
    restart();
    test.load(kHangingKernel)
        .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
        .then(tokrt_cuda_allocate_pinned, test.gpu, 4096, &test.pinned)
        .launch()
        .then(tokrt_cuda_copy_to_host, test.stream,
              static_cast<char *>(test.pinned) + 4000, test.address,
              behind ? 97 : 96);
    EXPECT_EQ(test.status, behind ? TOKRT_DEVICE_LOST : TOKRT_OK);
    test.status = TOKRT_OK;
    test.wait();
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  }
}

/// Whoever fails between a launch and its wait cleans up without a wait: that
/// ends, and closing tells what the kernel did.
TEST_F(Lost, releases_do_not_wait_for_a_kernel_that_hangs) {
  using Release = void (*)(TestGpu &);
  const Release releases[] = {
      [](TestGpu &test) { tokrt_cuda_free(test.gpu, test.address); },
      [](TestGpu &test) { tokrt_cuda_free_pinned(test.gpu, test.pinned); },
      [](TestGpu &test) {
        tokrt_cuda_module_destroy(std::exchange(test.module, nullptr));
      },
      [](TestGpu &test) {
        tokrt_cuda_graph_destroy(std::exchange(test.graph, nullptr));
      },
      [](TestGpu &test) {
        tokrt_cuda_stream_destroy(std::exchange(test.stream, nullptr));
      },
      [](TestGpu &) {},
  };
  for (const char *kernel :
       {kHangingKernel, kFaultingKernel, kLateFaultingKernel})
    for (Release release : releases) {
      restart();
      test.load(kernel)
          .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
          .then(tokrt_cuda_allocate_pinned, test.gpu, 4096, &test.pinned)
          .beginCapture()
          .launch()
          .endCapture()
          .launch();
      EXPECT_EQ(test.status, TOKRT_OK) << test.message();
      release(test);
      test.close();
      EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
      EXPECT_THAT(test.message(),
                  StartsWith("kernel " + std::string(kernel) + ": "));
      EXPECT_EQ(driver.calls("cuCtxDestroy"), kernel != kHangingKernel);
      EXPECT_EQ(driver.live(), 0);
    }
}

/// Nobody who cleans up after a fault has to know an order.
TEST_F(Lost, all_may_be_closed_in_any_order) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.timeout_ms = 1;
  using Close = void (*)(TestGpu &);
  const Close closes[] = {
      [](TestGpu &test) {
        // The fault may come only here.
        tokrt_cuda_close(test.gpu, nullptr);
        test.gpu = nullptr;
      },
      [](TestGpu &test) { tokrt_cuda_module_destroy(test.module); },
      [](TestGpu &test) { tokrt_cuda_stream_destroy(test.stream); },
      [](TestGpu &test) { tokrt_cuda_stream_destroy(test.other); },
      [](TestGpu &test) { tokrt_cuda_graph_destroy(test.graph); },
      [](TestGpu &test) { tokrt_cuda_event_destroy(test.begin); },
  };
  for (const char *kernel :
       {"kernel", kHangingKernel, kFaultingKernel, kLateFaultingKernel})
    for (bool isCaptured : {false, true}) {
      if (isCaptured && kernel == kHangingKernel)
        continue; // its waits take long enough without
      std::vector<size_t> order = {0, 1, 2, 3, 4, 5};
      do {
        restart({}, params);
        test.load(kernel)
            .then(tokrt_cuda_stream_create, test.gpu, &test.other)
            .then(tokrt_cuda_event_create, test.gpu, &test.begin)
            .beginCapture()
            .launch()
            .endCapture()
            .launch()
            .launchGraph()
            .order(test.begin, test.stream, test.other);
        if (isCaptured)
          test.beginCapture().order(test.begin, test.stream, test.other);
        for (size_t i : order)
          closes[i](test);
        static_cast<GpuObjects &>(test) = {};
        ASSERT_EQ(driver.live(), 0);
      } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_F(Lost, a_gpu_that_is_closed_serves_nobody) {
  test.useAll();
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  tokrt_cuda_t *gpu = std::exchange(test.gpu, nullptr);
  EXPECT_EQ(tokrt_cuda_close(gpu, &test.error), TOKRT_OK);
  int pushed = driver.calls("cuCtxPushCurrent");
  EXPECT_EQ(tokrt_cuda_stream_wait(test.stream, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "tokrt_cuda_stream_wait: the GPU was closed before; open it anew, "
            "and make what belongs to it");
  EXPECT_EQ(tokrt_cuda_close(gpu, &test.error), TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "Fake GPU: found a GPU that was closed before; close it once");
  tokrt_cuda_graph_destroy(test.graph);
  tokrt_cuda_event_destroy(test.begin);
  tokrt_cuda_event_destroy(test.end);
  tokrt_cuda_stream_destroy(test.stream);
  tokrt_cuda_stream_destroy(test.other);
  tokrt_cuda_module_destroy(test.module);
  EXPECT_EQ(driver.calls("cuCtxPushCurrent"), pushed);
  EXPECT_EQ(driver.live(), 0);
}

/// Most faults come while somebody waits.
TEST_F(Lost, a_wait_tells_a_fault_that_comes_meanwhile) {
  for (bool isEvent : {false, true}) {
    restart();
    test.load(kLateFaultingKernel)
        .launch()
        .then(tokrt_cuda_event_create, test.gpu, &test.begin)
        .then(tokrt_cuda_event_record, test.begin, test.stream);
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    if (isEvent)
      test.then(tokrt_cuda_event_wait, test.begin);
    else
      test.wait();
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_THAT(
        test.message(),
        StartsWith("kernel faults_late: cuEventQuery: FAKE_ERROR_700 (700): "));
  }
}

TEST_F(Lost, a_stream_goes_on_beside_one_that_hangs) {
  test.load(kHangingKernel).launch();
  std::swap(test.stream, test.other);
  test.then(tokrt_cuda_stream_create, test.gpu, &test.stream)
      .launch("kernel")
      .wait();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.close();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), StartsWith("kernel hangs: did not end within "));
}
