# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How exactness is shown for the stages of a lowering, which no model can do without.

A stage is exact if another way through it gives the same bits: more places, more barriers, another order, another tile. The module is
lowered stage by stage, changed between two of them, and compiled from there.
"""

import re

from kinds import bits_equal
from subjects import TARGET, logits, opt

CPU = ["tok-lower-to-program", "tok-specialize-few-rows", "tok-plan-buffers", "tok-insert-barriers", "tok-plan-image",
       f"tok-choose-kernels{{target={TARGET}}}", f"tok-expand-kernels{{target={TARGET}}}"]
REFERENCE = ["tok-decompose", "func.func(convert-elementwise-to-linalg)", "tok-bufferize-model", "tok-place-temporaries",
             "tok-expand-probes", "tok-wrap-entries", "tok-trap-assertions", "func.func(convert-linalg-to-loops)", "canonicalize", "cse",
             "func.func(loop-invariant-code-motion)"]
# From upstream dialects to LLVM, for either.
LLVM = ["func.func(canonicalize)", "func.func(cse)", "func.func(tok-expand)", "func.func(convert-scf-to-cf)",
        "func.func(convert-vector-to-llvm)", "tok-convert-to-llvm", "reconcile-unrealized-casts"]
# What tok-convert-to-llvm does at once.
ONE_BY_ONE = ["convert-index-to-llvm", "convert-math-to-llvm", "convert-arith-to-llvm", "convert-cf-to-llvm", "finalize-memref-to-llvm",
              "convert-func-to-llvm"]


def position(stages, name):
    (found,) = [i for i, stage in enumerate(stages) if re.search(rf"\b{name}(?![\w-])", stage)]
    return found


def lower(text, stages):
    return opt(text, ",".join(stages))[0]


def edited(check, text, stages, name, edit):
    """Code lowered with `edit` made to the text before the stage `name`."""
    at = position(stages, name)
    intact = lower(text, stages[:at])
    changed = edit(intact)
    check(changed != intact, f"{name}: the module before it was changed")
    return lower(changed, stages[at:])


def replaced(text, stages, **instead):
    """Code lowered with other stages (`_` for `-`): a stage, or nothing, instead of one."""
    names = {key.replace("_", "-"): value for key, value in instead.items()}
    chosen = list(stages)
    for name, value in names.items():
        chosen[position(stages, name)] = value
    return lower(text, [stage for stage in chosen if stage])


def are_current(check, text):
    """The stages are those of tokopt-compile."""
    cpu = opt(text, f"tok-program-pipeline,tok-kernel-pipeline{{target={TARGET}}}")[0]
    check(lower(text, CPU) == cpu, "the stages to the CPU are those of its pipelines")
    check(lower(text, REFERENCE) == opt(text, "tok-lower-to-reference")[0], "the stages to the reference are those of its pipeline")
    check(opt(cpu, ",".join(LLVM))[0] == opt(cpu, "tok-llvm-pipeline")[0], "the stages to LLVM are those of its pipeline")


# --- Edits -----------------------------------------------------------------------------------


def spread(text):
    """Every buffer has a place of its own."""
    (row_bytes,) = {int(n) for n in re.findall(r"row_bytes = (\d+)", text)}
    places = iter(range(1 << 20))
    text, count = re.subn(r"tok\.buffer at (\d+)", lambda m: f"tok.buffer at {int(m[1]) + next(places) * row_bytes}", text)
    return re.sub(r"row_bytes = \d+", f"row_bytes = {row_bytes * count}", text)


def collapse(text):
    """Every buffer lies over all others, which no program can survive."""
    return re.sub(r"tok\.buffer at \d+", "tok.buffer at 0", text)


def wait_everywhere(text):
    return re.sub(r"^( *)(tok\.kernel )", r"\1tok.barrier\n\1\2", text, flags=re.M)


def reverse_weights(text):
    lines = text.splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if re.match(r" *tok\.weight @", line)]
    for i, line in zip(at, [lines[i] for i in reversed(at)]):
        lines[i] = line
    return "".join(lines)


def one_row(text):
    return re.sub(r"\btile = \d+", "tile = 1", text)


def tell_apart(text):
    """No two kernels have one configuration, so each becomes a function of its own."""
    number = iter(range(1 << 20))
    return re.sub(r"^( *tok\.kernel [^{]*\{)", lambda m: f"{m[1]}test.copy = {next(number)} : i64, ", text, flags=re.M)


def split_kind(text):
    """The last layer is of a kind of its own, which does the same."""
    (kind,) = re.findall(r"^ *func\.func private @decoder\(.*?^  }\n", text, re.M | re.S)
    return re.sub(r"@decoder for 0-(\d+)\]", lambda m: f"@decoder for 0-{int(m[1]) - 1}, @twin for {m[1]}]",
                  text.replace(kind, kind + kind.replace("@decoder", "@twin")))


# --- Cases -----------------------------------------------------------------------------------


def cpu_code(text):
    return lower(text, CPU)


def reference_code(text):
    return lower(text, REFERENCE)


def specialize_few_rows(check, text):
    other, code = replaced(text, CPU, tok_specialize_few_rows=None), cpu_code(text)
    check(code.count("call @barrier") > other.count("call @barrier"), "tok-specialize-few-rows: adds a way through the program")
    bits_equal(check, other, code, "tok-specialize-few-rows: steps of 3 rows with and without, 3 threads", ["cpu"],
               threads=3, chunk=3)


def plan_buffers(check, text):
    own = edited(check, text, CPU, "tok-insert-barriers", spread)
    bits_equal(check, own, cpu_code(text), "tok-plan-buffers: places shared and not", ["cpu"])
    none = edited(check, text, CPU, "tok-plan-image", collapse)
    check((logits(none, "cpu") != logits(cpu_code(text), "cpu")).any(),
          "tok-plan-buffers: buffers that lie over each other are noticed")


def insert_barriers(check, text):
    more = edited(check, text, CPU, "tok-insert-barriers", wait_everywhere)
    code = cpu_code(text)
    count = lambda module: module.count("call @barrier")
    check(count(more) > count(code) > 0, f"tok-insert-barriers: {count(code)} barriers, {count(more)} if all kernels wait")
    bits_equal(check, more, code, "tok-insert-barriers: barriers between all kernels, 3 threads", ["cpu"], threads=3)
    check((logits(code, "cpu", threads=3) == logits(code, "cpu")).all(), "tok-insert-barriers: 1 thread and 3")


def plan_image(check, text):
    other = edited(check, text, CPU, "tok-plan-image", reverse_weights)
    bits_equal(check, other, cpu_code(text), "tok-plan-image: weights in another order", ["cpu"])


def choose_kernels(check, text):
    other = edited(check, text, CPU, "tok-expand-kernels", one_row)
    bits_equal(check, other, cpu_code(text), "tok-choose-kernels: one row at a time", ["cpu"])


def expand_kernels(check, text):
    other, code = edited(check, text, CPU, "tok-expand-kernels", tell_apart), cpu_code(text)
    count = lambda module: len(re.findall(r"^ *func\.func private @", module, re.M))
    check(count(other) > count(code), f"tok-expand-kernels: {count(code)} functions, {count(other)} if none is shared")
    bits_equal(check, other, code, "tok-expand-kernels: functions shared and not", ["cpu"])


def bufferize_model(check, text):
    other = edited(check, text, REFERENCE, "tok-bufferize-model",
                   lambda module: opt(module, "eliminate-empty-tensors,canonicalize")[0])
    bits_equal(check, other, reference_code(text), "tok-bufferize-model: other destinations", ["reference"])


def place_temporaries(check, text):
    other = edited(check, text, REFERENCE, "tok-place-temporaries", lambda module: opt(module, "inline")[0])
    bits_equal(check, other, reference_code(text), "tok-place-temporaries: one function has all of them", ["reference"])


def expand_probes(check, text):
    """Handed down from the entry to the kinds, and not there at all."""
    code, plain = reference_code(opt(text, "tok-instrument-model")[0]), reference_code(text)
    check(code.count("llvm.call") > 10 and "llvm.call" not in plain and "tok.probe " not in code, "tok-expand-probes: probes become calls")
    bits_equal(check, code, plain, "tok-expand-probes: with probes and without", ["reference"])


def instrument_program(check, text):
    """Probes stand in finished programs, in front of the stages that generate code."""
    at = position(CPU, "tok-choose-kernels")
    program, code = lower(text, CPU[:at]), cpu_code(text)
    for option in ("", "{values=false}"):
        probed, _ = opt(program, f"tok-instrument-program{option}")
        kernels = len(re.findall(r"^ *tok\.kernel ", program, re.M))
        check(len(re.findall(r"^ *tok\.probe ", probed, re.M)) >= kernels > 0, f"tok-instrument-program{option}: a probe a kernel, {kernels}")
        bits_equal(check, lower(probed, CPU[at:]), code, f"tok-instrument-program{option}: with and without, 3 threads", ["cpu"], threads=3)
    return program


def instrument_model(check, text):
    for option in ("", "{values=false}"):
        probed, _ = opt(text, f"tok-instrument-model{option}")
        check(probed.count("tok.probe ") > 10, f"tok-instrument-model{option}: {probed.count('tok.probe ')} probes")
        bits_equal(check, probed, text, f"tok-instrument-model{option}: with and without", ["reference"])


def wrap_entries(check, text):
    code = reference_code(text)
    check((logits(code, "reference", threads=3) == logits(code, "reference")).all(), "tok-wrap-entries: 1 thread and 3")


def trap_assertions(check, text):
    without = lambda module: re.sub(r"^ *cf\.assert .*\n", "", module, flags=re.M)
    other = edited(check, text, REFERENCE, "tok-trap-assertions", without)
    bits_equal(check, other, reference_code(text), "tok-trap-assertions: with assertions and without", ["reference"])


def without(name):
    """For a clean-up, which code can do without."""

    def show(check, text):
        other = replaced(text, REFERENCE, **{name.replace("-", "_"): None})
        check(other != reference_code(text), f"{name}: changes the module")
        bits_equal(check, other, reference_code(text), f"{name}: with and without", ["reference"])

    return show


def decompose(check, text):
    """Weights have other places and layers of one kind are of two: no op's definition may depend on either."""
    for what, edit in (("weights in another order", reverse_weights), ("a kind of its own for the last layer", split_kind)):
        other = edited(check, text, REFERENCE, "tok-decompose", edit)
        bits_equal(check, other, reference_code(text), f"tok-decompose: {what}", ["reference"])


