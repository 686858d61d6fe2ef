# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A wrong constant in a kernel is noticed: the numbers leave the bars that compiled_quality.py sets.

mutation.py MODEL [SAMPLES [SEED]]

tokopt-compile --mutate replaces a constant of the generated kernels, as a wrong template would have it: first the chosen
ones, of which each must be noticed, then a sample of all f32 constants of all kernels, one at a time and by a tenth.
Of the sampled ones that the evaluation runs through, a share must be noticed; the others are listed.
"""

import math
import pathlib
import random
import subprocess
import sys
import tempfile

from harness import Checks, bundle, eval_nll, model_file, run, run_json, text_ids, tool

# |NLL difference| and mean KL.
BARS = (0.006, 0.0043)
TOKENS = 256
# The constant, what it becomes, what it is.
CHOSEN = [
    (1.4426950408889634, 1.3, "log2 e of the exponential (attention, gate)"),
    (127.0, 20.0, "steps of a rounded row"),
    (576.0, 400.0, "width of the mean of squares"),
    (0.125, 0.2, "scale of the scores"),
    (128.0, 127.0, "bias of q8_0 (embedding)"),
]
SAMPLES, SEED = 16, 8
FACTOR = 1.1
# 15 of 18 are, of a sample of 64 (docs/soak.md).
SHARE = 0.5


class Mutants:
    """Compiles altered bundles and compares each with the sound one."""

    def __init__(self, check, name, folder):
        self.check, self.model, self.ids = check, model_file(name), text_ids(name)[:TOKENS]
        self.sound = bundle(self.model, "--target=avx2")
        self.nll = eval_nll(self.sound, self.ids)["nll"]
        self.path = pathlib.Path(folder) / "mutant.so"

    def measure(self, option):
        """What was altered, the change of NLL, and the mean KL to the sound bundle."""
        run(tool("tokopt-compile"), self.model, "-o", self.path, "--target=avx2", option)
        (altered,) = run_json(tool("tokopt-inspect"), self.path, "--json")["altered"]
        try:
            result = eval_nll(self.path, self.ids, "--reference", self.sound)
        except subprocess.CalledProcessError as refusal:
            if refusal.returncode != 1:
                raise
            return altered, math.nan, math.nan  # refused: some logits are not finite
        return altered, result["nll"] - self.nll, result["kl_mean"]

    @staticmethod
    def is_noticed(change, divergence):
        # Written so that NaN is.
        return not (abs(change) <= BARS[0] and divergence <= BARS[1])

    def check_chosen(self):
        for old, new, what in CHOSEN:
            altered, change, divergence = self.measure(f"--mutate={old},{new}")
            self.check(self.is_noticed(change, divergence), f"{what}: {altered}: NLL {change:+.4f}, KL {divergence:.4f}")

    def sample(self, count, seed):
        draw = random.Random(seed)
        noticed, survivors, dead = 0, [], 0
        for _ in range(count):
            place = draw.random()
            altered, change, divergence = self.measure(f"--mutate-at={place},{FACTOR}")
            if self.is_noticed(change, divergence):
                noticed += 1
                verdict = "noticed"
            elif change or divergence or any(self.measure(f"--mutate-at={place},nan")[1:]):
                survivors.append(altered)
                verdict = "survives"
            else:
                # Not even a NaN there changes a bit: kernels of other row counts, sampling, limits never reached.
                dead += 1
                verdict = "not run"
            print(f"      {verdict}: {altered}: NLL {change:+.4f}, KL {divergence:.5f}", flush=True)
        live = count - dead
        for altered in survivors:
            print(f"      survivor: {altered}")
        self.check(live > 0 and noticed >= SHARE * live,
                   f"seed {seed}: {noticed} of {live} live constants noticed (at least {SHARE:.0%}), {dead} of {count} not run")


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        mutants = Mutants(check, sys.argv[1], folder)
        mutants.check_chosen()
        count, seed = (*map(int, sys.argv[2:4]), *(SAMPLES, SEED)[len(sys.argv) - 2 :])
        mutants.sample(count, seed)
    check.done()


if __name__ == "__main__":
    main()
