//===- TestModel.h - Files that the tests read ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TEST_TESTMODEL_H_
#define TOKRT_TEXT_TEST_TESTMODEL_H_

#include <string>
#include <vector>

namespace tokrt::text {

/// The contents of a file under test/Inputs.
std::string readInput(const std::string &name);

/// The key/value records of a model: of the first of `files` that is in the
/// folder TOKOPT_MODELS (by default ~/.cache/tokopt/models). A file in `.kv`
/// holds the records and nothing else. Empty if none is there.
std::string readModelMetadata(const std::vector<std::string> &files);

} // namespace tokrt::text

#endif // TOKRT_TEXT_TEST_TESTMODEL_H_
