//===- TinyModel.h - A small model that tests damage ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_MODELS_TINYMODEL_H
#define TOKOPT_TEST_LIB_MODELS_TINYMODEL_H

#include "test/lib/Import/GgufBuilder.h"

#include "lib/Import/Gguf.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"

#include <functional>
#include <vector>

namespace tokopt {

/// The keys and tensors of a valid model; a test changes them and spells the
/// file. Weights are zero.
struct TinyModel {
  using Format = gguf::FormatId;
  struct Key {
    std::string name;
    uint32_t type;
    std::function<void(gguf::Builder &)> value;
  };
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dims;
    Format format;
  };
  std::vector<Key> keys;
  std::vector<Tensor> tensors;

  explicit TinyModel(const std::string &arch, int layers = 2) {
    text("general.architecture", arch);
    integer(arch + ".block_count", layers);
    integer(arch + ".context_length", 128);
    integer(arch + ".embedding_length", 64);
    integer(arch + ".feed_forward_length", 96);
    integer(arch + ".attention.head_count", 4);
    integer(arch + ".attention.head_count_kv", 2);
    real(arch + ".attention.layer_norm_rms_epsilon", 1e-6f);

    tensor("token_embd.weight", {64, 10}, Format::Q8_0);
    for (int i = 0; i < layers; ++i) {
      std::string blk = "blk." + std::to_string(i) + ".";
      tensor(blk + "attn_norm.weight", {64});
      tensor(blk + "ffn_norm.weight", {64});
      tensor(blk + "attn_q.weight", {64, 64}, Format::Q4_0);
      tensor(blk + "attn_k.weight", {64, 32}, Format::Q4_0);
      tensor(blk + "attn_v.weight", {64, 32}, Format::Q4_0);
      tensor(blk + "attn_output.weight", {64, 64}, Format::Q4_0);
      tensor(blk + "ffn_gate.weight", {64, 96}, Format::Q4_0);
      tensor(blk + "ffn_up.weight", {64, 96}, Format::Q4_0);
      tensor(blk + "ffn_down.weight", {96, 64}, Format::Q4_0);
      if (arch == "qwen2") {
        tensor(blk + "attn_q.bias", {64});
        tensor(blk + "attn_k.bias", {32});
        tensor(blk + "attn_v.bias", {32});
      }
    }
    tensor("output_norm.weight", {64});
  }

  /// A key that is there already gets the new value.
  void key(const std::string &name, uint32_t type,
           std::function<void(gguf::Builder &)> value) {
    dropKey(name);
    keys.push_back({name, type, std::move(value)});
  }
  void integer(const std::string &name, uint32_t value) {
    key(name, 4, [=](gguf::Builder &b) { b.u32(value); });
  }
  void real(const std::string &name, float value) {
    key(name, 6,
        [=](gguf::Builder &b) { b.u32(llvm::bit_cast<uint32_t>(value)); });
  }
  void text(const std::string &name, const std::string &value) {
    key(name, 8, [=](gguf::Builder &b) { b.string(value); });
  }
  void tokens(int count) {
    text("tokenizer.ggml.model", "gpt2");
    text("tokenizer.ggml.pre", "smollm");
    key("tokenizer.ggml.tokens", 9, [=](gguf::Builder &b) {
      b.u32(8).u64(count);
      for (int i = 0; i < count; ++i)
        b.string("t");
    });
  }
  void dropKey(const std::string &name) {
    llvm::erase_if(keys, [&](const Key &key) { return key.name == name; });
  }

  /// A tensor that is there already is replaced in its place.
  void tensor(const std::string &name, std::vector<uint64_t> dims,
              Format format = Format::F32) {
    for (Tensor &old : tensors)
      if (old.name == name) {
        old = {name, std::move(dims), format};
        return;
      }
    tensors.push_back({name, std::move(dims), format});
  }
  void dropTensor(const std::string &name) {
    llvm::erase_if(tensors, [&](const Tensor &t) { return t.name == name; });
  }

  std::string spell() const {
    gguf::Builder b(tensors.size(), keys.size());
    for (const Key &key : keys) {
      b.key(key.name, key.type);
      key.value(b);
    }
    uint64_t offset = 0;
    for (const Tensor &tensor : tensors) {
      b.string(tensor.name).u32(tensor.dims.size());
      uint64_t elements = 1;
      for (uint64_t size : tensor.dims) {
        b.u64(size);
        elements *= size;
      }
      b.u32(static_cast<uint32_t>(tensor.format)).u64(offset);
      const gguf::Format &format = gguf::getFormat(tensor.format);
      offset += elements / format.blockElements * format.blockBytes;
      offset = (offset + 31) / 32 * 32;
    }
    return b.data(offset).bytes;
  }
};

} // namespace tokopt

#endif // TOKOPT_TEST_LIB_MODELS_TINYMODEL_H
