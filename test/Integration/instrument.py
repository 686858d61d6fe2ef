# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Instrumentation shows what kernels compute and changes none of it; a planted fault is found at the value that it breaks.

instrument.py tiny | smollm2
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy

from harness import ROOT, Checks, bundle, model_file, reference, run, run_json, tiny_model, tool

COMPARE = ROOT / "scripts/compare-values"
QUANTIZED = "--pipeline=tok-quantize-activations,tok-quantize-cache"
# The constant of a kernel, what it becomes, and the first value that is wrong by it, with its layer and position. The
# scores' scale changes nothing at position 0, which sees only itself; nor does the exponential of attention, but that of the gate
# does.
FAULTS = {
    "smollm2": [
        ("576,400", "attn_norm", 0, 0),
        ("1.4426950408889634,1.3", "ffn_up.gated", 0, 0),
        ("0.125,0.2", "attention", 0, 1),
        ("128,120", "token_embd", None, 0),
    ],
    "tiny": [
        ("96,60", "attn_norm", 0, 0),
        ("1.4426950408889634,1.3", "ffn_up.gated", 0, 0),
        ("0.1767766922712326,0.5", "attention", 0, 1),
    ],
}
# One of what rounds rows, which only the i8 path does.
ROUNDING = ("127,20", "attn_norm (rounded)", 0, 0)


def generate(bundle_path, ids, count, *options, threads=1):
    return run_json(tool("tokopt-run"), bundle_path, "--ids", ",".join(map(str, ids)), "--max-tokens", count, "--greedy",
                    "--ignore-eos", "--json", "--threads", threads, *options)


class Dumps:
    """Runs bundles on one prompt and compares what they dump."""

    def __init__(self, check, ids, folder):
        self.check, self.ids, self.folder, self.count = check, ids, pathlib.Path(folder), 0

    def dump(self, bundle_path, *options, tokens=1, threads=1):
        self.count += 1
        path = self.folder / str(self.count)
        return path, generate(bundle_path, self.ids, tokens, "--dump-values", path, *options, threads=threads)

    def compare(self, found, expected, *options):
        """The exit status, the first difference as (value, layer, position), and all that was printed."""
        result = subprocess.run([COMPARE, found, expected, *map(str, options)], capture_output=True, text=True)
        first = re.search(r"^first difference: (.*?)(?:, layer (\d+))?, position (\d+):", result.stdout, re.M)
        place = first and (first[1], int(first[2]) if first[2] else None, int(first[3]))
        return result.returncode, place, result.stdout + result.stderr


def check_absent(check, plain, *instrumented):
    """Off means absent: no key in the manifest, no code that the instrumented bundle has besides in its entry."""
    manifest = lambda path: json.loads(run(tool("tokopt-inspect"), path, "--json").stdout)
    symbols = lambda path: set(re.findall(r" [tT] (\S+)$", run("nm", path).stdout, re.M))
    check("probes" not in manifest(plain), "no probes in the manifest of a plain bundle")
    for other in instrumented:
        check(len(manifest(other)["probes"]) > 10, f"{len(manifest(other)['probes'])} probes in that of {other.name}")
        check(symbols(plain) == symbols(other), f"the same kernels: {sorted(symbols(plain) ^ symbols(other))}")
    sizes = [{name: int(size, 16) for size, name in re.findall(r"^\S+ (\S+) [tT] (\S+)$", run("nm", "-S", path).stdout, re.M)}
             for path in (plain, *instrumented)]
    grown = {name for other in sizes[1:] for name in other if other[name] != sizes[0][name]}
    check(grown == {name for name in sizes[0] if name.startswith("step.")}, f"only entries grow: {sorted(grown)}")


def check_same_bits(check, dumps, plain, *instrumented):
    """Tokens and logits do not depend on who listens."""
    for threads in (1, 3):
        look = lambda path, *options: generate(path, dumps.ids, 4, "--top-logits", 64, *options, threads=threads)
        want = look(plain)
        for other in instrumented:
            silent, heard = look(other), look(other, "--profile")
            check(all(found[key] == want[key] for found in (silent, heard) for key in ("ids", "first_logits")),
                  f"{other.name}: tokens and logits of {threads} threads, heard or not")
            check(abs(sum(row["share"] for row in heard["profile"]) - 1) < 1e-9, f"{other.name}: shares of a profile")


