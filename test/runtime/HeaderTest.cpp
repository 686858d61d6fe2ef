//===- HeaderTest.cpp - The public header serves C and has names ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/tokrt.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

extern "C" const char *loadMissingFile(void);

TEST(Header, serves_c) {
  EXPECT_STREQ(loadMissingFile(), "/no/such/file: cannot open the bundle: No "
                                  "such file or directory");
}

TEST(Header, names_every_status) {
  std::set<std::string> names;
  for (int status = TOKRT_OK; status <= TOKRT_DEVICE_LOST; ++status)
    names.insert(tokrt_status_string(static_cast<tokrt_status_t>(status)));
  EXPECT_EQ(names.size(), size_t(TOKRT_DEVICE_LOST) + 1);
  EXPECT_STREQ(tokrt_status_string(static_cast<tokrt_status_t>(99)),
               "unknown status");
  names.clear();
  for (int finish = TOKRT_FINISH_NONE; finish <= TOKRT_FINISH_CANCEL; ++finish)
    names.insert(tokrt_finish_string(static_cast<tokrt_finish_t>(finish)));
  EXPECT_EQ(names.size(), size_t(TOKRT_FINISH_CANCEL) + 1);
  EXPECT_STREQ(tokrt_finish_string(static_cast<tokrt_finish_t>(99)),
               "unknown reason");
}

TEST(Header, knows_what_every_cpu_has) {
#if defined(__x86_64__)
  EXPECT_EQ(tokrt_cpu_has("avx2") != 0, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(tokrt_cpu_has("fma") != 0, __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(tokrt_cpu_has("avx512f") != 0,
            __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(tokrt_cpu_has("avx512vnni") != 0,
            __builtin_cpu_supports("avx512vnni") != 0);
#endif
  EXPECT_FALSE(tokrt_cpu_has("no-such-extension"));
}
