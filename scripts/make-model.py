#!/usr/bin/python3
# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a tiny random model as a GGUF file, for tests.

The same arguments give the same bytes. The sizes are odd on purpose: no dimension of the default
model is a multiple of 64. One seed draws the same weights whatever the formats are, so two files
that differ in `--formats` differ by quantization alone.

  make-model.py tiny.gguf
  make-model.py tiny.gguf --arch qwen2 --layers 3 --separate-output
  make-model.py tiny.gguf --size k256 --formats q4_k,attn_v=q6_k/q4_k,token_embd=q8_0

`--formats` takes one format for all matrices and, after it, exceptions by tensor. Formats between
slashes take turns over the layers.
"""

import argparse
import os
import pathlib
import random
import struct

import numpy as np

# --- Formats ---------------------------------------------------------------------------------
#
# Each packs rows of f32, cut into blocks, into the bytes of the format. A block is quantized
# against its scales as they are stored, after rounding, so that the error stays at half a step.


def inverse(scale):
    """1 / scale, and 0 where a block is all zero."""
    with np.errstate(divide="ignore"):
        return np.where(scale == 0, 0, 1 / scale).astype(np.float32)


def extreme(x):
    """Of each block the value that is largest in magnitude, with its sign."""
    return np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)


def stored(scale):
    """A scale as f16: the bytes, and the value a reader will see."""
    half = scale.astype("<f2")
    return half.view(np.uint8), half.astype(np.float32)


def nibbles(q):
    """Element j and element j + n/2 share byte j."""
    half = q.shape[-1] // 2
    return q[..., :half] | q[..., half:] << 4


def pack_f32(x):
    return x.astype("<f4").view(np.uint8)


def pack_f16(x):
    return x.astype("<f2").view(np.uint8)


def pack_q4_0(x):
    d, scale = stored(extreme(x) / -8)
    q = np.clip(np.rint(x * inverse(scale)) + 8, 0, 15).astype(np.uint8)
    return np.concatenate([d, nibbles(q)], -1)


def pack_q4_1(x):
    low = x.min(-1, keepdims=True)
    d, scale = stored((x.max(-1, keepdims=True) - low) / 15)
    m, low = stored(low)
    q = np.clip(np.rint((x - low) * inverse(scale)), 0, 15).astype(np.uint8)
    return np.concatenate([d, m, nibbles(q)], -1)


def pack_q5_0(x):
    d, scale = stored(extreme(x) / -16)
    q = np.clip(np.rint(x * inverse(scale)) + 16, 0, 31).astype(np.uint8)
    fifth = np.packbits(q >> 4, axis=-1, bitorder="little")
    return np.concatenate([d, fifth, nibbles(q & 15)], -1)


def pack_q8_0(x):
    d, scale = stored(np.abs(x).max(-1, keepdims=True) / 127)
    q = np.clip(np.rint(x * inverse(scale)), -127, 127).astype(np.int8)
    return np.concatenate([d, q.view(np.uint8)], -1)


def pack_q4_k(x):
    sub = x.reshape(*x.shape[:-1], 8, 32)
    low = -np.minimum(sub.min(-1), 0)
    step = (sub.max(-1) + low) / 15
    d, d_value = stored(step.max(-1, keepdims=True) / 63)
    dmin, dmin_value = stored(low.max(-1, keepdims=True) / 63)
    scale = np.clip(np.rint(step * inverse(d_value)), 0, 63).astype(np.uint8)
    minimum = np.clip(np.rint(low * inverse(dmin_value)), 0, 63).astype(np.uint8)

    q = (sub + (dmin_value * minimum)[..., None]) * inverse(d_value * scale)[..., None]
    q = np.clip(np.rint(q), 0, 15).astype(np.uint8)
    # Sub-blocks 2i and 2i + 1 share the bytes 32i to 32i + 31.
    qs = (q[..., 0::2, :] | q[..., 1::2, :] << 4).reshape(*x.shape[:-1], 128)
    # Six bits each: the first four scales and minima lie flat in bytes 0 to 7, the others have
    # their low nibbles in bytes 8 to 11 and their high pairs above the first ones.
    first = np.concatenate([scale[..., :4], minimum[..., :4]], -1)
    last = np.concatenate([scale[..., 4:], minimum[..., 4:]], -1)
    packed = np.concatenate([first | (last >> 4) << 6, last[..., :4] & 15 | (last[..., 4:] & 15) << 4], -1)
    return np.concatenate([d, dmin, packed, qs], -1)


def pack_q6_k(x):
    sub = x.reshape(*x.shape[:-1], 16, 16)
    step = (extreme(sub) / -32)[..., 0]
    d, d_value = stored(extreme(step) / -128)
    scale = np.clip(np.rint(step * inverse(d_value)), -128, 127).astype(np.int8)
    q = np.rint(sub * inverse(d_value * scale)[..., None])
    q = (np.clip(q, -32, 31) + 32).astype(np.uint8)
    # Each half of 128 elements is four runs of 32.
    runs = q.reshape(*x.shape[:-1], 2, 4, 32)
    low = np.concatenate([runs[..., 0:2, :] & 15 | (runs[..., 2:4, :] & 15) << 4], -1)
    high = runs >> 4
    high = high[..., 0, :] | high[..., 1, :] << 2 | high[..., 2, :] << 4 | high[..., 3, :] << 6
    flat = x.shape[:-1]
    return np.concatenate([low.reshape(*flat, 128), high.reshape(*flat, 64), scale.view(np.uint8), d], -1)


# name: (number in the file, elements of a block, packer)
FORMATS = {
    "f32": (0, 1, pack_f32),
    "f16": (1, 1, pack_f16),
    "q4_0": (2, 32, pack_q4_0),
    "q4_1": (3, 32, pack_q4_1),
    "q5_0": (6, 32, pack_q5_0),
    "q8_0": (8, 32, pack_q8_0),
    "q4_k": (12, 256, pack_q4_k),
    "q6_k": (14, 256, pack_q6_k),
}

# --- The file --------------------------------------------------------------------------------


class Gguf:
    def __init__(self, version, alignment):
        self.version, self.alignment = version, alignment
        self.keys, self.tensors, self.data = [], [], bytearray()
        if alignment != 32:
            self.add("general.alignment", "u32", alignment)

    @staticmethod
    def string(text):
        text = text.encode()
        return struct.pack("<Q", len(text)) + text

    def encode(self, kind, value):
        if kind == "string":
            return self.string(value)
        return struct.pack({"u32": "<I", "i32": "<i", "f32": "<f", "bool": "<?"}[kind], value)

    def add(self, key, kind, value):
        number = {"u32": 4, "i32": 5, "f32": 6, "bool": 7, "string": 8}
        if isinstance(value, list):
            head = struct.pack("<IIQ", 9, number[kind], len(value))
            self.keys.append(self.string(key) + head + b"".join(self.encode(kind, item) for item in value))
        else:
            self.keys.append(self.string(key) + struct.pack("<I", number[kind]) + self.encode(kind, value))

    def add_tensor(self, name, values, kind):
        number, block, pack = FORMATS[kind]
        data = pack(values.astype(np.float32).reshape(-1, block)).tobytes()
        dims = values.shape[::-1]
        self.tensors.append(self.string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, number, len(self.data)))
        self.data += data + bytes(-len(data) % self.alignment)

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", self.version, len(self.tensors), len(self.keys))
        head += b"".join(self.keys) + b"".join(self.tensors)
        head += bytes(-len(head) % self.alignment)
        beside = path.with_name(path.name + ".part")
        beside.write_bytes(head + self.data)
        os.replace(beside, path)


# --- The vocabulary --------------------------------------------------------------------------

WORDS = """the of and to in is that it was for on are as with his they be at one have this from or had by hot word but
what some we can out other were all there when up use your how said an each she which do their time if will way about
many then them write would like so these her long make thing see him two has look more day could go come did number
sound no most people my over know water than call first who may down side been now find any new work part take get
place made live where after back little only round man year came show every good me give our under name very through
just form sentence great think say help low line differ turn cause much mean before move right boy old too same tell
does set three want air well also play small end put home read hand port large spell add even land here must big high
such follow act why ask men change went light kind off need house picture try us again animal point mother world near
build self earth father head stand own page should country found answer school grow study still learn plant cover food
sun four between state keep eye never last let thought city tree cross farm hard start might story saw far sea draw"""

TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
NORMAL, CONTROL = 1, 3


def byte_symbols():
    """Byte-level BPE writes each byte as one printable character: itself, or one from 256 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def merge(word, pair):
    at = 0
    while at + 1 < len(word):
        if (word[at], word[at + 1]) == pair:
            word[at:at + 2] = [pair[0] + pair[1]]
        at += 1


