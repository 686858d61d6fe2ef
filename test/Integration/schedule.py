# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A schedule edited by hand in the IR changes the order of steps, and no result."""

import re
import tempfile

from harness import Checks, id_file, run, tiny_model, tool

ROWS = 100
# An edit of the schedule, and what each step of the prompt must then do: rows, layers.
EDITS = {
    "chunked budget = 512": [(ROWS, (0, 6))],
    "chunked budget = 40": [(40, (0, 6)), (40, (0, 6)), (20, (0, 6))],
    "layered budget = 512 groups = [0, 1, 4, 6]": [(ROWS, (0, 1)), (ROWS, (1, 4)), (ROWS, (4, 6))],
    "layered budget = 60 groups = [0, 3, 6]": [(60, (0, 3)), (60, (3, 6)), (40, (0, 3)), (40, (3, 6))],
}


def parse_steps(text):
    """Rows and layer range of each step that --trace-steps printed."""
    return [(int(rows), (int(begin), int(end)))
            for rows, begin, end in re.findall(r"^step \d+: rows (\d+), .*?layers \[(\d+), (\d+)\)", text, re.M)]


def main():
    check = Checks()
    model = tiny_model("--layers", "6")
    with tempfile.TemporaryDirectory() as folder:
        ir = run(tool("tokopt-import"), model, "-o", "-").stdout
        ids = id_file([5 + 7 * i % 900 for i in range(ROWS)], folder)
        outputs = set()
        for schedule, wanted in EDITS.items():
            edited, count = re.subn(r"(tok\.schedule @\w+) .*", rf"\1 {schedule}", ir)
            check(count == 1, f"{schedule}: one schedule edited")
            source = f"{folder}/model.mlir"
            with open(source, "w") as file:
                file.write(edited)
            run(tool("tokopt-compile"), source, "-o", f"{folder}/model.so")
            result = run(tool("tokopt-run"), f"{folder}/model.so", "--ids-file", ids, "--max-tokens", 4, "--greedy",
                         "--ignore-eos", "--trace-steps", "--json", stderr=-1)
            steps = parse_steps(result.stderr)
            check(steps[: len(wanted)] == wanted, f"{schedule}: steps {steps[: len(wanted)]}")
            check(len(steps) == len(wanted) + 3, f"{schedule}: {len(steps)} steps")
            outputs.add(re.search(r'"ids":\[([^]]*)\]', result.stdout).group(1))
        check(len(outputs) == 1, f"the tokens are the same: {outputs}")
    check.done()


if __name__ == "__main__":
    main()
