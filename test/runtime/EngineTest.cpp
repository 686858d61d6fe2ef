//===- EngineTest.cpp - Requests from submission to release ---------------===//

#include "TestEngine.h"

#include <algorithm>
#include <cmath>

TEST(Engine, answers_as_the_oracle) {
  TestEngine engine;
  ASSERT_EQ(engine.open(), TOKRT_OK) << engine.error.message;
  TestRequest request;
  request.prompt = makePrompt(1, 13);
  ASSERT_EQ(engine.submit(request), TOKRT_OK) << engine.error.message;
  engine.drain();
  EXPECT_EQ(request.tokens, request.expected());
  EXPECT_EQ(request.finish, TOKRT_FINISH_LENGTH);
  EXPECT_EQ(request.finishes, 1);
}
