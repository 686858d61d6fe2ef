//===- BadInputTest.cpp - Drivers, GPUs and kernels that are none ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestGpu.h"

#include "../Allocations.h"

#include <cstring>
#include <tuple>
#include <utility>

using testing::HasSubstr;
using testing::StartsWith;

namespace {
struct BadInput : OnFakeGpu {};
} // namespace

TEST_F(BadInput, allocations_that_fail_leave_nothing) {
  test.close();
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
TEST_F(BadInput, a_launch_that_the_driver_took_does_not_fail) {
  test.load("kernel_of_a_name_that_is_longer_than_a_word").beginCapture();
  {
    FailingAllocations failing(0);
    test.launch();
  }
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  EXPECT_EQ(driver.calls("cuLaunchKernel"), 1);
}

TEST_F(BadInput, a_capture_ends_whatever_fails) {
  for (const char *call : {"cuCtxPushCurrent", "cuStreamEndCapture",
                           "cuGraphInstantiateWithFlags", "cuGraphDestroy"}) {
    SCOPED_TRACE(call);
    restart();
    test.load("kernel").beginCapture().launch();
    driver.failAt(call, driver.calls(call) + 1, 999);
    tokrt_status_t status =
        tokrt_cuda_capture_end(test.stream, &test.graph, &test.error);
    EXPECT_EQ(status,
              strcmp(call, "cuGraphDestroy") ? TOKRT_DEVICE_ERROR : TOKRT_OK);
    if (status != TOKRT_OK)
      EXPECT_THAT(test.message(), HasSubstr(call));
    // Who could not enter can only try again.
    if (!strcmp(call, "cuCtxPushCurrent"))
      test.endCapture();
    tokrt_cuda_graph_destroy(std::exchange(test.graph, nullptr));
    test.launch().wait().beginCapture().launch().endCapture();
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
  }
}

TEST_F(BadInput, memory_that_the_driver_keeps_stays_in_the_books) {
  driver.failAt("cuMemFree", 1, 1);
  driver.failAt("cuMemFreeHost", 1, 1);
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
  EXPECT_THAT(test.message(),
              StartsWith("4096 bytes of the GPU's memory: cuMemFree: "));
  EXPECT_EQ(driver.swept(), 0);
}

TEST_F(BadInput, a_copy_is_larger_than_memory) {
  test.load("kernel")
      .then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
      .then(tokrt_cuda_allocate_pinned, test.gpu, 4096, &test.pinned)
      .launch();
  ASSERT_EQ(test.status, TOKRT_OK) << test.message();
  auto expectRefused = [&](tokrt_status_t status, const char *subject) {
    EXPECT_EQ(status, TOKRT_INVALID_ARGUMENT);
    EXPECT_THAT(test.message(), StartsWith(subject));
  };
  for (uint64_t bytes : {uint64_t(4097), UINT64_MAX}) {
    const std::string of = " of " + std::to_string(bytes) + " bytes: cuMem";
    expectRefused(tokrt_cuda_copy_to_device(test.stream, test.address,
                                            test.pinned, bytes, &test.error),
                  ("a copy to the GPU" + of).c_str());
    expectRefused(tokrt_cuda_copy_to_host(test.stream, test.pinned,
                                          test.address, bytes, &test.error),
                  ("a copy from the GPU" + of).c_str());
    expectRefused(
        tokrt_cuda_fill(test.stream, test.address, 0, bytes, &test.error),
        ("a fill" + of).c_str());
  }
}

TEST_F(BadInput, memory_is_freed_twice) {
  for (bool isPinned : {false, true}) {
    restart();
    test.then(tokrt_cuda_allocate, test.gpu, 4096, &test.address)
        .then(tokrt_cuda_allocate_pinned, test.gpu, 512, &test.pinned);
    tokrt_cuda_free(test.gpu, 0);
    tokrt_cuda_free_pinned(test.gpu, nullptr);
    // Once more when it is closed.
    if (isPinned)
      tokrt_cuda_free_pinned(test.gpu, test.pinned);
    else
      tokrt_cuda_free(test.gpu, test.address);
    EXPECT_EQ(test.status, TOKRT_OK) << test.message();
    test.close();
    EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
    EXPECT_THAT(test.message(),
                StartsWith(isPinned ? "tokrt_cuda_free_pinned: found 0x"
                                    : "tokrt_cuda_free: found 0x"));
    EXPECT_THAT(test.message(),
                HasSubstr(", expected what was allocated on the GPU; free each "
                          "block once, by its beginning"));
    EXPECT_EQ(driver.live(), 0);
  }
}

TEST_F(BadInput, there_is_no_driver) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.driver = "/no/such/libcuda.so.1";
  restart({}, params);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_THAT(
      test.message(),
      StartsWith("/no/such/libcuda.so.1: cannot open the CUDA driver: "));
  expectOneLine(test.message());
  // A library that is none.
  params.driver = "libm.so.6";
  restart({}, params);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "libm.so.6: found no cuGetProcAddress, expected a driver of CUDA "
            "11.4 or later; update NVIDIA's driver");
}

