"""A context is usable to its last position; one more is an error that says so."""

import subprocess
import tempfile

from harness import Checks, bundle, generate, id_file, tiny_model, tool

CONTEXT = 96


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        path = bundle(tiny_model("--context", str(CONTEXT)))
        ids = [3 + i % 900 for i in range(CONTEXT + 1)]
        # The token drawn from the last position is not itself in the cache.
        for length, count in ((CONTEXT, 1), (CONTEXT - 4, 5)):
            result = generate(path, ids[:length], 20)
            check(len(result["ids"]) == count, f"{length} ids in, {len(result['ids'])} out, expected {count}")
        # What was read in one piece equals what was read token by token up to the limit.
        split = generate(path, ids[: CONTEXT - 4], 5)["ids"]
        joined = generate(path, ids[: CONTEXT - 4] + split[:4], 1)["ids"]
        check(joined == split[4:], f"the last token is {joined} read at once, {split[4:]} one by one")
        command = [tool("tokopt-run"), path, "--ids-file", id_file(ids, folder), "--max-tokens", "1"]
        result = subprocess.run(command, capture_output=True, text=True)
        message = result.stderr.strip()
        check(result.returncode == 1, f"{len(ids)} ids: exit status {result.returncode}, expected 1")
        check(str(CONTEXT) in message and str(CONTEXT + 1) in message and "\n" not in message, f"the message names both: {message!r}")
    check.done()


if __name__ == "__main__":
    main()