def elementwise_to_linalg(check, text):
    """Before the ops around them are decomposed."""
    first, second = REFERENCE[:2]
    other = lower(text, [second, first, *REFERENCE[2:]])
    check(other != reference_code(text), "convert-elementwise-to-linalg: the other order gives another module")
    bits_equal(check, other, reference_code(text), "convert-elementwise-to-linalg: before tok-decompose", ["reference"])


def linalg_to_loops(check, text):
    other = replaced(text, REFERENCE, convert_linalg_to_loops="func.func(convert-linalg-to-parallel-loops)")
    check(other != reference_code(text), "convert-linalg-to-loops: the other way gives another module")
    bits_equal(check, other, reference_code(text), "convert-linalg-to-loops: through parallel loops", ["reference"])


def scf_to_cf(check, text):
    other = opt(reference_code(text), "func.func(convert-scf-to-cf)")[0]
    bits_equal(check, other, reference_code(text), "convert-scf-to-cf: before all other passes of the target", ["reference"])


def expand(check, text):
    other = opt(reference_code(text), "func.func(tok-expand)")[0]
    check(other != reference_code(text), "tok-expand: changes the module")
    bits_equal(check, other, reference_code(text), "tok-expand: before all other passes of the target", ["reference"])


def vector_to_llvm(check, text):
    """Together with everything else, by upstream's pass that asks each dialect."""
    other = replaced(text, [*CPU, *LLVM], convert_vector_to_llvm=None, tok_convert_to_llvm="convert-to-llvm")
    check("llvm.func @step" in other and "vector." not in re.sub(r"llvm\.\S+", "", other),
          "convert-vector-to-llvm: the other way ends in LLVM")
    bits_equal(check, other, cpu_code(text), "convert-vector-to-llvm: with all other dialects at once", ["cpu"])


def reconcile_casts(check, text):
    """Dialect by dialect, casts stand between what is converted and what is not yet."""
    stages = [*CPU, *LLVM]
    apart = opt(lower(text, stages[:position(stages, "tok-convert-to-llvm")]), ",".join(ONE_BY_ONE))[0]
    other = opt(apart, stages[-1])[0]
    casts = [module.count("builtin.unrealized_conversion_cast") for module in (apart, other)]
    check(casts[0] > 0 and casts[1] == 0, f"reconcile-unrealized-casts: {casts[0]} casts before it, {casts[1]} behind it")
    bits_equal(check, other, cpu_code(text), "reconcile-unrealized-casts: dialect by dialect", ["cpu"])


def convert_to_llvm(check, text):
    """Upstream has a pass of that kind that asks each dialect."""
    other = replaced(text, [*CPU, *LLVM], tok_convert_to_llvm="convert-to-llvm")
    check("llvm.func @step" in other, "tok-convert-to-llvm: the other way ends in LLVM")
    bits_equal(check, other, cpu_code(text), "tok-convert-to-llvm: by upstream's pass", ["cpu"])