def learn_merges(size):
    """Merges up to `size` tokens, learnt from the words above; random ones when these have run out."""
    tokens = dict.fromkeys(byte_symbols())
    space = byte_symbols()[ord(" ")]
    words = [list(prefix + word) for word in WORDS.split() for prefix in ("", space)]
    merges, draw = {}, random.Random(1)
    while len(tokens) < size:
        pairs = {}
        for rank, word in enumerate(words):
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + len(words) - rank
        pair = max(pairs, key=lambda p: (pairs[p], p)) if pairs else tuple(draw.choices(list(tokens), k=2))
        tokens[pair[0] + pair[1]] = None  # two pairs may spell the same token
        merges[pair] = None
        for word in words:
            merge(word, pair)
    return list(tokens), list(merges)


def add_vocabulary(file, arch, size):
    known, merges = learn_merges(size - len(SPECIALS))
    # The real models differ in this, so the tiny ones do.
    first = arch == "llama"
    tokens = SPECIALS + known if first else known + SPECIALS
    kinds = [CONTROL if token in SPECIALS else NORMAL for token in tokens]
    file.add("tokenizer.ggml.model", "string", "gpt2")
    file.add("tokenizer.ggml.pre", "string", "smollm" if first else "qwen2")
    file.add("tokenizer.ggml.tokens", "string", tokens)
    file.add("tokenizer.ggml.token_type", "i32", kinds)
    file.add("tokenizer.ggml.merges", "string", [" ".join(pair) for pair in merges])
    file.add("tokenizer.ggml.bos_token_id", "u32", tokens.index("<|im_start|>"))
    file.add("tokenizer.ggml.eos_token_id", "u32", tokens.index("<|im_end|>"))
    file.add("tokenizer.ggml.padding_token_id", "u32", tokens.index("<|endoftext|>"))
    file.add("tokenizer.ggml.add_bos_token", "bool", False)
    file.add("tokenizer.chat_template", "string", TEMPLATE)


