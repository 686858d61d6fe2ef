//===- Qwen2.cpp - Qwen2 and Qwen2.5 --------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Source: Yang et al., "Qwen2 Technical Report" (2024), section 2.2.1.
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Architecture.h"
#include "lib/Models/LayerBuilder.h"

using namespace mlir;
using namespace tokopt;

static Value buildLayer(LayerBuilder &b, Value x) {
  const Hyperparameters &s = b.sizes;

  Value n = b.norm(x, "attn_norm");
  Value q = b.heads(n, "attn_q", s.heads, s.headSize, Bias::Added);
  Value k = b.heads(n, "attn_k", s.kvHeads, s.headSize, Bias::Added);
  Value v = b.heads(n, "attn_v", s.kvHeads, s.valueSize, Bias::Added);
  // Unlike llama's, the rows of q and k stand as they were trained.
  q = b.rope(q, tok::RopePairs::Halves);
  k = b.rope(k, tok::RopePairs::Halves);
  Value a = b.attention(q, k, v);
  x = b.add(x, b.linear(a, "attn_output", s.width));

  n = b.norm(x, "ffn_norm");
  Value gate = b.linear(n, "ffn_gate", s.hidden);
  Value up = b.linear(n, "ffn_up", s.hidden);
  Value h = b.gated(gate, up, tok::Activation::Silu);
  return b.add(x, b.linear(h, "ffn_down", s.width));
}

const Architecture tokopt::qwen2 = {.name = "qwen2", .buildLayer = buildLayer};
