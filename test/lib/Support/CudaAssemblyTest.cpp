//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forms of inline assembly: what is written is read back, and what is not
// exactly one of them is none.
//
//===----------------------------------------------------------------------===//

#include "tokopt/CudaAssembly.h"

#include "gmock/gmock.h"

using namespace tokopt;

namespace {

using Kind = CudaAssembly::Kind;

std::vector<CudaAssembly> forms() {
  std::vector<CudaAssembly> forms;
  for (uint32_t columns : {8, 64, 128, 256})
    for (uint32_t bits = 0; bits < 32; ++bits) {
      CudaAssembly form{Kind::Multiply};
      form.columns = columns;
      form.isBrain = bits & 1;
      form.accumulates = bits & 2;
      form.transposesRight = bits & 4;
      form.leftInRegisters = bits & 8;
      form.transposesLeft = bits & 16;
      // Registers hold the left matrix in one way only.
      if (!form.leftInRegisters || !form.transposesLeft)
        forms.push_back(form);
    }
  for (Kind kind : {Kind::Fence, Kind::Wait})
    for (uint32_t sums : {0, 1, 64})
      for (uint32_t words : {0, 4}) {
        CudaAssembly form{kind};
        form.sums = sums;
        form.words = words;
        form.pending = kind == Kind::Wait ? sums % 3 : 0;
        forms.push_back(form);
      }
  return forms;
}

TEST(CudaAssembly, ReadsWhatItWrites) {
  for (const CudaAssembly &form : forms())
    EXPECT_EQ(CudaAssembly::parse(form.text(), form.constraints()), form)
        << form.text();
}

TEST(CudaAssembly, RefusesWhatIsNearlyAForm) {
  CudaAssembly form{Kind::Multiply};
  form.columns = 8;
  EXPECT_EQ(form.text(),
            "{ .reg .pred p; setp.ne.b32 p, 0, 0; "
            "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$0, $1, $2, "
            "$3}, $4, $5, p, 1, 1, 0, 0; }");
  EXPECT_EQ(form.constraints(), "=f,=f,=f,=f,l,l,~{memory}");
  auto isForm = [](std::string text, const std::string &constraints,
                   const std::string &from = "", const std::string &to = "") {
    if (!from.empty())
      text.replace(text.find(from), from.size(), to);
    return CudaAssembly::parse(text, constraints).has_value();
  };
  std::string text = form.text(), constraints = form.constraints();
  EXPECT_TRUE(isForm(text, constraints));
  EXPECT_FALSE(isForm(text, constraints, "n8k", "n12k"));
  EXPECT_FALSE(isForm(text, constraints, "n8k", "n264k"));
  EXPECT_FALSE(isForm(text, constraints, "k16", "k32"));
  EXPECT_FALSE(isForm(text, constraints, "f16.f16 ", "f16.bf16 "));
  EXPECT_FALSE(isForm(text, constraints, "p, 1, 1", "p, 1, -1"));
  EXPECT_FALSE(isForm(text, constraints, "; }", "; trap; }"));
  // The sums are not tied, or the memory may be cached.
  EXPECT_FALSE(isForm(text, "=f,=f,=f,=f,0,1,2,3,l,l,~{memory}"));
  EXPECT_FALSE(isForm(text, "=f,=f,=f,=f,l,l"));
  EXPECT_FALSE(isForm("wgmma.wait_group.sync.aligned 0;", "=f,1,~{memory}"));
  EXPECT_FALSE(isForm("wgmma.wait_group.sync.aligned 0; trap;", "~{memory}"));
  EXPECT_FALSE(isForm("trap;", ""));
}

} // namespace
