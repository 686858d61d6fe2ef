//===- KernelText.cpp - Kernels of single instructions --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/KernelText.h"

#include <cassert>

using namespace tokopt;

static std::string text(int64_t number) { return std::to_string(number); }

static std::string pointerType(int space) {
  return "!llvm.ptr<" + text(space) + ">";
}

std::string tokopt::structOf(size_t count, const std::string &type) {
  if (count == 1)
    return type;
  std::string members = type;
  for (size_t i = 1; i < count; ++i)
    members += ", " + type;
  return "!llvm.struct<(" + members + ")>";
}

KernelText::KernelText(const std::vector<std::string> &arguments,
                       const std::string &launch) {
  // Swizzles repeat after 1024 bytes.
  head = "llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment "
         "= 1024 : i64} : !llvm.array<0 x i8>\nfunc.func @instruction(";
  for (const std::string &argument : arguments)
    head += (&argument == &arguments.front() ? "%" : ", %") + argument;
  head += ") attributes {tok.launch = {" + launch + "}} {\n";
  thread = value("nvvm.read.ptx.sreg.tid.x : i32");
  block = value("nvvm.read.ptx.sreg.ctaid.x : i32");
  shared = value("llvm.mlir.addressof @shared : !llvm.ptr<3>");
}

std::string KernelText::value(const std::string &op) {
  std::string name = "%" + text(next++);
  effect(name + " = " + op);
  return name;
}

std::string KernelText::constant(int64_t number, const std::string &type) {
  return value("arith.constant " + text(number) + " : " + type);
}

std::string KernelText::add(const std::string &a, const std::string &b,
                            const std::string &type) {
  return value("arith.addi " + a + ", " + b + " : " + type);
}

std::string KernelText::times(const std::string &a, int64_t factor) {
  return value("arith.muli " + a + ", " + constant(factor) + " : i32");
}

std::string KernelText::offset(const Place &place, const std::string &bytes) {
  std::string pointer = pointerType(place.space);
  return value("llvm.getelementptr " + place.pointer + "[" + bytes + "] : (" +
               pointer + ", i32) -> " + pointer + ", i8");
}

std::string KernelText::load(const Place &place, const std::string &bytes,
                             const std::string &type, int64_t alignment) {
  return value("llvm.load " + offset(place, bytes) +
               " {alignment = " + text(alignment) +
               " : i64} : " + pointerType(place.space) + " -> " + type);
}

void KernelText::store(const std::string &stored, const std::string &type,
                       const Place &place, const std::string &bytes,
                       int64_t alignment) {
  std::string at = offset(place, bytes);
  effect("llvm.store " + stored + ", " + at +
         " {alignment = " + text(alignment) + " : i64} : " + type + ", " +
         pointerType(place.space));
}

std::vector<std::string> KernelText::unpack(const std::string &packed,
                                            size_t count,
                                            const std::string &type) {
  if (count == 1)
    return {packed};
  std::vector<std::string> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(value("llvm.extractvalue " + packed + "[" +
                           text(static_cast<int64_t>(i)) +
                           "] : " + structOf(count, type)));
  return values;
}

void KernelText::copy(const Place &from, const Place &to, int64_t bytes,
                      int64_t threads) {
  constexpr int64_t kChunk = 16;
  assert(bytes % kChunk == 0 && "copied by chunks");
  std::string first = times(thread, kChunk), end = constant(bytes),
              step = constant(threads * kChunk), at = "%at" + text(next++);
  effect("scf.for " + at + " = " + first + " to " + end + " step " + step +
         " : i32 {");
  std::string chunk = load(from, at, "vector<4xi32>", kChunk);
  store(chunk, "vector<4xi32>", to, at, kChunk);
  effect("}");
}

void KernelText::onlyFirst(const std::function<void()> &body) {
  std::string isFirst =
      value("arith.cmpi eq, " + thread + ", " + constant(0) + " : i32");
  effect("scf.if " + isFirst + " {");
  body();
  effect("}");
}

std::string KernelText::finish() const { return head + body + "return\n}\n"; }
