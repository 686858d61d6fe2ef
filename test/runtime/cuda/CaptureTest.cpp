//===- CaptureTest.cpp - Streams that are captured ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <utility>

namespace {
struct Capture : OnFakeGpu {};
} // namespace

TEST_F(Capture, does_not_wait_for_a_capture) {
  test.load("kernel").beginCapture().wait();
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT) << test.message();
}

TEST_F(Capture, does_not_wait_for_an_event_of_a_capture) {
  test.load("kernel")
      .then(tokrt_cuda_event_create, test.gpu, &test.begin)
      .then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.begin, test.stream)
      .beginCapture()
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
  test.endCapture()
      .launchGraph()
      .then(tokrt_cuda_event_record, test.end, test.stream)
      .then(tokrt_cuda_event_wait, test.end)
      .then(tokrt_cuda_event_elapsed, test.begin, test.end, &test.milliseconds);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

/// Only what is on the stream is captured.
TEST_F(Capture, does_everything_else_while_a_stream_is_captured) {
  test.load("kernel").launch().beginCapture();
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
      .wait();
  tokrt_cuda_free(test.gpu, std::exchange(test.address, 0));
  tokrt_cuda_free_pinned(test.gpu, std::exchange(test.pinned, nullptr));
  tokrt_cuda_module_destroy(std::exchange(test.module, module));
  std::swap(test.stream, test.other);
  test.endCapture().launchGraph().wait();
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuGraphLaunch"), 1);
  EXPECT_EQ(driver.swept(), 0);
}
