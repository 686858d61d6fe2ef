# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""top_logits.deviations finds each kind of deviation, at every place of the list."""

import unittest

from top_logits import BAR, deviations

WANTED = [[10 + i, 20.0 - i] for i in range(10)]
TAIL = [[90, 10.5], [91, 10.0]]


class Deviations(unittest.TestCase):
    def assertFound(self, found, part):
        problems = deviations(WANTED, found)
        self.assertTrue(any(part in problem for problem in problems), problems)

    def test_equal(self):
        self.assertEqual(deviations(WANTED, WANTED + TAIL), [])

    def test_each_logit_counts(self):
        for i in range(len(WANTED)):
            for difference in (1.5 * BAR, -1.5 * BAR, float("nan")):
                found = [list(pair) for pair in WANTED + TAIL]
                found[i][1] += difference
                self.assertFound(found, f"logit of {WANTED[i][0]} differs")
            found[i][1] = WANTED[i][1] + 0.5 * BAR
            self.assertEqual(deviations(WANTED, found), [])

    def test_each_id_counts(self):
        for i in range(len(WANTED)):
            self.assertFound(WANTED[:i] + WANTED[i + 1 :] + TAIL, f"{WANTED[i][0]} is not among")

    def test_a_stranger_stays_below_the_last(self):
        self.assertFound([[90, 11.0 + 1.5 * BAR]] + WANTED, "90, which is not recorded")
        self.assertEqual(deviations(WANTED, WANTED + [[90, 11.0 + 0.5 * BAR]]), [])

    def test_order_counts_beyond_the_gap(self):
        swapped = WANTED[1::-1] + WANTED[2:]
        swapped = [[token, 20.0 - i] for i, (token, _) in enumerate(swapped)]
        self.assertFound(swapped, "11 is above 10")
        close = [[1, 5.0], [2, 4.99], [3, 4.975]]
        self.assertEqual(deviations(close, [[2, 4.995], [1, 4.994], [3, 4.98]]), [])


if __name__ == "__main__":
    unittest.main()
