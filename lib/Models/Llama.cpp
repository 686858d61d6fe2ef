//===- Llama.cpp - Llama and the models that share its layer --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Source: Touvron et al., "LLaMA: Open and Efficient Foundation Language
// Models" (2023), section 2.2, with the grouped key/value heads of Ainslie et
// al., "GQA" (2023).
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Architecture.h"
#include "lib/Models/LayerBuilder.h"

using namespace mlir;
using namespace tokopt;

static Value buildLayer(LayerBuilder &b, Value x) {
  const Hyperparameters &s = b.sizes;

  Value n = b.norm(x, "attn_norm");
  Value q = b.heads(n, "attn_q", s.heads, s.headSize);
  Value k = b.heads(n, "attn_k", s.kvHeads, s.headSize);
  Value v = b.heads(n, "attn_v", s.kvHeads, s.valueSize);
  // GGUF converters permute the rows of q and k so that the two elements that
  // rotate together are neighbours.
  q = b.rope(q, tok::RopePairs::Adjacent);
  k = b.rope(k, tok::RopePairs::Adjacent);
  Value a = b.attention(q, k, v);
  x = b.add(x, b.linear(a, "attn_output", s.width));

  n = b.norm(x, "ffn_norm");
  Value gate = b.linear(n, "ffn_gate", s.hidden);
  Value up = b.linear(n, "ffn_up", s.hidden);
  Value h = b.gated(gate, up, tok::Activation::Silu);
  return b.add(x, b.linear(h, "ffn_down", s.width));
}

const Architecture tokopt::llama = {.name = "llama", .buildLayer = buildLayer};
