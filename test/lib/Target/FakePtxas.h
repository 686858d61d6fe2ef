//===- FakePtxas.h - A ptxas that says what a test wants --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_TARGET_FAKEPTXAS_H
#define TOKOPT_TEST_LIB_TARGET_FAKEPTXAS_H

#include "gtest/gtest.h"

#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace tokopt::test {

/// A script that is there as long as this.
struct FakePtxas {
  explicit FakePtxas(const std::string &body)
      : path("/tmp/tokopt-fake-ptxas-" + std::to_string(getpid())) {
    std::ofstream(path) << "#!/bin/sh\n" << body;
    EXPECT_EQ(chmod(path.c_str(), 0755), 0);
  }
  ~FakePtxas() { unlink(path.c_str()); }

  const std::string path;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_TARGET_FAKEPTXAS_H
