//===- Content.h - The numbers of a case ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_KERNELCASES_CONTENT_H_
#define TOOLS_KERNELCASES_CONTENT_H_

#include "tools/KernelCases/Case.h"

#include <functional>

namespace cases {

/// Bytes of an element.
uint64_t sizeOf(Element element);

/// The number that lies at `data`.
double decode(const uint8_t *data, Element element);

/// What the buffer holds from its beginning on, until it repeats. `addressOf`
/// says where buffers lie.
std::vector<uint8_t>
contentsOf(const Buffer &buffer,
           const std::function<uint64_t(const std::string &)> &addressOf);

/// The first of `found`, the elements of a check, that is not as expected, in
/// words; empty if all are. `expected` are pairs of a number and what it may be
/// off; `worst` is raised to the largest part of that which was needed.
std::string findDifference(const Check &check, const uint8_t *found,
                           const float *expected, double &worst);

} // namespace cases

#endif // TOOLS_KERNELCASES_CONTENT_H_
