# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two builds of the same model are byte-identical, from different folders too."""

import filecmp
import os
import shutil
import sys
import tempfile

from harness import Checks, model_file, run, tiny_model, tool


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        model = model_file(sys.argv[1]) if len(sys.argv) > 1 else tiny_model()
        outputs = []
        for name in ("one", "two/deeper"):
            home = os.path.join(folder, name)
            os.makedirs(home)
            shutil.copy(model, os.path.join(home, model.name))
            # Once by a relative path from the folder itself, once by an absolute one.
            source = model.name if name == "one" else os.path.join(home, model.name)
            run(tool("tokopt-compile"), source, "-o", "out.so", "--no-cache", cwd=home)
            outputs.append(os.path.join(home, "out.so"))
        size = os.path.getsize(outputs[0])
        check(filecmp.cmp(*outputs, shallow=False), f"{model.name}: two bundles of {size} bytes are equal")
    check.done()


if __name__ == "__main__":
    main()
