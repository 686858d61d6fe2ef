# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tiny models are reproducible, and their formats hold the weights as well as they can."""

import pathlib
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/Integration"))
from harness import Checks, run  # noqa: E402
from numpy_model import Gguf  # noqa: E402  the reader shares no code with the script

# Root mean square of the error over that of the weights, for normal ones: a little more than a
# right quantizer reaches, much less than one that swaps nibbles, scales or signs.
LARGEST_ERROR = {"f16": 3e-4, "q8_0": 6e-3, "q6_k": 0.02, "q5_0": 0.045, "q4_1": 0.08, "q4_k": 0.08, "q4_0": 0.09}


def make(path, *options):
    run(sys.executable, ROOT / "scripts/make-model.py", path, *options)
    return path


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        first = make(folder / "a.gguf").read_bytes()
        check(first == make(folder / "b.gguf").read_bytes(), "the same arguments give the same bytes")
        check(first != make(folder / "c.gguf", "--seed", "2").read_bytes(), "another seed gives others")

        exact = Gguf(make(folder / "f32.gguf", "--size", "k256", "--formats", "f32"))
        for name, bound in LARGEST_ERROR.items():
            model = Gguf(make(folder / f"{name}.gguf", "--size", "k256", "--formats", name))
            for tensor in ("token_embd.weight", "blk.1.ffn_down.weight"):
                wanted = exact.tensor(tensor)
                error = np.sqrt(np.mean((model.tensor(tensor) - wanted) ** 2) / np.mean(wanted**2))
                check(0 < error <= bound, f"{name}: error of {tensor} {error:.2g}, at most {bound}")
    check.done()


if __name__ == "__main__":
    main()
