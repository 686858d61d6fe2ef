# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libtokrt computes nothing about a model: every multiplication of floats is in generated code.

Looks at the machine code of the library, so a kernel that hides behind an innocent name is found too.
"""

import re

from harness import BUILD, Checks, run

FLOAT_PRODUCT = re.compile(r"^v?(mul[sp][sd]|f(n)?m(add|sub)\w*|pmadd\w+|dpp[sd]|vpdp\w+)$")
KERNEL_NAME = re.compile(r"gemm|gemv|matmul|matvec|rms_?norm|layer_?norm|rope\b|rotary|attention|softmax|dequant|silu|sigmoid", re.I)


def main():
    check = Checks()
    library = BUILD / "lib/libtokrt.a"
    listing = run("objdump", "-d", "--no-show-raw-insn", library).stdout
    instructions = [line.split("\t")[1].split()[0] for line in listing.splitlines() if "\t" in line]
    products = sorted({name for name in instructions if FLOAT_PRODUCT.match(name)})
    check(len(instructions) > 10000, f"{len(instructions)} instructions read")
    check(not products, f"instructions that multiply floats: {', '.join(products) or 'none'}")
    symbols = run("nm", "-C", "--defined-only", library, stderr=-3).stdout
    named = sorted(set(KERNEL_NAME.findall(symbols)))
    check("tokrt_engine_step" in symbols and not named, f"symbols that sound like kernels: {', '.join(named) or 'none'}")
    check.done()


if __name__ == "__main__":
    main()
