# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two builds of the same model are byte-identical, from different folders too, on both backends.

same_bytes.py [MODEL]: without a model, tiny ones.
"""

import filecmp
import os
import shutil
import sys
import tempfile

from harness import Checks, model_file, run, tiny_model, tool


def two_builds(check, model, *options):
    with tempfile.TemporaryDirectory() as folder:
        outputs = []
        for name in ("one", "two/deeper"):
            home = os.path.join(folder, name)
            os.makedirs(home)
            shutil.copy(model, os.path.join(home, model.name))
            # Once by a relative path from the folder itself, once by an absolute one.
            source = model.name if name == "one" else os.path.join(home, model.name)
            run(tool("tokopt-compile"), source, "-o", "out.so", *options, cwd=home)
            outputs.append(os.path.join(home, "out.so"))
        size = os.path.getsize(outputs[0])
        check(filecmp.cmp(*outputs, shallow=False), f"{model.name} {' '.join(options)}: two bundles of {size} bytes are equal")


def main():
    check = Checks()
    two_builds(check, model_file(sys.argv[1]) if len(sys.argv) > 1 else tiny_model(), "--no-cache")
    if len(sys.argv) == 1:
        # Two kinds of layers, so several functions that do not call each other. What is equal by chance is not so four times.
        mixed = tiny_model("--layers", "3", "--formats", "q8_0,attn_v=q5_0/q8_0")
        for _ in range(4):
            two_builds(check, mixed, "--no-cache", "--backend=reference", "--target=avx2")
    check.done()


if __name__ == "__main__":
    main()
