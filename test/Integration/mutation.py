"""A wrong constant in a kernel is noticed: the NLL leaves the bar that compiled_quality.py sets.

tokopt-compile --mutate replaces one constant of the generated kernels, as a wrong template would have it.
"""

import sys

from harness import Checks, bundle, eval_nll, model_file, text_ids

BAR = 0.006
TOKENS = 256
# The constant, what it becomes, what it is.
MUTATIONS = [
    (1.4426950408889634, 1.3, "log2 e of the exponential (attention, gate)"),
    (127.0, 20.0, "steps of a rounded row"),
    (576.0, 400.0, "width of the mean of squares"),
    (0.125, 0.2, "scale of the scores"),
    (128.0, 127.0, "bias of q8_0 (embedding)"),
]


def main():
    check = Checks()
    model = model_file(sys.argv[1])
    ids = text_ids(sys.argv[1])[:TOKENS]
    sound = eval_nll(bundle(model), ids)["nll"]
    for old, new, what in MUTATIONS:
        nll = eval_nll(bundle(model, "--target=avx2", f"--mutate={old},{new}"), ids)["nll"]
        check(not abs(nll - sound) <= BAR, f"{what}: NLL {nll:.4f} for {sound:.4f}")
    check.done()


if __name__ == "__main__":
    main()