def check_dump(check, dumps, values):
    """A dump holds what it says, whatever the schedule."""
    path, result = dumps.dump(values, "--top-logits", 8, tokens=3)
    index = json.loads((path / "index.json").read_text())
    count = len(dumps.ids)
    for entry in index["values"]:
        rows = numpy.load(path / entry["file"])
        begin, end = (count - 1, count + 2) if entry["value"] in ("logits", "tokens", "output_norm", "take") else (0, count + 2)
        if entry["positions"] != [[begin, end]] or rows.shape != (end - begin, entry["columns"]):
            check(False, f"{entry['file']}: {rows.shape}, positions {entry['positions']}")
    logits = numpy.load(path / "logits.npy")
    check(all(logits[0, i] == numpy.float32(logit) for i, logit in result["first_logits"]), "logits are those that were given")
    check((numpy.load(path / "tokens.npy")[:, 0] == result["ids"]).all(), "tokens are those that were drawn")
    layers = {entry["layer"] for entry in index["values"]}
    check(layers == {None, *range(max(layer for layer in layers if layer is not None) + 1)}, "every layer is there")
    # A row's values do not depend on its company, so neither does a dump: with few rows, buffers are other ones.
    for threads, *options in ([3], [1, "--schedule", "chunked", "--chunk-rows", 3], [2, "--schedule", "layered", "--group-layers", 1]):
        other, _ = dumps.dump(values, *options, tokens=3, threads=threads)
        status, _, text = dumps.compare(other, path, "--tolerance", 0)
        check(status == 0 and "only in" not in text, f"{threads} threads {' '.join(map(str, options))}: {text.strip()}")
    return path


def check_reference(check, dumps, model, pipeline, tolerance):
    """The kernels' values and the reference's: each of the former has its like in the latter."""
    options = ["--instrument", "--target=avx2", pipeline]
    found, _ = dumps.dump(bundle(model, *options))
    expected, _ = dumps.dump(bundle(model, "--backend=reference", *options))
    status, _, text = dumps.compare(found, expected, "--tolerance", tolerance)
    check(status == 0 and "only in FOUND" not in text, f"{pipeline}: against the reference within {tolerance:g}: {text.strip()}")
    return expected


def check_faults(check, dumps, model, faults, pipeline, expected):
    for mutation, value, layer, position in faults:
        path = dumps.folder / "mutant.so"
        run(tool("tokopt-compile"), model, "-o", path, "--target=avx2", "--instrument", f"--mutate={mutation}", pipeline)
        found, _ = dumps.dump(path)
        status, place, text = dumps.compare(found, expected)
        check(status == 1 and place == (value, layer, position),
              f"{mutation}, {pipeline}: first difference at {place}, planted at {(value, layer, position)}")


def main():
    check, name = Checks(), sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        if name == "tiny":
            ids = [(7 * i + 3) % 200 for i in range(9)]
            models = [tiny_model(), tiny_model("--arch", "qwen2", "--separate-output"), tiny_model("--size", "k256", "--formats",
                      "q4_k,attn_v=q6_k/q4_k,ffn_down=q6_k,token_embd=q6_k")]
        else:
            ids, models = next(iter(reference(name)[1].values()))[:9], [model_file(name)]
        dumps = Dumps(check, ids, folder)
        for model in models:
            plain, values, times = (bundle(model, "--target=avx2", *option) for option in
                                    ([], ["--instrument"], ["--instrument=time"]))
            check_absent(check, plain, values, times)
            check_same_bits(check, dumps, plain, values, times)
            check_dump(check, dumps, values)
            expected = check_reference(check, dumps, model, "--pipeline=", 1e-3 if name == "smollm2" else 1e-4)
            if name == "tiny":
                # A number that is nearly between two steps may be rounded to either, and the next layers see another. Rows of
                # another value, layer or position would still be further away.
                check_reference(check, dumps, model, QUANTIZED, 1)
            if model == models[0]:
                check_faults(check, dumps, model, FAULTS[name], "--pipeline=", expected)
                # Against a sound bundle of the same backend, whose bits are the same, i8 is no hindrance.
                sound, _ = dumps.dump(values)
                rounding = [(constant, value + " (rounded)" if value == "attn_norm" else value, *place)
                            for constant, value, *place in FAULTS[name]]
                check_faults(check, dumps, model, [*rounding, ROUNDING], QUANTIZED, sound)
    check.done()


if __name__ == "__main__":
    main()
