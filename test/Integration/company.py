# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs company.cpp on every ISA level of a bundle.

company.py smollm2 | qwen2 PROMPT: the model as it is compiled by default (an f16 cache)
company.py tiny PROMPT: small random models, with an int8 cache and with f32 all through

A prompt of 530 is longer than the largest chunk, of 512, and than a segment of attention.
"""

import random
import subprocess
import sys
import tempfile

from harness import FILES, SKIPPED, Checks, bundle, id_file, model_file, run_json, text_ids, tiny_model, tool

PIPELINES = ["tok-quantize-activations,tok-quantize-cache{format=i8}", ""]
FORMATS = "q4_0,attn_k=q4_1,attn_v=q5_0,attn_output=q8_0,ffn_down=f16,ffn_up=f32"


def cases(name):
    """Bundles and ids to run on them."""
    if name in FILES:
        return [(bundle(model_file(name)), text_ids(name)[:1024])]
    draw = random.Random(5)
    model = tiny_model("--layers", "8", "--context", "768", "--formats", FORMATS)
    return [(bundle(model, f"--pipeline={passes}"), [draw.randrange(900) for _ in range(1024)]) for passes in PIPELINES]


def main():
    check = Checks()
    skipped = []
    for path, ids in cases(sys.argv[1]):
        levels = [level["name"] for level in run_json(tool("tokopt-inspect"), path, "--json")["levels"]]
        with tempfile.TemporaryDirectory() as folder:
            status = subprocess.run([tool("company"), path, id_file(ids, folder), sys.argv[2], *levels]).returncode
        skipped.append(status == SKIPPED)
        check(status in (0, SKIPPED), f"{path.name}: exit status {status}")
    sys.exit(SKIPPED if all(skipped) else check.done())


if __name__ == "__main__":
    main()
