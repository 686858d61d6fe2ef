# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference backend against the recorded f32 run: NLL, top-10 logits after each prompt, greedy ids.

reference_backend.py MODEL POSITIONS
"""

import sys

from harness import Checks, bundle, eval_nll, generate, model_file, reference, text_ids
from top_logits import deviations


def main():
    name, positions = sys.argv[1], int(sys.argv[2])
    check = Checks()
    path = bundle(model_file(name), "--backend=reference")
    recorded, prompts = reference(name)

    wanted = dict(recorded["gpl3_first_4096_tokens"]["mean_nll_at"])[positions]
    ids = text_ids(name)[: positions + 1]
    result = eval_nll(path, ids)
    check(result["tokens"] == len(ids) - 1, f"{result['tokens']} positions scored, expected {len(ids) - 1}")
    difference = abs(result["nll"] - wanted)
    check(difference <= 5e-4, f"NLL {result['nll']:.6f}, recorded {wanted:.6f}: differs by {difference:.2g} (at most 5e-4)")

    for entry in recorded["greedy"]:
        prompt = entry["prompt"]
        # Behind a close call two right engines may go different ways.
        margins = entry["top1_minus_top2"]
        sure = next((i for i, margin in enumerate(margins) if margin < 0.05), len(margins))
        found = generate(path, prompts[prompt], max(sure, 1), "--top-logits", 20)
        wanted = entry["last_prompt_top10"]
        problems = deviations(wanted, found["first_logits"])
        check(len(wanted) == 10 and not problems, f"{prompt}: the best {len(wanted)} ids; {'; '.join(problems) or 'as recorded'}")
        check(found["ids"][:sure] == entry["ids"][:sure], f"{prompt}: {sure} greedy ids")
    check.done()


if __name__ == "__main__":
    main()
