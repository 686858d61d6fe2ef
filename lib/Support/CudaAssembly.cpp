//===- CudaAssembly.cpp - The inline assembly of CUDA kernels -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/CudaAssembly.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tokopt;

static constexpr StringLiteral kMultiply = "wgmma.mma_async.sync.aligned.",
                               kFence = "wgmma.fence.sync.aligned;",
                               kWait = "wgmma.wait_group.sync.aligned ";

/// Registers `$first` and so on, in braces.
static std::string list(uint32_t first, uint32_t count) {
  SmallVector<std::string> names;
  for (uint32_t i = 0; i < count; ++i)
    names.push_back("$" + utostr(first + i));
  return "{" + join(names, ", ") + "}";
}

std::string CudaAssembly::text() const {
  if (kind == Kind::Fence)
    return kFence.str();
  if (kind == Kind::Wait)
    return kWait.str() + utostr(pending) + ";";
  // Results come first, then operands; those that are sums are tied, and have
  // the numbers of the results.
  uint32_t left = productSums() + sumOperands();
  std::string name = isBrain ? "bf16" : "f16";
  std::string text =
      "{ .reg .pred p; setp.ne.b32 p, " + utostr(accumulates) + ", 0; " +
      kMultiply.str() + "m64n" + utostr(columns) + "k16.f32." + name + "." +
      name + " " + list(0, productSums()) + ", " +
      (leftInRegisters ? list(left, 4) : "$" + utostr(left)) + ", $" +
      utostr(left + (leftInRegisters ? 4 : 1)) + ", p, 1, 1";
  // Registers hold the left matrix in one way only.
  if (!leftInRegisters)
    text += ", " + utostr(transposesLeft);
  return text + ", " + utostr(transposesRight) + "; }";
}

std::string CudaAssembly::constraints() const {
  SmallVector<std::string> parts;
  for (uint32_t i = 0; i < results(); ++i)
    parts.push_back(results() - i <= words ? "=r" : "=f");
  uint32_t tied = kind == Kind::Multiply ? sumOperands() : results();
  for (uint32_t i = 0; i < tied; ++i)
    parts.push_back(utostr(i));
  if (kind == Kind::Multiply) {
    parts.append(leftInRegisters ? 4 : 1, leftInRegisters ? "r" : "l");
    parts.push_back("l");
  }
  parts.push_back("~{memory}");
  return join(parts, ",");
}

/// The number behind `before`, 0 if there is none.
static uint32_t numberBehind(StringRef text, StringRef before) {
  uint32_t number = 0;
  text.split(before).second.consumeInteger(10, number);
  return number;
}

std::optional<CudaAssembly> CudaAssembly::parse(StringRef text,
                                                StringRef constraints) {
  // Takes what tells the forms apart; what is not exactly the form then differs
  // from it.
  CudaAssembly made{Kind::Fence};
  if (text.contains(kMultiply)) {
    made.kind = Kind::Multiply;
    made.columns = numberBehind(text, "m64n");
    made.isBrain = text.contains(".bf16");
    made.leftInRegisters = text.contains("}, {");
    made.accumulates = text.contains("p, 1, 0;");
    made.transposesRight = text.contains(", 1; }");
    made.transposesLeft = text.contains("p, 1, 1, 1, ");
    if (made.columns < 8 || made.columns > 256 || made.columns % 8)
      return std::nullopt;
  } else {
    if (text.starts_with(kWait)) {
      made.kind = Kind::Wait;
      made.pending = numberBehind(text, kWait);
    }
    made.sums = constraints.count("=f");
    made.words = constraints.count("=r");
  }
  if (made.text() != text || made.constraints() != constraints)
    return std::nullopt;
  return made;
}
