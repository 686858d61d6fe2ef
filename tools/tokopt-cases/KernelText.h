//===- KernelText.h - Kernels of single instructions ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text of a kernel, op by op. These kernels are written as the reference of
// an instruction has it and not with the words of templates: what a GPU gives
// for them is to say whether the simulator reads the reference rightly.
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_CASES_KERNELTEXT_H_
#define TOOLS_TOKOPT_CASES_KERNELTEXT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tokopt {

/// Where in memory something lies: 1 is the space of global, 3 that of shared
/// memory.
struct Place {
  std::string pointer;
  int space;
};

/// Writes a kernel; values are known by their names.
class KernelText {
public:
  /// Arguments with their types, as `x: !llvm.ptr<1>`, and entries of
  /// `tok.launch`.
  KernelText(const std::vector<std::string> &arguments,
             const std::string &launch);

  /// An op with one result, and one without.
  std::string value(const std::string &op);
  void effect(const std::string &op) { body += op + "\n"; }

  std::string constant(int64_t number, const std::string &type = "i32");
  std::string add(const std::string &a, const std::string &b,
                  const std::string &type = "i32");
  std::string times(const std::string &a, int64_t factor);

  /// So many bytes, an i32, behind the beginning of a place.
  std::string offset(const Place &place, const std::string &bytes);
  std::string load(const Place &place, const std::string &bytes,
                   const std::string &type, int64_t alignment);
  void store(const std::string &stored, const std::string &type,
             const Place &place, const std::string &bytes, int64_t alignment);
  /// The members of a `structOf`.
  std::vector<std::string> unpack(const std::string &packed, size_t count,
                                  const std::string &type);

  /// All `threads` threads copy `bytes` bytes, 16 at a time.
  void copy(const Place &from, const Place &to, int64_t bytes, int64_t threads);
  /// What only the block's first thread does.
  void onlyFirst(const std::function<void()> &body);

  /// The module with the kernel, which ends here.
  std::string finish() const;

  /// Numbers, i32, and where shared memory begins.
  std::string thread, block, shared;

private:
  std::string head, body;
  int64_t next = 0;
};

/// Where a byte of a box goes in shared memory whose chunks are exchanged
/// within rows of `bytes` bytes, 0 for none (PTX ISA, "Swizzling modes"): bits
/// 4 to 6 of its place, as many as a row has chunks, are changed by the bits
/// from 7 on.
inline int64_t swizzlePlace(int64_t at, int64_t bytes) {
  int64_t mask = bytes ? bytes / 16 - 1 : 0;
  return at ^ (at >> 7 & mask) << 4;
}

/// What an op with `count` results of a type gives: a struct, or the type.
std::string structOf(size_t count, const std::string &type);

} // namespace tokopt

#endif // TOOLS_TOKOPT_CASES_KERNELTEXT_H_
