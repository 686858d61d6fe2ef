//===- NamesTest.cpp - The kernels that an error names --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include <utility>

using testing::HasSubstr;
using testing::StartsWith;

namespace {
struct Error : OnFakeGpu {};
} // namespace

TEST_F(Error, names_the_kernels_that_may_have_faulted) {
  test.load("first").launch();
  for (const char *name : {"second", kFaultingKernel})
    test.launch(name);
  test.wait();
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(),
              StartsWith("one of the kernels first, second, faults: "
                         "cuEventRecord: FAKE_ERROR_700 (700): "));
}

TEST_F(Error, forgets_the_kernels_that_ended) {
  test.load("first").launch().wait();
  test.launch(kFaultingKernel).wait();
  EXPECT_THAT(test.message(), StartsWith("kernel faults: "));
}

/// What is behind the event, or on another stream, may still run.
TEST_F(Error, forgets_the_kernels_in_front_of_an_event_that_came) {
  test.load("beside").launch().then(tokrt_cuda_stream_create, test.gpu,
                                    &test.other);
  std::swap(test.stream, test.other);
  for (const char *name : {"before", "again"})
    test.launch(name);
  test.then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.end, test.stream)
      .launch()
      .launch(kLateFaultingKernel)
      .then(tokrt_cuda_event_wait, test.end);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  test.wait();
  EXPECT_THAT(test.message(), StartsWith("one of the kernels beside, again, "
                                         "faults_late: "));
}

TEST_F(Error, names_only_the_last_of_many_kernels) {
  test.load("k0").launch();
  for (int i = 1; i < 20; ++i)
    test.launch(i < 19 ? ("k" + std::to_string(i)).c_str() : kFaultingKernel)
        .launch();
  // The launch behind the one that faults tells it.
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(),
              StartsWith("one of the kernels k12, k13, k14, k15, k16, "
                         "k17, k18, faults and 23 more launches: "));
}

/// Whatever the names, a message ends with what to do.
TEST_F(Error, names_as_many_kernels_as_a_message_has_place_for) {
  const std::string end = "to see what it does";
  for (size_t length : {60u, 190u, 390u, 1000u}) {
    restart();
    test.load(std::string(length, 'a').c_str()).launch();
    for (char c : {'b', 'c', 'd', 'e', 'f', 'g'})
      test.launch(std::string(length, c).c_str());
    // A graph of them, launched beside them.
    test.beginCapture().launch();
    test.launch(kFaultingKernel).endCapture().launchGraph().wait();
    EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
    EXPECT_LT(test.message().size(), sizeof test.error.message - 1);
    EXPECT_EQ(test.message().find(end), test.message().size() - end.size())
        << test.message();
    EXPECT_THAT(test.message(), HasSubstr(" more launches: cuEventRecord: "));
    // So does the next, which repeats it.
    test.status = TOKRT_OK;
    test.then(tokrt_cuda_event_create, test.gpu, &test.begin);
    EXPECT_EQ(test.message().find(end), test.message().size() - end.size())
        << test.message();
  }
}

TEST_F(Error, names_the_beginning_of_a_name_without_place) {
  driver.failAt("cuEventQuery", 1, 700);
  test.load(std::string(1000, 'a').c_str()).launch().wait();
  EXPECT_THAT(test.message(), StartsWith("kernel aaa"));
  EXPECT_THAT(test.message(), HasSubstr("aaa...: cuEventQuery: "));
}

TEST_F(Error, names_a_kernel_once_that_two_streams_run) {
  test.load(kFaultingKernel)
      .then(tokrt_cuda_stream_create, test.gpu, &test.other);
  tokrt_cuda_kernel_t *faulting = test.kernel;
  test.launch("kernel");
  std::swap(test.other, test.stream);
  test.launch();
  test.kernel = faulting;
  test.launch().wait();
  EXPECT_THAT(test.message(),
              StartsWith("one of the kernels kernel, faults: "));
}

TEST_F(Error, names_the_kernel_itself_where_launches_are_checked) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.check_launches = 1;
  restart({}, params);
  test.load("first").launch();
  test.launch(kFaultingKernel);
  EXPECT_EQ(test.status, TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), StartsWith("kernel faults: "));
}

TEST_F(Error, names_the_kernels_of_a_graph) {
  test.load("first").beginCapture().launch();
  test.launch(kFaultingKernel).endCapture().launchGraph().wait();
  EXPECT_THAT(test.message(), StartsWith("kernel of a graph: first, faults: "));
}

TEST_F(Error, names_the_kernels_of_a_graph_once) {
  test.load("first").beginCapture();
  for (int i = 0; i < 100; ++i)
    test.launch();
  for (const char *name : {"k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"})
    test.launch(name);
  test.launch(kFaultingKernel).endCapture().launchGraph().wait();
  EXPECT_THAT(test.message(),
              StartsWith("kernel of a graph: k3, k4, k5, k6, k7, k8, "
                         "k9, faults and 101 more launches: "));
}

/// A graph that another records does not run yet.
TEST_F(Error, does_not_blame_a_graph_that_is_only_recorded) {
  tokrt_cuda_graph_t *inner = nullptr;
  test.load("inner")
      .beginCapture()
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &inner)
      .beginCapture()
      .then(tokrt_cuda_graph_launch, test.stream, inner)
      .endCapture()
      .launch(kFaultingKernel)
      .wait();
  EXPECT_THAT(test.message(), StartsWith("kernel faults: "));
  tokrt_cuda_graph_destroy(inner);
}

TEST_F(Error, names_the_graphs_in_a_graph) {
  tokrt_cuda_graph_t *inner = nullptr;
  test.load(kFaultingKernel)
      .beginCapture()
      .launch()
      .then(tokrt_cuda_capture_end, test.stream, &inner)
      .beginCapture()
      .then(tokrt_cuda_graph_launch, test.stream, inner)
      .endCapture()
      .launchGraph()
      .wait();
  EXPECT_THAT(test.message(),
              StartsWith("kernel of a graph: of a graph: faults: "));
  tokrt_cuda_graph_destroy(inner);
}
