# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An independent reading of a GGUF model in numpy, to cross-check the reference backend.

It shares nothing with the compiler: its own file reader, its own dequantizers, its own layers. It is
written for clarity; a few dozen tokens of a small model are its range.
"""

import mmap
import struct

import numpy as np

# ---------------------------------------------------------------------------------------------------------------------
# The file
# ---------------------------------------------------------------------------------------------------------------------

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9


class Gguf:
    """Key/values and tensors of a GGUF file (version 2 or 3)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        magic, version = self.data[:4], struct.unpack_from("<I", self.data, 4)[0]
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path}: magic {magic!r} version {version}, expected GGUF 2 or 3")
        self.at = 8
        tensor_count, key_count = self.scalar("Q"), self.scalar("Q")
        self.keys = {}
        for _ in range(key_count):
            name = self.string()
            self.keys[name] = self.value(self.scalar("I"))
        self.infos = {}
        for _ in range(tensor_count):
            name = self.string()
            dims = [self.scalar("Q") for _ in range(self.scalar("I"))]
            self.infos[name] = (dims, self.scalar("I"), self.scalar("Q"))
        alignment = self.keys.get("general.alignment", 32)
        self.base = -(-self.at // alignment) * alignment

    def scalar(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.scalar("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            kind, count = self.scalar("I"), self.scalar("Q")
            return [self.value(kind) for _ in range(count)]
        return self.scalar(SCALARS[kind])

    def __contains__(self, name):
        return name in self.infos

    def tensor(self, name, dtype=np.float64):
        """Dequantized values, outermost dimension first."""
        dims, kind, offset = self.infos[name]
        block, size, decode = FORMATS[kind]
        count = int(np.prod(dims))
        raw = np.frombuffer(self.data, np.uint8, count // block * size, self.base + offset)
        # f32 holds every format's product d * q + m to its last bit but one; dtype is for what follows.
        return decode(raw.reshape(-1, size)).reshape(dims[::-1]).astype(dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Formats: [blocks, bytes] -> [blocks, values]
# ---------------------------------------------------------------------------------------------------------------------


def half(block, start):
    return block[:, start : start + 2].copy().view(np.float16).astype(np.float32)


def nibbles(block):
    """Low nibbles are the first half of the values, high nibbles the second."""
    return np.concatenate([block & 15, block >> 4], axis=-1).astype(np.float32)


def q4_0(b):
    return half(b, 0) * (nibbles(b[:, 2:18]) - 8)


def q4_1(b):
    return half(b, 0) * nibbles(b[:, 4:20]) + half(b, 2)


def q5_0(b):
    fifth = np.unpackbits(b[:, 2:6], axis=1, bitorder="little").astype(np.float32)
    return half(b, 0) * (nibbles(b[:, 6:22]) + 16 * fifth - 16)


def q8_0(b):
    return half(b, 0) * b[:, 2:].view(np.int8).astype(np.float32)


def q4_k(b):
    """256 values: eight sub-blocks of 32, each with a 6-bit scale and a 6-bit minimum packed into 12 bytes."""
    packed = b[:, 4:16].astype(np.int32)
    low, mid, high = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scale = np.concatenate([low & 63, (high & 15) | (low >> 6) << 4], axis=1).astype(np.float32)
    minimum = np.concatenate([mid & 63, (high >> 4) | (mid >> 6) << 4], axis=1).astype(np.float32)
    # Each 32 bytes hold two sub-blocks: low nibbles, then high nibbles.
    quants = nibbles(b[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    scale, minimum = half(b, 0) * scale, half(b, 2) * minimum
    return (scale[:, :, None] * quants - minimum[:, :, None]).reshape(-1, 256)


def q6_k(b):
    """256 values: two halves of 128, each 64 bytes of low nibbles and 32 bytes of upper bit pairs; a scale for each 16."""
    low = b[:, 0:128].reshape(-1, 2, 2, 32)  # half, position, byte
    high = b[:, 128:192].reshape(-1, 2, 1, 32)
    upper = np.concatenate([(high >> shift) & 3 for shift in (0, 2, 4, 6)], axis=2)  # half, quarter, byte
    lower = np.concatenate([low & 15, low >> 4], axis=2)
    quants = (lower | upper << 4).astype(np.float32) - 32
    scale = half(b, 208) * b[:, 192:208].view(np.int8).astype(np.float32)
    return (quants.reshape(-1, 16, 16) * scale[:, :, None]).reshape(-1, 256)


FORMATS = {  # ggml type: values a block, bytes a block, decoder
    0: (1, 4, lambda b: b.copy().view("<f4")),
    1: (1, 2, lambda b: b.copy().view("<f2").astype(np.float32)),
    2: (32, 18, q4_0),
    3: (32, 20, q4_1),
    6: (32, 22, q5_0),
    8: (32, 34, q8_0),
    12: (256, 144, q4_k),
    14: (256, 210, q6_k),
}

# ---------------------------------------------------------------------------------------------------------------------
# The model
# ---------------------------------------------------------------------------------------------------------------------


class Model:
    """A dense decoder of architecture `llama` or `qwen2`."""

    def __init__(self, path, dtype=np.float64):
        self.file, self.dtype = Gguf(path), dtype
        arch = self.file.keys["general.architecture"]
        if arch not in ("llama", "qwen2"):
            raise ValueError(f"{path}: architecture {arch!r}, expected llama or qwen2")
        key = lambda name, *default: self.file.keys.get(f"{arch}.{name}", *default)
        self.layers, self.width = key("block_count"), key("embedding_length")
        self.heads = key("attention.head_count")
        self.kv_heads = key("attention.head_count_kv", self.heads)
        self.head = key("attention.key_length", self.width // self.heads)
        self.rope_dims = key("rope.dimension_count", self.head)
        self.base = key("rope.freq_base", 10000.0)
        self.eps = key("attention.layer_norm_rms_epsilon")
        # llama files come with Q and K permuted so that the pairs are neighbours.
        self.adjacent = arch == "llama"

    def logits(self, ids, rows=None):
        """Logits [rows or all positions, vocabulary] of one sequence."""
        embedding = self.weight("token_embd.weight")
        x = embedding[ids]
        for layer in range(self.layers):
            x = self.layer(x, f"blk.{layer}.")
        x = self.norm(x if rows is None else x[rows], "output_norm.weight")
        head = self.weight("output.weight") if "output.weight" in self.file else embedding
        return x @ head.T

    def layer(self, x, prefix):
        n = self.norm(x, prefix + "attn_norm.weight")
        q = self.rotate(self.linear(n, prefix + "attn_q").reshape(len(x), self.heads, -1))
        k = self.rotate(self.linear(n, prefix + "attn_k").reshape(len(x), self.kv_heads, -1))
        v = self.linear(n, prefix + "attn_v").reshape(len(x), self.kv_heads, -1)
        a = attention(q, k, v)
        x = x + self.linear(a.reshape(len(x), -1), prefix + "attn_output")
        n = self.norm(x, prefix + "ffn_norm.weight")
        gate = self.linear(n, prefix + "ffn_gate")
        gated = gate / (1 + np.exp(-gate)) * self.linear(n, prefix + "ffn_up")
        return x + self.linear(gated, prefix + "ffn_down")

    def weight(self, name):
        return self.file.tensor(name, self.dtype)

    def linear(self, x, name):
        y = x @ self.weight(name + ".weight").T
        return y + self.weight(name + ".bias") if name + ".bias" in self.file else y

    def norm(self, x, name):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.eps) * self.weight(name)

    def rotate(self, x):
        """Rotary positions 0..T-1 on [T, heads, size]; pairs are (2i, 2i+1) or (i, i + half)."""
        half = self.rope_dims // 2
        angle = np.arange(len(x))[:, None] * self.base ** (-np.arange(half) / half)
        cos, sin = (f(angle)[:, None, :].astype(self.dtype) for f in (np.cos, np.sin))
        first = np.s_[..., 0 : self.rope_dims : 2] if self.adjacent else np.s_[..., 0:half]
        second = np.s_[..., 1 : self.rope_dims : 2] if self.adjacent else np.s_[..., half : self.rope_dims]
        y = x.copy()
        y[first] = x[first] * cos - x[second] * sin
        y[second] = x[first] * sin + x[second] * cos
        return y


def attention(q, k, v):
    """Causal attention of q [T, heads, size] over k, v [T, kv heads, size]."""
    tokens, heads, size = q.shape
    group = heads // k.shape[1]
    out = np.empty_like(q)
    hidden = np.triu(np.ones((tokens, tokens), bool), 1)
    for h in range(heads):
        score = q[:, h] @ k[:, h // group].T / np.sqrt(q.dtype.type(size))
        score[hidden] = -np.inf
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        out[:, h] = score / score.sum(axis=-1, keepdims=True) @ v[:, h // group]
    return out


def nll(logits, targets):
    """Negative log likelihood of each target under the logits row before it."""
    top = logits.max(axis=-1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))
    return total - logits[np.arange(len(targets)), targets]
