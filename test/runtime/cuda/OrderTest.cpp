//===- OrderTest.cpp - Streams that wait for streams ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <utility>

using testing::StartsWith;

namespace {

struct Order : OnFakeGpu {
  Order() { prepare(); }

  void prepare() {
    test.load("kernel")
        .then(tokrt_cuda_stream_create, test.gpu, &test.other)
        .then(tokrt_cuda_event_create, test.gpu, &test.begin)
        .then(tokrt_cuda_event_create, test.gpu, &test.end);
  }
  /// A kernel on the other stream.
  void launchThere(const char *kernel) {
    std::swap(test.stream, test.other);
    test.launch(kernel);
    std::swap(test.stream, test.other);
  }
};

} // namespace

TEST_F(Order, what_is_in_front_of_the_event_comes_first) {
  launchThere(kHangingKernel);
  test.order(test.begin, test.other, test.stream).launch("kernel");
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(
      test.message(),
      StartsWith("one of the kernels hangs, kernel: did not end within "));
}

TEST_F(Order, what_is_behind_the_event_does_not) {
  launchThere("before");
  test.then(tokrt_cuda_event_record, test.begin, test.other);
  launchThere(kHangingKernel);
  test.then(tokrt_cuda_stream_wait_event, test.stream, test.begin)
      .launch("kernel");
  // The event may go, or be recorded again: it is waited for as it was.
  test.then(tokrt_cuda_event_record, test.begin, test.other);
  tokrt_cuda_event_destroy(std::exchange(test.begin, nullptr));
  test.wait();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

/// As in a ring whose places were never used.
TEST_F(Order, an_event_that_was_never_recorded_has_come) {
  test.then(tokrt_cuda_stream_wait_event, test.stream, test.begin)
      .launch("kernel")
      .wait();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuStreamWaitEvent"), 1);
}

TEST_F(Order, an_event_of_another_gpu_is_none) {
  TestGpu another;
  another.then(tokrt_cuda_event_create, another.gpu, &another.begin);
  EXPECT_EQ(
      tokrt_cuda_stream_wait_event(test.stream, another.begin, &test.error),
      TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "tokrt_cuda_stream_wait_event: found an event of another GPU, "
            "expected one of the stream's; wait for it with "
            "tokrt_cuda_event_wait");
  EXPECT_EQ(driver.calls("cuStreamWaitEvent"), 0);
}

/// Who waited for a stream waited for all that it is behind, also by way of a
/// third; what is behind the events may still run.
TEST_F(Order, forgets_the_kernels_that_were_waited_for) {
  for (bool isEvent : {false, true}) {
    restart();
    prepare();
    tokrt_cuda_stream_t *third = nullptr;
    test.then(tokrt_cuda_stream_create, test.gpu, &third);
    launchThere("before");
    test.order(test.begin, test.other, third);
    launchThere("behind");
    test.order(test.begin, third, test.stream).launch("here");
    if (isEvent)
      test.then(tokrt_cuda_event_record, test.end, test.stream)
          .then(tokrt_cuda_event_wait, test.end);
    else
      test.wait();
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    test.launch(kFaultingKernel).wait();
    EXPECT_THAT(test.message(),
                StartsWith("one of the kernels behind, faults: "));
    tokrt_cuda_stream_destroy(third);
  }
}

/// The stream has no kernel of its own, and yet a call that waits for it in the
/// driver would not return.
TEST_F(Order, no_call_waits_for_a_stream_that_is_behind_one_that_hangs) {
  for (bool isCopy : {false, true}) {
    restart();
    prepare();
    test.then(tokrt_cuda_allocate, test.gpu, 4096, &test.address);
    launchThere(kHangingKernel);
    test.order(test.begin, test.other, test.stream);
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    std::vector<char> host(4096);
    if (isCopy)
      test.then(tokrt_cuda_copy_to_device, test.stream, test.address,
                host.data(), 4096);
    else
      tokrt_cuda_stream_destroy(std::exchange(test.stream, nullptr));
    test.close();
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_THAT(test.message(),
                StartsWith("kernel hangs: did not end within 200 ms; "));
    EXPECT_EQ(driver.calls("cuCtxDestroy"), 0);
  }
}

/// A late fault of one stream is told by the wait for another.
TEST_F(Order, tells_the_fault_of_what_it_waits_for) {
  launchThere(kLateFaultingKernel);
  test.order(test.begin, test.other, test.stream).wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), StartsWith("kernel faults_late: cuEventQuery: "));
}

TEST_F(Order, a_stream_that_the_driver_refuses_joins_no_capture) {
  driver.failAt("cuStreamWaitEvent", 1, 905);
  test.beginCapture().launch("kernel").order(test.begin, test.stream,
                                             test.other);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "a stream: cuStreamWaitEvent: FAKE_ERROR_905 (905): as the test "
            "says; let what is captured depend on nothing outside of the "
            "capture");
  test.status = TOKRT_OK;
  launchThere("alone");
  test.then(tokrt_cuda_stream_wait, test.other).endCapture();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}