TEST_F(BadInput, there_is_no_gpu) {
  FakeGpu none;
  none.gpus = 0;
  restart(none);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(), "GPU 0: found 0 GPUs, expected at least 1; look "
                            "whether nvidia-smi and CUDA_VISIBLE_DEVICES show "
                            "it");
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.device = 3;
  restart({}, params);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_THAT(test.message(),
              StartsWith("GPU 3: found 1 GPUs, expected at least 4; "));
}

TEST_F(BadInput, the_driver_is_too_old) {
  FakeGpu old;
  old.driverVersion = 11030;
  restart(old);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_THAT(test.message(), HasSubstr("found no cuGraphInstantiateWithFlags "
                                        "(CUresult 0), expected a driver of "
                                        "CUDA 11.4 or later; update"));
  // Tensor maps are younger than the rest, which works without.
  old.driverVersion = 11080;
  restart(old);
  test.useAll();
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "tokrt_cuda_tensor_map: found a driver of CUDA 11.8 without "
            "cuTensorMapEncodeTiled, expected one of CUDA 12.0 or later; "
            "update NVIDIA's driver");
  EXPECT_EQ(driver.calls("cuGraphLaunch"), 1);
}

TEST_F(BadInput, the_cubin_is_for_another_gpu) {
  FakeGpu hopper;
  hopper.capability = 90;
  restart(hopper);
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
    restart(other);
    image = fakeCubin(code);
    test.then(tokrt_cuda_module_load, test.gpu, "k.cubin", image.data(),
              image.size(), &test.module);
    EXPECT_EQ(test.status, runs ? TOKRT_OK : TOKRT_UNSUPPORTED) << gpu;
  }
}