# --- The model -------------------------------------------------------------------------------

SIZES = {
    "odd": {"width": 96, "heads": 3, "kv_heads": 1, "ffn": 160},
    "k256": {"width": 256, "heads": 4, "kv_heads": 2, "ffn": 512},
}
MATRICES = ["token_embd", "output", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


def add_weights(file, options):
    draw = np.random.RandomState(options.seed)  # its stream is frozen across numpy versions
    head = options.head_size

    def matrix(name, rows, columns, deviation, layer=0):
        role = name.split(".")[-2]
        formats = options.formats.get(role, options.formats["all"])
        values = draw.standard_normal((rows, columns)) * deviation
        file.add_tensor(name, values, formats[layer % len(formats)])

    def vector(name, size, mean, deviation):
        file.add_tensor(name, mean + draw.standard_normal(size) * deviation, "f32")

    # Small embeddings leave most of the last hidden state to the layers: with large ones a
    # tied model would predict its input, whatever the layers do.
    matrix("token_embd.weight", options.vocab, options.width, 0.2)
    for i in range(options.layers):
        prefix = f"blk.{i}."

        def linear(role, rows, columns, gain=1.0):
            matrix(f"{prefix}{role}.weight", rows, columns, gain / np.sqrt(columns), i)

        vector(prefix + "attn_norm.weight", options.width, 1, 0.1)
        # Gains above one on queries and keys keep attention from being flat.
        for role, heads, gain in (("attn_q", options.heads, 1.5), ("attn_k", options.kv_heads, 1.5),
                                  ("attn_v", options.kv_heads, 1.0)):
            linear(role, heads * head, options.width, gain)
            if options.arch == "qwen2":
                vector(f"{prefix}{role}.bias", heads * head, 0, 0.2)
        linear("attn_output", options.width, options.heads * head)
        vector(prefix + "ffn_norm.weight", options.width, 1, 0.1)
        linear("ffn_gate", options.ffn, options.width)
        linear("ffn_up", options.ffn, options.width)
        linear("ffn_down", options.width, options.ffn)
    vector("output_norm.weight", options.width, 1, 0.1)
    if options.separate_output:
        matrix("output.weight", options.vocab, options.width, 0.2)


def write_model(options):
    file = Gguf(options.gguf_version, options.alignment)
    file.add("general.architecture", "string", options.arch)
    file.add("general.name", "string", options.name)
    for key, kind, value in (
        ("block_count", "u32", options.layers),
        ("context_length", "u32", options.context),
        ("embedding_length", "u32", options.width),
        ("feed_forward_length", "u32", options.ffn),
        ("attention.head_count", "u32", options.heads),
        ("attention.head_count_kv", "u32", options.kv_heads),
        ("rope.freq_base", "f32", 10000.0),
        ("attention.layer_norm_rms_epsilon", "f32", 1e-5),
    ):
        file.add(f"{options.arch}.{key}", kind, value)
    # As in the real files: qwen2 leaves out what follows from the rest.
    if options.arch == "llama":
        file.add("llama.rope.dimension_count", "u32", options.head_size)
        file.add("llama.vocab_size", "u32", options.vocab)
    if options.head_size * options.heads != options.width:
        file.add(f"{options.arch}.attention.key_length", "u32", options.head_size)
        file.add(f"{options.arch}.attention.value_length", "u32", options.head_size)
    add_vocabulary(file, options.arch, options.vocab)
    file.add("general.quantization_version", "u32", 2)
    add_weights(file, options)
    file.write(options.out)


def parse_formats(parser, text):
    formats = {"all": ["q4_1"]}
    for item in text.split(","):
        role, _, names = item.rpartition("=")
        if role not in MATRICES + [""]:
            parser.error(f"--formats: no matrix is called '{role}'; they are {', '.join(MATRICES)}")
        for name in names.split("/"):
            if name not in FORMATS:
                parser.error(f"--formats: no format is called '{name}'; they are {', '.join(FORMATS)}")
        formats[role or "all"] = names.split("/")
    return formats


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--arch", choices=["llama", "qwen2"], default="llama")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", choices=SIZES, default="odd", help="defaults of the next four; k256 suits K-quants")
    for name in SIZES["odd"]:
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    parser.add_argument("--head-size", type=int, help="default: width / heads")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=1000)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--formats", default="q4_1,token_embd=q8_0")
    parser.add_argument("--separate-output", action="store_true", help="an output matrix of its own")
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--gguf-version", type=int, choices=[2, 3], default=3)
    parser.add_argument("--alignment", type=int, default=32)
    options = parser.parse_args()
    for name, value in SIZES[options.size].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.head_size = options.head_size or options.width // options.heads
    options.formats = parse_formats(parser, options.formats)
    if options.vocab < 256 + len(SPECIALS):
        parser.error(f"--vocab: {options.vocab} is less than the 256 bytes and {len(SPECIALS)} special tokens")
    for role in MATRICES:
        if role == "output" and not options.separate_output:
            continue
        columns = {"attn_output": options.heads * options.head_size, "ffn_down": options.ffn}.get(role, options.width)
        for name in options.formats.get(role, options.formats["all"]):
            if columns % FORMATS[name][1]:
                parser.error(f"{role}: {columns} columns are no multiple of {name}'s block of {FORMATS[name][1]}; "
                             "choose another format or --size k256")
    return options


if __name__ == "__main__":
    write_model(parse_options())
