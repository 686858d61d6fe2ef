# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code does not grow with depth: models of 3 and of 12 layers have the same kernels and as much code."""

from harness import Checks, bundle, run_json, sections, tiny_model, tool


def main():
    check = Checks()
    # Two layer kinds that take turns, as in real mixed files.
    formats = ["--formats", "q8_0,attn_v=q5_0/q8_0"]
    paths = [bundle(tiny_model("--layers", str(layers), *formats)) for layers in (3, 12)]
    shallow, deep = (run_json(tool("tokopt-inspect"), path, "--json") for path in paths)
    check(deep["model"]["layers"] == 12, f"{deep['model']['layers']} layers")
    check(len(shallow["kernels"]) > 0, f"{len(shallow['kernels'])} kernels")
    check(shallow["kernels"] == deep["kernels"], "the same kernels")
    few, many = (sections(path)[".text"][1] for path in paths)
    check(0 < many <= few * 1.01 + 64, f"{few} bytes of code with 3 layers, {many} with 12")
    check.done()


if __name__ == "__main__":
    main()
