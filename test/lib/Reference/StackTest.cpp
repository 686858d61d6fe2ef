//===- StackTest.cpp - Layers, ranges of layers, the frontier -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include <cmath>

using namespace tokopt::test;

namespace {

constexpr size_t kWidth = 16, kLayers = 5;

// Two kinds in turn, which do not commute, and weights that tell layers apart.
constexpr llvm::StringLiteral kModule = R"mlir(
  tok.weight @embd : tensor<8x16xf32> = source "m" at [0]
  tok.weight @unit layers = [1, 3] : tensor<16x16xf32> = source "m" at [0, 0]
  tok.weight @shift layers = [1, 3] : tensor<16xf32> = source "m" at [0, 0]
  func.func private @double(%x: tensor<?x16xf32>, %rows: !tok.rows<pos, seq>, %l: index)
      -> tensor<?x16xf32> attributes {tok.kind} {
    %y = arith.addf %x, %x : tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func private @add(%x: tensor<?x16xf32>, %rows: !tok.rows<pos, seq>, %l: index)
      -> tensor<?x16xf32> attributes {tok.kind} {
    %y = tok.linear %x, @unit[%l] bias @shift : tensor<?x16xf32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"},
                  %rows: !tok.rows<pos, seq> {tok.slot = "rows"},
                  %full: index {tok.slot = "full_rows"},
                  %begin: index {tok.slot = "layer_begin"},
                  %end: index {tok.slot = "layer_end"},
                  %f: tensor<?x16xf32> {tok.slot = "frontier"},
                  %out: tensor<?xi32> {tok.slot = "out"})
      -> (tensor<?x16xf32> {tok.slot = "logits"}, tensor<?x16xf32> {tok.slot = "frontier"}) {
    %x = tok.embed %ids, @embd : tensor<?xi32> -> tensor<?x16xf32>
    %y, %g = tok.stack %x, %rows frontier(%f) rows(%full, %begin, %end)
        [@double for 0, @add for 1, @double for 2, @add for 3, @double for 4]
        : tensor<?x16xf32>, !tok.rows<pos, seq>
    %z = tok.take %y, %out : tensor<?x16xf32>, tensor<?xi32>
    return %z, %g : tensor<?x16xf32>, tensor<?x16xf32>
  })mlir";

/// What layers [begin, end) do to an element: double, add 10, double, add 30,
/// double.
float apply(float x, size_t begin, size_t end) {
  for (size_t layer = begin; layer < end; ++layer)
    x = layer % 2 ? x + 10 * static_cast<float>(layer) : 2 * x;
  return x;
}

class Stack : public testing::Test {
protected:
  Stack() : code(kModule) {}

  void SetUp() override {
    if (!code.canRun())
      GTEST_SKIP();
    std::vector<float> data;
    for (size_t id = 0; id < 8; ++id)
      data.insert(data.end(), kWidth, static_cast<float>(id));
    for (int layer = 0; layer < 2; ++layer)
      for (size_t n = 0; n < kWidth; ++n)
        for (size_t k = 0; k < kWidth; ++k)
          data.push_back(n == k);
    data.insert(data.end(), kWidth, 10);
    data.insert(data.end(), kWidth, 30);
    const auto *bytes = reinterpret_cast<const uint8_t *>(data.data());
    code.weights.assign(bytes, bytes + data.size() * 4);
    code.layerEnd = kLayers;
  }

  /// The first element of each row of logits; the others must be the same.
  std::vector<float> run(std::vector<int32_t> ids, std::vector<int32_t> out) {
    code.ids = ids;
    code.pos.assign(ids.size(), 0);
    code.seq.assign(ids.size(), 0);
    code.out = out;
    code.frontier.resize(ids.size() * kWidth, NAN);
    code.logits.assign(out.size() * kWidth, NAN);
    code.run(ids.size(), out.size());
    return getFirst(code.logits);
  }

  static std::vector<float> getFirst(const std::vector<float> &rows) {
    std::vector<float> first;
    for (size_t i = 0; i < rows.size(); i += kWidth) {
      first.push_back(rows[i]);
      for (size_t j = 0; j < kWidth; ++j)
        EXPECT_TRUE(rows[i + j] == rows[i] ||
                    (std::isnan(rows[i + j]) && std::isnan(rows[i])));
    }
    return first;
  }

  ReferenceRun code;
};

TEST_F(Stack, PassesAllLayersInOrder) {
  std::vector<float> found = run({3, 1, 7}, {0, 2});
  EXPECT_THAT(found, testing::ElementsAre(apply(3, 0, 5), apply(7, 0, 5)));
}

// A decode that passes all layers beside a chunk that enters and leaves.
TEST_F(Stack, EntersFromAndLeavesToTheFrontier) {
  code.fullRows = 1;
  code.layerBegin = 0;
  code.layerEnd = 2;
  std::vector<float> found = run({3, 1, 7}, {0});
  EXPECT_THAT(found, testing::ElementsAre(apply(3, 0, 5)));
  std::vector<float> frontier = getFirst(code.frontier);
  EXPECT_TRUE(std::isnan(frontier[0])); // untouched: it did not leave
  EXPECT_EQ(frontier[1], apply(1, 0, 2));
  EXPECT_EQ(frontier[2], apply(7, 0, 2));

  // Ids of rows that do not start are not defined.
  code.layerBegin = 2;
  code.layerEnd = 4;
  run({5, -1, 1 << 30}, {0});
  frontier = getFirst(code.frontier);
  EXPECT_EQ(frontier[1], apply(1, 0, 4));
  EXPECT_EQ(frontier[2], apply(7, 0, 4));

  code.layerBegin = 4;
  code.layerEnd = 5;
  found = run({2, -1, -1}, {0, 1, 2});
  EXPECT_THAT(found, testing::ElementsAre(apply(2, 0, 5), apply(1, 0, 5),
                                          apply(7, 0, 5)));
}

TEST_F(Stack, PassesAGroupAlone) {
  code.fullRows = 0;
  code.layerBegin = 1;
  code.layerEnd = 4;
  code.frontier.assign(2 * kWidth, 6);
  run({-1, -1}, {});
  EXPECT_THAT(getFirst(code.frontier),
              testing::ElementsAre(apply(6, 1, 4), apply(6, 1, 4)));
}

} // namespace
