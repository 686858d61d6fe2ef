# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tok.quantize and tok.scale_columns in numpy, from the table of their description. Values are f32, one rounding a step."""

import numpy as np

LEAST = np.float32(2.0**-125)


def settle(x):
    """A magnitude below 2^-125 is a zero of its sign."""
    return np.where(np.abs(x) < LEAST, np.copysign(np.float32(0), x), x)


def invert(d):
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(np.abs(d) < LEAST, np.float32(0), np.float32(1) / d)


def half_bytes(x):
    return x.astype("<f2").view(np.uint8)


def truncate(x):
    assert x.dtype == np.float32
    return x.astype(np.int32)


def away(x):
    """The nearest integer, half away from zero. f64 adds a half without rounding."""
    wide = x.astype(np.float64)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide).astype(np.int32)


def nibble_bytes(q):
    return (q[:, :16] & 15 | (q[:, 16:] & 15) << 4).astype(np.uint8)


def extreme(x):
    return np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)


def f32(x):
    return x.astype("<f4").view(np.uint8)


def f16(x):
    return half_bytes(x)


def q8_0(x):
    d = np.abs(extreme(x)) / np.float32(127)
    return np.concatenate([half_bytes(d), away(x * invert(d)).astype(np.int8).view(np.uint8)], -1)


def around_zero(x, zero):
    d = extreme(x) / np.float32(-zero)
    q = np.minimum(2 * zero - 1, truncate(x * invert(d) + np.float32(zero + 0.5)))
    return half_bytes(d), q


def q4_0(x):
    d, q = around_zero(x, 8)
    return np.concatenate([d, nibble_bytes(q)], -1)


def q5_0(x):
    d, q = around_zero(x, 16)
    fifth = np.packbits((q >> 4).astype(np.uint8), axis=-1, bitorder="little")
    return np.concatenate([d, fifth, nibble_bytes(q)], -1)


def q4_1(x):
    m = x.min(-1, keepdims=True)
    d = (x.max(-1, keepdims=True) - m) / np.float32(15)
    q = np.minimum(15, truncate(settle(x - m) * invert(d) + np.float32(0.5)))
    return np.concatenate([half_bytes(d), half_bytes(m), nibble_bytes(q)], -1)


FORMATS = {"f32": (1, f32), "f16": (1, f16), "q8_0": (32, q8_0), "q4_0": (32, q4_0), "q5_0": (32, q5_0), "q4_1": (32, q4_1)}


def quantize(x, name):
    """The bytes of f32 values as a file holds them."""
    block, pack = FORMATS[name]
    x = x.astype(np.float32).reshape(-1, block)
    return pack(x if block == 1 else settle(x)).tobytes()


def scale_columns(x, scale):
    return settle(settle(x) * settle(scale)[None, :])
