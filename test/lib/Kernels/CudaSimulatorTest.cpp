//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared memory is simulated where 32 bits hold its addresses, and so at fixed
// places. What the process has there already stays as it is.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Vocabulary.h"
#include "test/lib/Kernels/CudaTest.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

constexpr int64_t kThreads = 64;

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_80");
}

/// y[i] = 63 - i, by way of shared memory.
CudaKernelUnderTest makeReversal() {
  return {1, architecture(), [](mlir::func::FuncOp function) {
            cuda::Emitter e(function, machineOf(architecture()), kThreads);
            Val y = e.wrap(function.getBody().front().getArgument(0)),
                numbers = e.shared(4 * kThreads);
            e.store(e.thread(), e.offset(numbers, e.thread() * 4));
            e.barrier();
            Val other = e.i32(kThreads - 1) - e.thread();
            e.store(e.load(e.i32(), e.offset(numbers, other * 4)),
                    e.offset(y, e.thread() * 4));
            e.finish({});
          }};
}

void expectReversed(const CudaKernelUnderTest &test) {
  ASSERT_EQ(test.problem(), "");
  uint8_t *y =
      llvm::cantFail(test.simulator().addBuffer("y", 4 * kThreads, false));
  test.run(1, {reinterpret_cast<uint64_t>(y)});
  for (int32_t i = 0; i < kThreads; ++i) {
    int32_t found;
    std::memcpy(&found, y + size_t(4) * i, 4);
    EXPECT_EQ(found, kThreads - 1 - i);
  }
}

/// Pages at addresses that 32 bits hold, of the test's own.
class LowPages {
public:
  static constexpr size_t kBytes = 4096;

  ~LowPages() {
    for (void *page : pages)
      munmap(page, kBytes);
  }
  /// A page at `address`, unless something is there.
  void take(uint64_t address) {
    void *wanted = reinterpret_cast<void *>(address);
    void *page = mmap(wanted, kBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page == MAP_FAILED)
      return;
    ASSERT_EQ(page, wanted);
    std::memset(page, 0x5a, kBytes);
    pages.push_back(page);
  }
  size_t size() const { return pages.size(); }
  bool areUntouched() const {
    return std::all_of(pages.begin(), pages.end(), [](const void *page) {
      const auto *bytes = static_cast<const uint8_t *>(page);
      return std::all_of(bytes, bytes + kBytes,
                         [](uint8_t byte) { return byte == 0x5a; });
    });
  }

private:
  std::vector<void *> pages;
};

/// Where the simulator looks for room: every 16 MiB.
constexpr uint64_t kFirst = 0x10000000, kLast = 0xf0000000, kStep = 0x1000000;

TEST(CudaSimulator, LeavesWhatIsMappedAlone) {
  LowPages pages;
  // Some places in the middle of shared memory, some at its beginning.
  for (uint64_t base = kFirst; base < kFirst + 5 * kStep; base += kStep)
    pages.take(base + (base / kStep % 2 ? 0x8000 : 0));
  EXPECT_EQ(pages.size(), 5u);
  // Two at a time have memory of their own.
  CudaKernelUnderTest first = makeReversal(), second = makeReversal();
  expectReversed(first);
  expectReversed(second);
  EXPECT_TRUE(pages.areUntouched());
}

TEST(CudaSimulator, SaysThatThereIsNoRoom) {
  LowPages pages;
  for (uint64_t base = kFirst; base < kLast; base += kStep)
    pages.take(base);
  EXPECT_EQ(makeReversal().problem(),
            "there is no room for shared memory below 4 GiB");
  EXPECT_TRUE(pages.areUntouched());
}

} // namespace
