//===- Features.h - What this CPU can run -----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CPU_FEATURES_H_
#define TOKRT_CPU_FEATURES_H_

namespace tokrt {

/// Whether this CPU and its operating system run the ISA extension `name`, as
/// LLVM spells it. False for a name that is not known here.
bool hasCpuFeature(const char *name);

} // namespace tokrt

#endif // TOKRT_CPU_FEATURES_H_
