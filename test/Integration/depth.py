# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code does not grow with depth: models of 30 and of 60 layers have the same kernels, in IR and in the bundle."""

import pathlib
import re
import tempfile

from harness import Checks, bundle, run, run_json, sections, tiny_model, tool

LAYERS = (30, 60)
PASSES = ["--tok-quantize-activations", "--tok-quantize-cache", "--tok-program-pipeline", "--tok-kernel-pipeline"]


def functions(model, folder):
    """{name: text} of the functions that the kernel pipeline leaves of a model."""
    module = pathlib.Path(folder) / "module.mlir"
    run(tool("tokopt-import"), model, "-o", module)
    text = run(tool("tokopt-opt"), module, *PASSES).stdout
    return dict(re.findall(r"^  func\.func (?:private )?(@\w+)(.*?)^  }$", text, re.M | re.S))


def shape(text):
    """A function without its numbers."""
    return re.sub(r"\d+", "0", text)


def main():
    check = Checks()
    # Two layer kinds that take turns, as in real mixed files.
    models = [tiny_model("--layers", str(layers), "--formats", "q8_0,attn_v=q5_0/q8_0") for layers in LAYERS]

    with tempfile.TemporaryDirectory() as folder:
        shallow, deep = (functions(model, folder) for model in models)
    check(len(shallow) > 10 and shallow.keys() == deep.keys(), f"{len(shallow)} and {len(deep)} functions")
    # A page holds the rows of all layers, so its size is a constant of what reads and writes pages; the entry has the
    # bounds of its loop and the sizes of its tables. Nothing else differs.
    others = sorted(name for name in shallow if shallow[name] != deep.get(name))
    check(len(others) < len(shallow) / 4, f"kernels are equal in IR; those with the depth as a constant: {', '.join(others)}")
    check(all(shape(shallow[name]) == shape(deep[name]) for name in others), "and these in all but constants")

    paths = [bundle(model) for model in models]
    shallow, deep = (run_json(tool("tokopt-inspect"), path, "--json") for path in paths)
    check(deep["model"]["layers"] == LAYERS[1], f"{deep['model']['layers']} layers")
    check(len(shallow["kernels"]) > 0, f"{len(shallow['kernels'])} kernels")
    check(shallow["kernels"] == deep["kernels"], "the same kernels")
    few, many = (sections(path)[".text"][1] for path in paths)
    check(0 < many <= few * 1.01 + 64, f"{few} and {many} bytes of code")
    check.done()


if __name__ == "__main__":
    main()
