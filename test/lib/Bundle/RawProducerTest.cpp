//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TemporaryFolder.h"
#include "gmock/gmock.h"
#include <vector>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class RawProducerTest : public testing::Test {
protected:
  Expected<std::unique_ptr<WeightProducer>> make(uint64_t offset,
                                                 uint64_t bytes) {
    return makeRawProducer({source, offset, bytes, "w"});
  }

  TemporaryFolder folder;
  std::shared_ptr<const SourceFile> source =
      folder.makeSource({1, 2, 3, 4, 5, 6, 7, 8});
};

TEST_F(RawProducerTest, GivesTheBytesAsTheyAre) {
  auto producer = make(2, 5);
  ASSERT_TRUE(!!producer) << toString(producer.takeError());
  EXPECT_EQ((*producer)->getBytes(), 5);
  std::vector<uint8_t> bytes;
  ASSERT_FALSE((*producer)->produce([&](ArrayRef<uint8_t> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return Error::success();
  }));
  EXPECT_THAT(bytes, ElementsAre(3, 4, 5, 6, 7));
}

TEST_F(RawProducerTest, RefusesARangeOutsideTheFile) {
  for (auto [offset, bytes] :
       {std::pair<uint64_t, uint64_t>{2, 7}, {9, 0}, {UINT64_MAX, 2}}) {
    auto producer = make(offset, bytes);
    ASSERT_FALSE(!!producer);
    EXPECT_THAT(toString(producer.takeError()),
                HasSubstr("goes past the end of the file (8 bytes)"));
  }
}

} // namespace
