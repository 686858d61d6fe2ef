//===- ControlGroup.h - What the control group allows -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A container has fewer CPUs and less memory than the machine it runs on. It
// sees its limits (version 2 of control groups) where it sees its own group.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_CONTROLGROUP_H_
#define TOKRT_SRC_CONTROLGROUP_H_

#include <cstdint>

namespace tokrt {

/// CPUs that the text of a `cpu.max` grants, at least 1; UINT32_MAX if it sets
/// no limit or cannot be understood.
uint32_t quotaCpus(const char *text);

/// Bytes that the text of a `memory.max` grants; UINT64_MAX if it sets no limit
/// or cannot be understood.
uint64_t quotaMemory(const char *text);

/// The same of this process's group.
uint32_t controlGroupCpus();
uint64_t controlGroupMemory();

} // namespace tokrt

#endif // TOKRT_SRC_CONTROLGROUP_H_
