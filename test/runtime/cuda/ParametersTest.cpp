//===- ParametersTest.cpp - What kernels are given ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parameters by their addresses, tensor maps among them, on a driver that reads
// from the image what a kernel takes.
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

using testing::HasSubstr;

namespace {

/// A kernel that takes an address, a map and a number.
constexpr char kPtx[] = ".version 8.0\n.target sm_90a\n.address_size 64\n"
                        ".visible .entry kernel(\n"
                        "\t.param .u64 .ptr .global .align 1 kernel_param_0,\n"
                        "\t.param .align 64 .b8 kernel_param_1[128],\n"
                        "\t.param .u32 kernel_param_2\n)\n{\n}\n";

struct ParametersTest : testing::Test {
  ParametersTest() : driver(fakeDriver(gpuOfImage())) {
    test.then(tokrt_cuda_module_load, test.gpu, "test.ptx", kPtx, sizeof kPtx,
              &test.module)
        .then(tokrt_cuda_kernel_get, test.module, "kernel", 0, &test.kernel)
        .then(tokrt_cuda_stream_create, test.gpu, &test.stream)
        .then(tokrt_cuda_allocate, test.gpu, 64 * 256, &test.address);
    tensor.address = test.address;
    tensor.element = TOKRT_CUDA_F16;
    tensor.rank = 2;
    tensor.sizes[0] = 100;
    tensor.sizes[1] = 64;
    tensor.strides[0] = 256;
    tensor.box[0] = 64;
    tensor.box[1] = 8;
    tensor.swizzle = 128;
  }

  static FakeGpu gpuOfImage() {
    FakeGpu gpu;
    gpu.capability = 90;
    gpu.parameterBytes = FakeGpu::kOfImage;
    return gpu;
  }

  tokrt_status_t encode() {
    return tokrt_cuda_tensor_map(test.gpu, &tensor, &test.map, &test.error);
  }

  tokrt_status_t launch(size_t count = 3) {
    const void *parameters[] = {&test.address, &test.map, &number};
    tokrt_cuda_launch_t launch = {{1, 1, 1}, 32,         0,    nullptr,
                                  0,         parameters, count};
    return tokrt_cuda_launch(test.stream, test.kernel, &launch, &test.error);
  }

  const FakeDriver &driver;
  TestGpu test;
  tokrt_cuda_tensor_t tensor{};
  uint32_t number = 7;
};

} // namespace

TEST_F(ParametersTest, a_map_is_one_of_them) {
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  ASSERT_EQ(encode(), TOKRT_OK) << test.message();
  EXPECT_EQ(launch(), TOKRT_OK) << test.message();
  EXPECT_STREQ(driver.launches(),
               "kernel grid 1 1 1 threads 32 shared 0 arguments address "
               "map(f16 100x64 by 256, box 64x8, swizzle 128) 7\n");
  EXPECT_EQ(tokrt_cuda_stream_wait(test.stream, &test.error), TOKRT_OK);
}

