# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ids of `tokopt-run --tokenize-file` equal the recorded ones on every text."""

import json
import pathlib
import sys
import tempfile

from harness import REFERENCE, Checks, bundle, model_file, run_json, tool


def main():
    name = sys.argv[1]
    check = Checks()
    path = bundle(model_file(name))
    cases = json.loads((REFERENCE / "tokenize.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "text"
        for number, case in enumerate(cases):
            file.write_bytes(case["text"].encode("utf-8", "surrogateescape"))
            found = run_json(tool("tokopt-run"), path, "--tokenize-file", file, "--json")["ids"]
            wanted = case[name]
            check(found == wanted, f"case {number}: {case['text'][:40]!r}" + ("" if found == wanted else f": {found}, expected {wanted}"))
    check.done()


if __name__ == "__main__":
    main()
