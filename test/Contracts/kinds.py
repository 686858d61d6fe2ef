# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How each kind of contract is checked on a model pass: one that takes a model to a model."""

import re

from subjects import Failed, bundle, distance, logits, opt

BACKENDS = ("reference", "cpu")
SECOND_RUN = "a second run changes nothing"


class Report:
    """What held and what did not, in order."""

    def __init__(self):
        self.lines = []

    def __call__(self, holds, text):
        self.lines.append((bool(holds), text))
        return holds

    @property
    def broken(self):
        return [text for holds, text in self.lines if not holds]


class Contract:
    """A line of tokopt-opt --list-contracts."""

    def __init__(self, line):
        self.name, self.kind, *fields = line.split()
        values = dict(field.split("=", 1) for field in fields if "=" in field)
        self.bound_text = values.get("bound", "nan")
        self.bound = float(self.bound_text)
        self.knob, self.neutral = values.get("knob"), values.get("neutral")
        self.idempotent, self.upstream = "idempotent" in fields, "upstream" in fields


def bits_equal(check, found, wanted, what, backends=BACKENDS, **options):
    """Bit-equal logits of two modules. Where one backend shows a difference, the other is not asked."""
    for backend in backends:
        one, other = logits(found, backend, **options), logits(wanted, backend, **options)
        same = bundle(found, backend) == bundle(wanted, backend)
        equal = one.shape == other.shape and (one.view("u4") == other.view("u4")).all()
        if not check(equal, f"{what}: bit-equal on {backend}{' (the same module)' if same else ''}"):
            return


def reasons(check, remarks, what):
    """What was skipped is remarked with the reason."""
    missed = [reason for kind, _, reason in remarks if kind == "Missed"]
    check(all(len(reason) > 10 for reason in missed), f"{what}: {len(missed)} `missed` remarks, each with its reason")


def twice(check, contract, text, pipeline, *options):
    """A second run changes nothing."""
    once, _ = opt(text, pipeline, *options)
    again, _ = opt(once, pipeline, *options)
    check(once == again, f"{contract.name}: {SECOND_RUN}")


def exact(check, contract, text, *options):
    changed, remarks = opt(text, contract.name, *options)
    reasons(check, remarks, contract.name)
    bits_equal(check, changed, text, f"{contract.name}: with and without")


def tolerance(check, contract, text, *options):
    changed, remarks = opt(text, contract.name, *options)
    reasons(check, remarks, contract.name)
    for backend in BACKENDS:
        far = distance(logits(changed, backend), logits(text, backend))
        if not check(far <= contract.bound, f"{contract.name}: differs by {far:.2g} on {backend} (at most {contract.bound:g})"):
            return


def lossy(check, contract, text, *options):
    """At the neutral value the same code runs and no bit changes; at its default the pass does something."""
    name, at_neutral = contract.name, f"{contract.name}{{{contract.knob}={contract.neutral}}}"
    changed, remarks = opt(text, name, *options)
    neutral, neutral_remarks = opt(text, at_neutral, *options)
    check(changed != text, f"{name}: changes the module unless told otherwise")
    reasons(check, remarks + neutral_remarks, name)
    # An early return would leave no trace. What can be seen of the path is where it has been.
    places = [sorted(place for _, place, _ in list_) for list_ in (remarks, neutral_remarks)]
    check(places[0] and places[0] == places[1],
          f"{name}: at {contract.knob} = {contract.neutral} it looks at the same {len(places[0])} places (found {len(places[1])})")
    bits_equal(check, neutral, text, f"{name}: at {contract.knob} = {contract.neutral}")


def undoes(check, contract, text):
    """A pass that only sets an attribute takes the value of another run back at its neutral value: no early return."""
    changed, _ = opt(text, contract.name)
    back, _ = opt(changed, f"{contract.name}{{{contract.knob}={contract.neutral}}}")
    check(back == text, f"{contract.name}: {contract.knob} = {contract.neutral} takes back what another run did")


def every_linear(check, contract, text):
    """Each linear is changed or remarked as missed."""
    _, remarks = opt(text, contract.name)
    linears = len(re.findall(r"= tok\.linear ", text))
    kinds = [kind for kind, _, _ in remarks]
    passed, missed = kinds.count("Passed"), kinds.count("Missed")
    check(passed + missed == linears, f"{contract.name}: {linears} linears, {passed} changed, {missed} missed")
    check(passed and missed, f"{contract.name}: some linears of the model are changed and some are not")


def every_matrix(check, contract, text):
    """Each weight is changed or remarked as missed; of both there are some."""
    changed, remarks = opt(text, contract.name)
    weights, computed = len(re.findall(r"tok\.weight @", text)), changed.count("tok.quantize %")
    kinds = [kind for kind, _, _ in remarks]
    passed, missed = kinds.count("Passed"), kinds.count("Missed")
    check(passed + missed == weights and passed == computed > 0 and missed,
          f"{contract.name}: {weights} weights, {passed} changed ({computed} are computed), {missed} missed")


BY_KIND = {"exact": exact, "tolerance": tolerance, "lossy": lossy}


def check_model_pass(check, contract, text, *options):
    """Everything that follows from the contract alone."""
    try:
        if contract.kind not in BY_KIND:
            check(False, f"{contract.name}: states no contract")
            return
        BY_KIND[contract.kind](check, contract, text, *options)
        if contract.idempotent:
            twice(check, contract, text, contract.name, *options)
    except Failed as problem:
        check(False, f"{contract.name}: {problem}")
