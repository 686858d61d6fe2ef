# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds of the same model are byte-identical, from different folders too, on both backends.

same_bytes.py [MODEL]: without a model, tiny ones.
"""

import filecmp
import os
import shutil
import sys
import tempfile

from harness import Checks, model_file, run, tiny_model, tool


def builds(check, model, count, *options):
    with tempfile.TemporaryDirectory() as folder:
        outputs = []
        for number in range(count):
            home = os.path.join(folder, *["deeper"] * number)
            os.makedirs(home, exist_ok=True)
            shutil.copy(model, os.path.join(home, model.name))
            # By a relative path from the folder itself, and by an absolute one.
            source = os.path.join(home, model.name) if number % 2 else model.name
            run(tool("tokopt-compile"), source, "-o", "out.so", *options, cwd=home)
            outputs.append(os.path.join(home, "out.so"))
        size = os.path.getsize(outputs[0])
        check(all(filecmp.cmp(outputs[0], other, shallow=False) for other in outputs[1:]),
              f"{model.name} {' '.join(options)}: {count} bundles of {size} bytes are equal")


def main():
    check = Checks()
    builds(check, model_file(sys.argv[1]) if len(sys.argv) > 1 else tiny_model(), 2, "--no-cache")
    if len(sys.argv) == 1:
        # Two kinds of layers, so several functions that do not call each other. What is equal by chance is not so four times.
        mixed = tiny_model("--layers", "3", "--formats", "q8_0,attn_v=q5_0/q8_0")
        builds(check, mixed, 5, "--no-cache", "--backend=reference", "--target=avx2")
    check.done()


if __name__ == "__main__":
    main()
