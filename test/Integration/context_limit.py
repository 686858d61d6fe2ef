# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A context is usable to its last position; one more is an error that says so."""

import subprocess
import sys
import tempfile

from harness import Checks, bundle, generate, id_file, model_file, run_json, tiny_model, tool


def main():
    check = Checks()
    path = bundle(model_file(sys.argv[1]) if len(sys.argv) > 1 else tiny_model("--context", "96"))
    context = run_json(tool("tokopt-inspect"), path, "--json")["model"]["context"]
    ids = [3 + i % 900 for i in range(context + 1)]
    # The token drawn from the last position is not itself in the cache.
    for length, count in ((context, 1), (context - 4, 5)):
        result = generate(path, ids[:length], 20)
        check(len(result["ids"]) == count, f"{length} ids in, {len(result['ids'])} out, expected {count}")
    # What was read in one piece equals what was read token by token up to the limit.
    split = generate(path, ids[: context - 4], 5)["ids"]
    joined = generate(path, ids[: context - 4] + split[:4], 1)["ids"]
    check(joined == split[4:], f"the last token is {joined} read at once, {split[4:]} one by one")
    with tempfile.TemporaryDirectory() as folder:
        command = [tool("tokopt-run"), path, "--ids-file", id_file(ids, folder), "--max-tokens", "1"]
        result = subprocess.run(command, capture_output=True, text=True)
    message = result.stderr.strip()
    check(result.returncode == 1, f"{len(ids)} ids: exit status {result.returncode}, expected 1")
    check(str(context) in message and str(context + 1) in message and "\n" not in message, f"the message names both: {message!r}")
    check.done()


if __name__ == "__main__":
    main()