TEST_F(ParametersTest, there_are_too_few) {
  ASSERT_EQ(encode(), TOKRT_OK) << test.message();
  EXPECT_EQ(launch(2), TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel kernel of test.ptx: found 2 parameters, expected 3");
  EXPECT_EQ(driver.calls("cuLaunchKernel"), 0);
}

TEST_F(ParametersTest, they_come_in_two_ways_at_a_time) {
  const void *parameters[] = {&test.address, &test.map, &number};
  tokrt_cuda_launch_t launch = {{1, 1, 1}, 32, 0, &number, 4, parameters, 3};
  EXPECT_EQ(tokrt_cuda_launch(test.stream, test.kernel, &launch, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel kernel of test.ptx: found 4 bytes of arguments and 3 "
            "parameters, expected one of the two");
}

TEST_F(ParametersTest, a_map_was_not_encoded) {
  EXPECT_EQ(launch(), TOKRT_OK) << test.message();
  EXPECT_EQ(tokrt_cuda_stream_wait(test.stream, &test.error),
            TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), HasSubstr("FAKE_ERROR_715"));
}

TEST_F(ParametersTest, a_map_is_of_memory_that_is_not_there) {
  // The last row begins where the memory ends.
  tensor.sizes[1] = 65;
  ASSERT_EQ(encode(), TOKRT_OK) << test.message();
  EXPECT_EQ(launch(), TOKRT_OK) << test.message();
  EXPECT_EQ(tokrt_cuda_stream_wait(test.stream, &test.error),
            TOKRT_DEVICE_LOST);
  EXPECT_THAT(test.message(), HasSubstr("FAKE_ERROR_700"));
}

TEST_F(ParametersTest, no_map_is_what_hardware_cannot_do) {
  auto refuses = [&](auto change, const char *why) {
    tokrt_cuda_tensor_t good = tensor;
    change();
    EXPECT_EQ(encode(), TOKRT_INVALID_ARGUMENT);
    EXPECT_THAT(test.message(),
                HasSubstr("cuTensorMapEncodeTiled: FAKE_ERROR_1 (1): as the "
                          "test says; found "));
    EXPECT_THAT(test.message(), HasSubstr(why));
    tensor = good;
  };
  refuses([&] { tensor.address += 8; },
          "8, expected a multiple of 16 that is not 0");
  refuses([&] { tensor.address = 0; }, "address 0x0, expected a multiple");
  refuses([&] { tensor.sizes[0] = (uint64_t(1) << 32) + 1; },
          "4294967297 elements in dimension 0, expected at most 4294967296");
  refuses([&] { tensor.strides[0] = 200; },
          "200 bytes between neighbours of dimension 1, expected a multiple of "
          "16 below 1099511627776");
  refuses([&] { tensor.strides[0] = uint64_t(1) << 40; },
          "1099511627776 bytes between neighbours of dimension 1");
  refuses([&] { tensor.box[1] = 257; },
          "a box of 257 elements in dimension 1, expected 1 to 256");
  refuses([&] { tensor.box[1] = 0; }, "a box of 0 elements in dimension 1");
  // No multiple of 16 bytes; more than is swizzled.
  refuses([&] { tensor.box[0] = 60; },
          "a box of 120 bytes in dimension 0, expected a multiple of 16");
  refuses([&] { tensor.swizzle = 64; },
          "a box of 128 bytes in dimension 0, expected a multiple of 16, and "
          "with a swizzle at most its bytes, 64");
  EXPECT_EQ(encode(), TOKRT_OK) << test.message();
}

/// As a cache of no pages is.
TEST_F(ParametersTest, no_map_is_of_no_elements) {
  tensor.sizes[1] = 0;
  tensor.address = 0;
  EXPECT_EQ(encode(), TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "a tensor map of rank 2 at address 0x0: found a tensor without "
            "elements (dimension 1 has none), expected at least one; there is "
            "no map of it: launch nothing, or map one element that no kernel "
            "reads");
  EXPECT_EQ(driver.calls("cuTensorMapEncodeTiled"), 0);
}

TEST_F(ParametersTest, they_are_nowhere) {
  const void *parameters[] = {&test.address, nullptr, &number};
  const struct {
    tokrt_cuda_launch_t launch;
    const char *message;
  } launches[] = {
      {{{1, 1, 1}, 32, 0, nullptr, 0, parameters, 3},
       "found parameter 1 at NULL, expected where it is (parameters)"},
      {{{1, 1, 1}, 32, 0, nullptr, 0, nullptr, 3},
       "found 3 parameters at NULL, expected where they are (parameters)"},
      // An address, the map at a multiple of 64, a number behind it.
      {{{1, 1, 1}, 32, 0, nullptr, 64 + 128 + 4, nullptr, 0},
       "found 196 bytes of arguments at NULL, expected where they are "
       "(arguments)"},
  };
  for (const auto &[launch, message] : launches) {
    EXPECT_EQ(tokrt_cuda_launch(test.stream, test.kernel, &launch, &test.error),
              TOKRT_INVALID_ARGUMENT);
    EXPECT_EQ(test.message(),
              std::string("kernel kernel of test.ptx: ") + message);
  }
  EXPECT_EQ(driver.calls("cuLaunchKernel"), 0);
}