TEST_F(BadInput, the_driver_is_too_old_for_the_cubin) {
  FakeGpu old;
  old.driverVersion = 12020;
  restart(old);
  driver.failAt("cuModuleLoadDataEx", 1, 200);
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

/// The driver knows no size, and would read on behind what there is.
TEST_F(BadInput, the_image_is_cut_off) {
  std::vector<char> whole = fakeCubin(80);
  Elf64_Ehdr header;
  memcpy(&header, whole.data(), sizeof header);
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shoff = sizeof header + sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 1;
  Elf64_Shdr section{};
  section.sh_type = SHT_PROGBITS;
  section.sh_offset = header.e_shoff + sizeof section;
  section.sh_size = 100;
  auto load = [&](size_t size) {
    whole.assign(header.e_shoff + sizeof section + 100, 0);
    memcpy(whole.data(), &header, sizeof header);
    memcpy(whole.data() + header.e_shoff, &section, sizeof section);
    // A block of its own: a sanitizer sees what is read behind it.
    std::vector<char> image(whole.begin(), whole.begin() + size);
    restart();
    test.then(tokrt_cuda_module_load, test.gpu, "k.cubin", image.data(), size,
              &test.module);
    return test.message();
  };
  auto isCut = [](size_t found, const std::string &expected) {
    return "k.cubin: found " + std::to_string(found) + " bytes, expected " +
           expected + ": the file is cut off; compile it again";
  };
  size_t table = header.e_shoff + sizeof section, all = table + 100;
  EXPECT_EQ(load(sizeof header), isCut(sizeof header, std::to_string(table)));
  EXPECT_EQ(load(table - 1), isCut(table - 1, std::to_string(table)));
  EXPECT_EQ(load(table), isCut(table, std::to_string(all)));
  EXPECT_EQ(load(all - 1), isCut(all - 1, std::to_string(all)));
  EXPECT_EQ(test.status, TOKRT_INVALID_FILE);
  EXPECT_EQ(driver.calls("cuModuleLoadDataEx"), 0);
  // Numbers that no sum of fits.
  section.sh_size = UINT64_MAX;
  EXPECT_EQ(load(all), isCut(all, "18446744073709551615"));
  // What takes no place in the file may be of any size.
  section.sh_type = SHT_NOBITS;
  load(all);
  EXPECT_EQ(test.status, TOKRT_OK) << test.message();
}

TEST_F(BadInput, the_image_is_none) {
  const std::vector<char> images[] = {
      {},
      {'\0', '\0'},
      {'.', 'v', '\0', 'e'},
      {'\x7f', 'E', 'L', 'F', 2, 1, 0, 0, 0, 1}};
  for (const std::vector<char> &image : images) {
    EXPECT_EQ(tokrt_cuda_module_load(test.gpu, "k.ptx", image.data(),
                                     image.size(), &test.module, &test.error),
              TOKRT_INVALID_FILE);
    EXPECT_EQ(test.message(),
              "k.ptx: found " + std::to_string(image.size()) +
                  " bytes that are neither a cubin nor PTX, expected one of "
                  "the two; compile it again");
  }
  EXPECT_EQ(driver.calls("cuModuleLoadDataEx"), 0);
}

TEST_F(BadInput, the_gpu_has_too_little_memory) {
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
  EXPECT_THAT(test.message(), HasSubstr("cuMemGetInfo"));
  EXPECT_EQ(tokrt_cuda_allocate(test.gpu, 1 << 20, &more, &test.error),
            TOKRT_OK);
  tokrt_cuda_free(test.gpu, more);
}

TEST_F(BadInput, the_module_has_no_such_kernel) {
  test.load(kMissingKernel);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_EQ(test.message(),
            "kernel missing of test.cubin: cuModuleGetFunction: "
            "FAKE_ERROR_500 (500): as the test says; give a name that the "
            "module has (tokopt-kernels --emit=report)");
}

TEST_F(BadInput, the_kernel_needs_more_shared_memory_than_there_is) {
  test.load("kernel", 200 << 10);
  EXPECT_EQ(test.status, TOKRT_UNSUPPORTED);
  EXPECT_EQ(test.message(),
            "kernel kernel of test.cubin: found 204800 bytes of shared memory "
            "beside 0 of its own, expected at most 166912 together, which a "
            "block of Fake GPU can have; compile it for this GPU");
  FakeGpu gpu;
  gpu.ownSharedBytes = 4096;
  restart(gpu);
  test.load("kernel", 163 << 10);
  EXPECT_THAT(test.message(),
              HasSubstr("found 166912 bytes of shared memory beside 4096 of "
                        "its own, expected at most 166912 together"));
  EXPECT_EQ(driver.calls("cuFuncSetAttribute"), 0);
}

TEST_F(BadInput, the_launch_is_none) {
  FakeGpu gpu;
  gpu.threads = 256;
  restart(gpu);
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

TEST_F(BadInput, the_events_have_not_come) {
  test.load("kernel")
      .then(tokrt_cuda_event_create, test.gpu, &test.begin)
      .then(tokrt_cuda_event_create, test.gpu, &test.end)
      .then(tokrt_cuda_event_record, test.begin, test.stream);
  EXPECT_EQ(tokrt_cuda_event_elapsed(test.begin, test.end, &test.milliseconds,
                                     &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_THAT(test.message(),
              HasSubstr("FAKE_ERROR_400 (400): as the test says; "
                        "give objects of this GPU that live"));
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
TEST_F(BadInput, the_arguments_are_not_those_of_the_kernel) {
  struct {
    int64_t first = 1;
    int16_t second = 2;
  } arguments;
  FakeGpu gpu;
  gpu.parameterBytes = 10;
  restart(gpu);
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
  EXPECT_THAT(other.message(),
              StartsWith("kernel kernel of test.cubin: cuLaunchKernel: "));
}

TEST_F(BadInput, the_parameters_are_of_no_header) {
  tokrt_cuda_params_t params = TestGpu::defaults();
  params.struct_size = 4;
  restart({}, params);
  EXPECT_EQ(test.status, TOKRT_INVALID_ARGUMENT);
  EXPECT_THAT(test.message(),
              StartsWith("tokrt_cuda_open: struct_size: found 4"));
}

TEST_F(BadInput, the_tensor_map_is_none) {
  tokrt_cuda_tensor_t tensor{};
  tensor.rank = 1;
  tensor.sizes[0] = tensor.box[0] = 64;
  tensor.address = 8;
  EXPECT_EQ(tokrt_cuda_tensor_map(test.gpu, &tensor, &test.map, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_THAT(test.message(), HasSubstr("cuTensorMapEncodeTiled"));
  tensor.swizzle = 7;
  EXPECT_EQ(tokrt_cuda_tensor_map(test.gpu, &tensor, &test.map, &test.error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_THAT(
      test.message(),
      StartsWith(
          "tokrt_cuda_tensor_map: found element 0, swizzle 7, rank 1, "));
}
