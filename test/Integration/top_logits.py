# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the best ids after a prompt with recorded ones."""

BAR = 1e-2


def deviations(wanted, found):
    """What is wrong with the pairs (id, logit) `found`, given the recorded `wanted`, both best first.

    Every recorded id has its logit within the bar. Of two whose recorded gap exceeds twice the bar, the order is the
    recorded one. An id that is not recorded was below the last of them, and may pass it by no more than the bar: so the
    sets are equal wherever the recording can tell. `found` is to reach further down than `wanted`.
    """
    logits = dict(map(tuple, found))
    problems = [f"{token} is not among the best {len(found)}" for token, _ in wanted if token not in logits]
    if problems:
        return problems
    for token, logit in wanted:
        difference = abs(logits[token] - logit)
        if not difference <= BAR:
            problems.append(f"logit of {token} differs by {difference:.3g} (at most {BAR})")
    for i, (left, high) in enumerate(wanted):
        for right, low in wanted[i + 1 :]:
            if high - low > 2 * BAR and not logits[left] > logits[right]:
                problems.append(f"{right} is above {left}, recorded {high - low:.3g} below it")
    recorded, (last, lowest) = {token for token, _ in wanted}, wanted[-1]
    for token, logit in found:
        if token not in recorded and not logit <= lowest + BAR:
            problems.append(f"{token}, which is not recorded, is {logit - lowest:.3g} above {last}")
    return problems
