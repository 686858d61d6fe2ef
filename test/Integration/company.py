"""Runs company.cpp on every ISA level of a bundle."""

import subprocess
import sys
import tempfile

from harness import SKIPPED, bundle, id_file, model_file, run_json, text_ids, tool

# Longer than the largest chunk, so that chunks of 512 rows split it.
PROMPT = 530


def main():
    name = sys.argv[1]
    path = bundle(model_file(name))
    levels = [level["name"] for level in run_json(tool("tokopt-inspect"), path, "--json")["levels"]]
    with tempfile.TemporaryDirectory() as folder:
        ids = id_file(text_ids(name)[:1024], folder)
        status = subprocess.run([tool("company"), path, ids, str(PROMPT), *levels]).returncode
    sys.exit(status if status in (0, SKIPPED) else 1)


if __name__ == "__main__":
    main()
