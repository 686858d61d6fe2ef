# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels generated for AVX-512 VNNI and AMX give the same bits as those for AVX2, for every format and both ways to compute.

The code of all is for AVX2: products of bytes are spelled out (tokopt-compile --emulate), so this runs everywhere. What it leaves
to a CPU that has the level is the choice of instructions.
"""

import sys

from harness import Checks, bundle, generate, tiny_model

ALL = ["f32", "f16", "q4_0", "q4_1", "q5_0", "q8_0", "q4_k", "q6_k"]
# Every format once, in two models; a model of one format each takes minutes (the soak).
MIXED = ["q4_0,attn_k=q4_1,attn_v=q5_0,attn_output=q8_0,ffn_down=f16,ffn_up=f32", "q4_k,attn_v=q6_k,ffn_down=q6_k"]
PIPELINES = ["tok-quantize-activations,tok-quantize-cache{format=i8}", ""]
IDS = [(7 * i + 3) % 200 for i in range(70)]


def main():
    check = Checks()
    for formats in ALL if sys.argv[1:] == ["all"] else MIXED:
        size = ["--size", "k256"] if "_k" in formats.replace("attn_k", "") else []
        model = tiny_model("--formats", formats, *size)
        for pipeline in PIPELINES:
            options = ["--emulate", f"--pipeline={pipeline}"]
            runs = [generate(bundle(model, f"--target={level}", *options), IDS, 8, "--top-logits", 50)
                    for level in ("avx2", "avx512vnni", "avx512amx")]
            check(all(run[key] == runs[0][key] for run in runs for key in ("first_logits", "ids")),
                  f"{formats}, passes '{pipeline}': {runs[0]['ids']}")
    check.done()


if __name__ == "__main__":
    main()
