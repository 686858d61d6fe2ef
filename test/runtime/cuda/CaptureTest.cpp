//===- CaptureTest.cpp - Streams that are captured ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <utility>

using testing::StartsWith;

namespace {

struct Capture : OnFakeGpu {
  /// Two streams and an event.
  void prepare(const char *kernel = "kernel") {
    test.load(kernel)
        .then(tokrt_cuda_stream_create, test.gpu, &test.other)
        .then(tokrt_cuda_event_create, test.gpu, &test.begin);
  }
  /// A capture on one stream that the other has joined.
  void fork() {
    test.beginCapture().launch().order(test.begin, test.stream, test.other);
  }
  /// A kernel on the other stream.
  TestGpu &launchThere(const char *kernel) {
    std::swap(test.stream, test.other);
    test.launch(kernel);
    std::swap(test.stream, test.other);
    return test;
  }
  /// The message of a call that is refused before the driver is asked.
  template <typename Call, typename... Arguments>
  std::string refusal(Call call, Arguments... arguments) {
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    EXPECT_EQ(call(arguments..., &test.error), TOKRT_INVALID_ARGUMENT);
    return test.message();
  }
};

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

TEST_F(Capture, takes_a_stream_along_that_waits_for_it) {
  prepare("first");
  fork();
  launchThere("beside");
  // Its own work still ends, and is waited for.
  EXPECT_EQ(tokrt_cuda_stream_wait(test.other, &test.error),
            TOKRT_INVALID_ARGUMENT);
  test.order(test.begin, test.other, test.stream).launch("last").endCapture();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  // Both are free again.
  launchThere("alone").then(tokrt_cuda_stream_wait, test.other);
  test.launchGraph().launch(kFaultingKernel).wait();
  EXPECT_THAT(test.message(),
              StartsWith("one of the kernels of a graph: first, beside, last, "
                         "faults: "));
}

TEST_F(Capture, gives_no_graph_where_a_stream_was_not_joined) {
  prepare();
  fork();
  launchThere("beside").launch().endCapture();
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "a capture: cuStreamEndCapture: FAKE_ERROR_904 (904): as the test "
            "says; let the stream that began the capture wait for an event "
            "behind the last work of each that joined it "
            "(tokrt_cuda_stream_wait_event)");
  EXPECT_EQ(test.graph, nullptr);
  test.status = TOKRT_OK;
  launchThere("alone").then(tokrt_cuda_stream_wait, test.other).wait();
  test.close();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.swept(), 0);
}

/// What the driver refuses would end the capture, so it is not asked.
TEST_F(Capture, stands_an_event_from_outside) {
  prepare();
  tokrt_cuda_event_t *never = nullptr;
  test.then(tokrt_cuda_event_create, test.gpu, &never)
      .then(tokrt_cuda_event_record, test.begin, test.other)
      .beginCapture();
  for (tokrt_cuda_event_t *event : {test.begin, never})
    EXPECT_EQ(refusal(tokrt_cuda_stream_wait_event, test.stream, event),
              "tokrt_cuda_stream_wait_event: found an event that was recorded "
              "outside of a capture, expected one of the stream's capture; a "
              "graph waits for nothing outside of it: let the stream that "
              "launches it wait");
  EXPECT_EQ(driver.calls("cuStreamWaitEvent"), 0);
  test.launch().endCapture().launchGraph().wait();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  tokrt_cuda_event_destroy(never);
}

TEST_F(Capture, stands_an_event_of_another) {
  prepare();
  tokrt_cuda_graph_t *graph = nullptr;
  test.then(tokrt_cuda_capture_begin, test.other)
      .then(tokrt_cuda_event_record, test.begin, test.other)
      .beginCapture()
      .launch();
  EXPECT_THAT(
      refusal(tokrt_cuda_stream_wait_event, test.stream, test.begin),
      StartsWith("tokrt_cuda_stream_wait_event: found an event that was "
                 "recorded in another capture, expected one of the stream's "
                 "capture; "));
  test.endCapture().then(tokrt_cuda_capture_end, test.other, &graph);
  // Nor one that has ended.
  EXPECT_EQ(refusal(tokrt_cuda_stream_wait_event, test.stream, test.begin),
            "tokrt_cuda_stream_wait_event: found an event that was recorded in "
            "a capture that has ended, expected one of a stream; record it "
            "again");
  EXPECT_EQ(driver.calls("cuStreamWaitEvent"), 0);
  tokrt_cuda_graph_destroy(graph);
}

TEST_F(Capture, ends_where_it_began) {
  prepare();
  EXPECT_EQ(refusal(tokrt_cuda_capture_end, test.stream, &test.graph),
            "tokrt_cuda_capture_end: found a stream that is not captured, "
            "expected one that began a capture; call tokrt_cuda_capture_begin "
            "first");
  fork();
  EXPECT_EQ(refusal(tokrt_cuda_capture_end, test.other, &test.graph),
            "tokrt_cuda_capture_end: found a stream that joined the capture of "
            "another, expected one that began a capture; end it there");
  for (tokrt_cuda_stream_t *stream : {test.stream, test.other})
    EXPECT_EQ(refusal(tokrt_cuda_capture_begin, stream),
              "tokrt_cuda_capture_begin: the stream is captured already; end "
              "the capture first");
  test.endCapture().launchGraph().wait();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

TEST_F(Capture, is_given_up_where_a_stream_is_destroyed) {
  for (bool isOrigin : {true, false}) {
    restart();
    prepare();
    fork();
    tokrt_cuda_stream_t *&gone = isOrigin ? test.stream : test.other,
                        *&left = isOrigin ? test.other : test.stream;
    tokrt_cuda_stream_destroy(std::exchange(gone, nullptr));
    EXPECT_EQ(driver.calls("cuStreamEndCapture"), 1);
    test.then(tokrt_cuda_fill, left, test.address, 0, 0)
        .then(tokrt_cuda_stream_wait, left);
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    EXPECT_EQ(tokrt_cuda_capture_end(left, &test.graph, &test.error),
              TOKRT_INVALID_ARGUMENT);
    test.close();
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    EXPECT_EQ(driver.swept(), 0);
  }
}

/// What runs there already is no part of the graph, and still waited for.
TEST_F(Capture, takes_a_stream_along_that_hangs) {
  prepare();
  launchThere(kHangingKernel);
  fork();
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.close();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), StartsWith("kernel hangs: did not end within "));
}
