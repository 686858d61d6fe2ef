# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds every pass that tokopt-opt lists to its contract.

contracts.py tiny | smollm2
contracts.py false PLUGIN      # the plugin's passes promise what they do not keep; each must be found out
"""

import concurrent.futures
import os
import re
import sys

import stages
from kinds import Contract, Report, check_model_pass, every_linear, every_matrix, twice, undoes
from subjects import MODELS, ROOT, Checks, Failed, distance, logits, opt, run, subject, tool


def listed(*options):
    lines = run(tool("tokopt-opt"), *options, "--list-contracts").stdout.splitlines()
    return {contract.name: contract for contract in map(Contract, lines)}


def registered(*options):
    """The passes with a name of ours, as MLIR's registry has them."""
    return set(re.findall(r"^  --(tok-[\w-]+)", run(tool("tokopt-opt"), *options, "--list-passes").stdout, re.M))


# --- Cases -----------------------------------------------------------------------------------


def model_pass(check, contract, texts):
    """A pass from model to model: its contract says all. The numbers on one model, the remarks on all."""
    check_model_pass(check, contract, texts["llama"])
    undoes(check, contract, texts["llama"])


def quantize_activations(check, contract, texts):
    model_pass(check, contract, texts)
    every_linear(check, contract, texts["qwen2"])


def requantize_weights(check, contract, texts):
    """What it rounded it cannot take back, so there is no way back to compare with."""
    check_model_pass(check, contract, texts["llama"])
    every_matrix(check, contract, texts["qwen2"])


def lower_to_program(check, contract, texts):
    """The whole way of the CPU against that of the reference."""
    for name, text in texts.items():
        far = distance(logits(text, "cpu"), logits(text, "reference"))
        check(0 < far <= contract.bound, f"{contract.name}: {name} differs by {far:.2g} from the reference (at most {contract.bound:g})")


def stage(pipeline, show):
    """A stage of a lowering: `show` knows another way through it."""

    def case(check, contract, texts):
        show(check, texts["llama"])
        if contract.idempotent:
            at = stages.position(pipeline, contract.name)
            twice(check, contract, stages.lower(texts["llama"], pipeline[:at]), pipeline[at])

    return case


def instrument_program(check, contract, texts):
    program = stages.instrument_program(check, texts["llama"])
    twice(check, contract, program, contract.name)


def instrument_model(check, contract, texts):
    stages.instrument_model(check, texts["llama"])
    twice(check, contract, texts["llama"], contract.name)


def idempotent(pipeline):
    """For stages whose numbers another case shows."""
    return stage(pipeline, lambda check, text: None)


def elsewhere(test, what):
    """For what has no second way: another test executes it."""

    def case(check, contract, texts):
        wanted = what.format(contract=contract)
        check(wanted in (ROOT / test).read_text(), f"{contract.name}: {test} has '{wanted}'")

    return case


def both(first, second):
    def case(check, contract, texts):
        first(check, contract, texts)
        second(check, contract, texts)

    return case


CASES = {
    # Model passes.
    "tok-quantize-activations": quantize_activations,
    "tok-quantize-cache": model_pass,
    "tok-requantize-weights": requantize_weights,
    # To the CPU.
    "tok-lower-to-program": lower_to_program,
    "tok-specialize-few-rows": stage(stages.CPU, stages.specialize_few_rows),
    "tok-plan-buffers": stage(stages.CPU, stages.plan_buffers),
    "tok-insert-barriers": stage(stages.CPU, stages.insert_barriers),
    "tok-instrument-program": instrument_program,
    "tok-plan-image": stage(stages.CPU, stages.plan_image),
    "tok-choose-kernels": stage(stages.CPU, stages.choose_kernels),
    "tok-expand-kernels": stage(stages.CPU, stages.expand_kernels),
    # To the reference. What an op computes is what tok-decompose makes of it: numpy-layer compares that with formulas.
    "tok-decompose": idempotent(stages.REFERENCE),
    "convert-elementwise-to-linalg": idempotent(stages.REFERENCE),
    "tok-bufferize-model": stage(stages.REFERENCE, stages.bufferize_model),
    "tok-place-temporaries": stage(stages.REFERENCE, stages.place_temporaries),
    "tok-instrument-model": instrument_model,
    "tok-expand-probes": stage(stages.REFERENCE, stages.expand_probes),
    "tok-wrap-entries": stage(stages.REFERENCE, stages.wrap_entries),
    "tok-trap-assertions": stage(stages.REFERENCE, stages.trap_assertions),
    "convert-linalg-to-loops": stage(stages.REFERENCE, stages.linalg_to_loops),
    "canonicalize": stage(stages.REFERENCE, stages.clean_up),
    "cse": idempotent(stages.REFERENCE),
    "loop-invariant-code-motion": idempotent(stages.REFERENCE),
    # To the machine. Kernels are compiled, executed and compared with the definitions of what they compute.
    "convert-scf-to-cf": stage([*stages.REFERENCE, "func.func(convert-scf-to-cf)"], stages.scf_to_cf),
    "convert-vector-to-llvm": elsewhere("test/lib/Kernels/LinearTest.cpp", "TEST"),
    "reconcile-unrealized-casts": elsewhere("test/lib/Kernels/LinearTest.cpp", "TEST"),
    "tok-convert-to-llvm": stage([*stages.CPU, *stages.LLVM], stages.convert_to_llvm),
    "tok-expand": both(stage([*stages.CPU, *stages.LLVM], stages.expand),
                       elsewhere("test/lib/Target/TargetTest.cpp", "{contract.bound_text} * std::max(1.0, std::abs(expected))")),
}


