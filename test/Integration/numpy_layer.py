# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference backend, and the generated kernels in f32, against an independent numpy layer.

For each architecture, every weight format and every ISA level of this CPU.
"""

import os
import random
import sys

import numpy as np

from harness import Checks, bundle, generate, levels, tiny_model
from numpy_model import Model

# Between them every format, a tied and a separate output, two layer kinds, odd and power-of-two sizes, both file versions.
MODELS = {
    "llama": [
        ["--formats", "q4_1,token_embd=q8_0"],
        ["--formats", "f16,attn_k=f32/q5_0,ffn_down=q4_0", "--layers", "3", "--separate-output"],
        ["--size", "k256", "--formats", "q4_k,attn_v=q6_k/q4_k,token_embd=q6_k"],
        ["--formats", "q8_0", "--head-size", "64", "--kv-heads", "3", "--gguf-version", "2", "--alignment", "64"],
    ],
    "qwen2": [
        ["--formats", "q5_0,token_embd=q8_0"],
        ["--size", "k256", "--formats", "q4_k,attn_v=q6_k/q4_k,ffn_down=q6_k/q4_k,output=q6_k", "--separate-output"],
    ],
}
LENGTHS = (1, 2, 19, 70)
VOCABULARY = 1000


def compare(check, name, path, ids, wanted, **run_options):
    for length, row in zip(LENGTHS, wanted):
        result = generate(path, ids[:length], 1, "--top-logits", VOCABULARY, **run_options)
        found = np.full(VOCABULARY, np.nan)
        for token, logit in result["first_logits"]:
            found[token] = logit
        difference = np.abs(found - row).max() / np.sqrt(np.mean(row * row))
        check(difference <= 2e-5, f"{name}, {length} ids: logits differ by {difference:.1e} of their rms")
        check(result["ids"] == [int(row.argmax())], f"{name}, {length} ids: the token is the largest logit's")


def main():
    arch = sys.argv[1]
    check = Checks()
    draw = random.Random(7)
    for options in MODELS[arch]:
        model = tiny_model("--arch", arch, *options)
        ids = [draw.randrange(VOCABULARY) for _ in range(max(LENGTHS))]
        wanted = Model(model).logits(ids, [length - 1 for length in LENGTHS])
        name = f"{arch} {' '.join(options)}"
        compare(check, f"reference, {name}", bundle(model, "--backend=reference"), ids, wanted)
        path = bundle(model, "--pipeline=")
        for level in levels(path):
            compare(check, f"{level}, {name}", path, ids, wanted, env={**os.environ, "TOKOPT_LEVEL": level})
    check.done()


if __name__ == "__main__":
    main()
