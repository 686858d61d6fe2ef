# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tokopt-run --verify finds the oracle's logits again on every level of a sound bundle, and not with a wrong kernel.

goldens.py [MODEL]: without a model, tiny ones.
"""

import filecmp
import pathlib
import subprocess
import sys
import tempfile

from harness import ONE_THREAD, Checks, bundle, id_file, levels, model_file, run, run_json, sections, text_ids, tiny_model, tool
from mutation import CHOSEN

# More than a page, and than a block of attention.
POSITIONS = 72
# Which levels a bundle has is the matter of those that round.
EXACT = ("--pipeline=", "--target=avx2")
# SmolLM2 needs a third of it.
ROUNDING = 0.1


class Goldens:
    """A model, and its goldens in a file."""

    def __init__(self, check, folder, model, ids):
        self.check, self.folder, self.model = check, pathlib.Path(folder), model
        self.file = self.folder / f"{pathlib.Path(model).stem}.goldens"
        self.file.write_text(run(tool("tokopt-run"), bundle(model, "--backend=reference"), "--ids-file", id_file(ids, folder),
                                 "--print-goldens", *ONE_THREAD).stdout)

    def compile(self, name, *options, goldens=True):
        path = self.folder / name
        run(tool("tokopt-compile"), self.model, "-o", path, *([f"--goldens={self.file}"] if goldens else []), *options)
        return path

    def gives(self, path, tolerance):
        """A sound bundle gives them on each level that runs here."""
        result = run_json(tool("tokopt-run"), path, "--verify", "--json", *ONE_THREAD)
        found = {level["name"]: level["difference"] for level in result["levels"]}
        self.check(list(found) == levels(path), f"{path.name}: replayed on {', '.join(found)}")
        manifest = run_json(tool("tokopt-inspect"), path, "--json")
        self.check(abs(manifest["goldens"]["tolerance"] - tolerance) < 1e-12, f"{path.name}: tolerance {manifest['goldens']['tolerance']}")
        self.check(all(difference <= tolerance / 2 for difference in found.values()),
                   f"{path.name}: differs by {max(found.values()):.3g}, half of {tolerance:g} at most")

    def refuses(self, path, *parts, options=()):
        result = subprocess.run([tool("tokopt-run"), path, "--verify", *ONE_THREAD, *options], capture_output=True, text=True)
        lines = result.stderr.splitlines()
        self.check(result.returncode == 1 and len(lines) == 1 and all(part in lines[0] for part in (path.name, *parts)),
                   f"{path.name}: status {result.returncode}, {result.stderr.strip()!r}")

    def refuses_mutants(self, mutations, *options):
        """Of wrong kernels, by the name of the level."""
        for old, new, what in mutations:
            path = self.compile("mutant.so", "--target=avx2", f"--mutate={old},{new}", *options)
            print(f"      {what}: {old:g} -> {new:g} {' '.join(options)}", flush=True)
            self.refuses(path, ": level avx2: goldens.sequences[0]", "expected")

    def refuses_a_flipped_weight(self, path):
        data = bytearray(path.read_bytes())
        offset, size = sections(path)[".tok.weights"]
        data[offset + size // 2] ^= 1
        flipped = self.folder / "flipped.so"
        flipped.write_bytes(data)
        self.refuses(flipped, "weights.hash")

    def is_reproducible(self, path, *options):
        again = self.compile("again.so", *options)
        self.check(filecmp.cmp(path, again, shallow=False), f"{path.name}: two builds are equal")


def tiny(check, folder):
    ids = [(7 * i + 3) % 200 for i in range(POSITIONS)]
    for options in (["--formats", "q8_0,attn_v=q5_0"], ["--arch", "qwen2", "--formats", "q4_1,token_embd=f16"]):
        goldens = Goldens(check, folder, tiny_model(*options), ids)
        goldens.gives(goldens.compile("rounded.so"), ROUNDING)
        exact = goldens.compile("exact.so", *EXACT)
        goldens.gives(exact, 3e-5)  # the contract of tok-lower-to-program
    goldens.is_reproducible(exact, *EXACT)
    goldens.gives(goldens.compile("wide.so", "--golden-tolerance=0.5", "--target=avx2"), 0.5)
    goldens.refuses_mutants([(1.4426950408889634, 1.3, "log2 e of the exponential"), (1.4426950408889634, 1.4425, "the same, a little")], "--pipeline=")
    goldens.refuses_mutants([(127.0, 20.0, "steps of a rounded row")])
    goldens.refuses_a_flipped_weight(exact)
    other = tiny_model("--seed", "7")
    for model, file, part in ((other, goldens.file, "goldens: key source.hash: found"), (goldens.model, goldens.folder / "none", "none: cannot read")):
        result = subprocess.run([tool("tokopt-compile"), model, "-o", folder / "no.so", f"--goldens={file}"], capture_output=True, text=True)
        check(result.returncode == 1 and part in result.stderr and not (folder / "no.so").exists(), f"{result.stderr.strip()!r}")


def real(check, folder, name):
    goldens = Goldens(check, folder, model_file(name), text_ids(name)[:POSITIONS])
    path = goldens.compile("rounded.so")
    goldens.gives(path, ROUNDING)
    # One is a bias that is off by less than the rounding's noise: only a bundle that does not round shows it.
    small = [mutation for mutation in CHOSEN if mutation[0] == 128]
    goldens.refuses_mutants([mutation for mutation in CHOSEN if mutation not in small])
    goldens.refuses_mutants(small, "--pipeline=")
    goldens.refuses_a_flipped_weight(path)


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if len(sys.argv) > 1:
            real(check, folder, sys.argv[1])
        else:
            tiny(check, folder)
    check.done()


if __name__ == "__main__":
    main()