# --- Levels ----------------------------------------------------------------------------------


def run_cases(cases):
    """Runs each case, which fills a report, side by side; reports come in order."""

    def attempt(case):
        report = Report()
        try:
            case(report)
        except Failed as problem:
            report(False, str(problem))
        return report

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(attempt, cases))


def check_all(check, names):
    contracts = listed()
    check(not registered() - contracts.keys(), f"passes without a contract: {sorted(registered() - contracts.keys())}")
    check(not contracts.keys() - CASES.keys(), f"passes without a case here: {sorted(contracts.keys() - CASES.keys())}")
    check(not CASES.keys() - contracts.keys(), f"cases without a pass: {sorted(CASES.keys() - contracts.keys())}")
    texts = {name: subject(name) for name in names}
    known = [contracts[name] for name in CASES if name in contracts]
    cases = [lambda report, c=contract: CASES[c.name](report, c, texts) for contract in known]
    cases.append(lambda report: stages.are_current(report, texts["llama"]))
    for report in run_cases(cases):
        for holds, text in report.lines:
            check(holds, text)


def check_real(check, name):
    """On a real model, what needs no second way through a stage."""
    contracts, texts = listed(), {name: subject(name)}
    check_cases = [lambda report, c=c: check_model_pass(report, c, texts[name]) for c in contracts.values() if c.kind == "lossy"]
    check_cases.append(lambda report: lower_to_program(report, contracts["tok-lower-to-program"], texts))
    for report in run_cases(check_cases):
        for holds, text in report.lines:
            check(holds, text)


# What the passes of FalsePasses.cpp are found out by; None: this one keeps its promise.
FALSE = {
    "tok-test-exact-lie": "with and without: bit-equal",
    "tok-test-tolerance-lie": "differs by",
    "tok-test-neutral-lie": "at strength = 0: bit-equal",
    "tok-test-early-return": "looks at the same",
    "tok-test-idle": "changes the module unless told otherwise",
    "tok-test-twice-lie": "a second run changes nothing",
    "tok-test-mute": "each with its reason",
    "tok-test-no-contract": "states no contract",
    "tok-test-honest": None,
}


def check_false(check, plugin):
    load = f"--load-pass-plugin={plugin}"
    contracts, text = listed(load), subject("llama")
    found = registered(load) - CASES.keys()
    check(found == FALSE.keys(), f"a pass that a plugin registers has no case: {sorted(found)}")
    cases = [lambda report, n=name: check_model_pass(report, contracts.get(n) or Contract(f"{n} none"), text, load) for name in FALSE]
    for (name, why), report in zip(FALSE.items(), run_cases(cases)):
        broken = report.broken
        expected = not broken if why is None else len(broken) == 1 and why in broken[0]
        check(expected, f"{name}: {broken or 'keeps its promise'}")


def main():
    check = Checks()
    if sys.argv[1] == "tiny":
        check_all(check, MODELS)
    elif sys.argv[1] == "false":
        check_false(check, sys.argv[2])
    else:
        check_real(check, sys.argv[1])
    check.done()


if __name__ == "__main__":
    main()
