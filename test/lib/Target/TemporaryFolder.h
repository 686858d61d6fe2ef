//===- TemporaryFolder.h - A folder for a test ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_TARGET_TEMPORARYFOLDER_H
#define TOKOPT_TEST_LIB_TARGET_TEMPORARYFOLDER_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

namespace tokopt::test {

/// A folder that is gone at the end, with all that is in it.
struct TemporaryFolder {
  TemporaryFolder() {
    llvm::SmallString<128> made;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("tokopt-test", made));
    path = made.str().str();
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }

  std::string path;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_TARGET_TEMPORARYFOLDER_H
