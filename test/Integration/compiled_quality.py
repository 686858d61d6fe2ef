# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiled path, with its lossy default passes, loses no more than llama.cpp's own default run does.

compiled_quality.py MODEL POSITIONS [best]: on every level that runs here, or on the best
"""

import os
import sys

from harness import Checks, bundle, eval_nll, levels, model_file, reference, text_ids

# llama.cpp's default run against f32 weights on the same ids: mean KL, |NLL difference|.
LLAMA = {
    ("smollm2", 1024): (0.00347, 0.0034),
    ("smollm2", 4096): (0.00307, 0.0030),
    ("qwen2", 1024): (0.01105, 0.0109),
}


def main():
    name, positions = sys.argv[1], int(sys.argv[2])
    check = Checks()
    model = model_file(name)
    oracle, path = bundle(model, "--backend=reference"), bundle(model)
    recorded, _ = reference(name)
    wanted = dict(recorded["gpl3_first_4096_tokens"]["mean_nll_at"])[positions]
    llama_kl, llama_nll = LLAMA[name, positions]
    for level in levels(path)[: 1 if sys.argv[3:] == ["best"] else None]:
        result = eval_nll(path, text_ids(name)[: positions + 1], "--reference", oracle,
                          env={**os.environ, "TOKOPT_LEVEL": level})
        bar = 1.25 * llama_kl
        check(0 < result["kl_mean"] <= bar, f"{level}: mean KL {result['kl_mean']:.5f} (at most {bar:.5f}), "
              f"p99 {result['kl_p99']:.4f}, top-1 {result['top1']:.4f}")
        difference, bar = abs(result["nll"] - wanted), max(0.006, llama_nll)
        check(difference <= bar, f"{level}: NLL {result['nll']:.5f}, recorded {wanted:.5f}: differs by {difference:.5f} (at most {bar})")
    check.done()


if __name__ == "__main__":
    main()
