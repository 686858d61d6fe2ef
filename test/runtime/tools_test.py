# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The programs over the runtime, on bundles of the fake model: what they print and how they end."""

import json
import math
import os
import pathlib
import subprocess
import tempfile

import numpy

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
BIN = pathlib.Path(os.environ["TOKOPT_BUILD"]) / "bin"
failed = 0


def check(holds, text):
    global failed
    print(("ok    " if holds else "FAILED ") + text, flush=True)
    failed += not holds


def run(tool, *arguments, status=0, env=None):
    result = subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                            env={**os.environ, **(env or {})})
    shown = f"{tool} {' '.join(map(str, arguments))}"
    check(result.returncode == status, f"{shown}: exit status {result.returncode}, expected {status}: {result.stderr.strip()[:300]!r}")
    if status == 1:
        lines = result.stderr.splitlines()
        check(len(lines) == 1 and lines[0].startswith(f"{tool}: error: "), f"{shown}: one error line: {result.stderr!r}")
    return result


def run_json(tool, *arguments, **options):
    lines = run(tool, *arguments, "--json", **options).stdout.splitlines()
    check(len(lines) == 1, f"{tool}: one line of JSON")
    return json.loads(lines[0])


def make(folder, name, *settings):
    path = pathlib.Path(folder) / name
    subprocess.run([BIN / "make-fake-bundle", path, *settings], check=True)
    return path


def test_generation(folder, bundle):
    result = run_json("tokopt-run", bundle, "--ids", "5,6,7", "--max-tokens", 6, "--greedy", "--ignore-eos", "--top-logits", 4)
    keys = ["ids", "text", "prompt_tokens", "prefill_ms", "decode_ms", "decode_tokens_per_s", "load_ms", "finish", "first_logits"]
    check(list(result) == keys, f"keys of tokopt-run: {list(result)}")
    check(len(result["ids"]) == 6 and result["prompt_tokens"] == 3 and result["finish"] == "length", f"{result['ids']}")
    logits = result["first_logits"]
    check([len(pair) for pair in logits] == [2] * 4 and logits[0] == [result["ids"][0], 32.0], f"first_logits {logits}")
    check(all(a[1] > b[1] or (a[1] == b[1] and a[0] < b[0]) for a, b in zip(logits, logits[1:])), "logits are ordered")
    again = run_json("tokopt-run", bundle, "--ids-file", write(folder, "ids.txt", "[5, 6,\n7]"), "--max-tokens", 6, "--greedy",
                     "--ignore-eos", "--threads", 3)
    check(again["ids"] == result["ids"], "the same from a file, on 3 threads")
    plain = run("tokopt-run", bundle, "--ids", "5 6 7", "--max-tokens", 6, "--greedy", "--ignore-eos")
    check(plain.stdout == result["text"] + "\n", f"plain text {plain.stdout!r}, in JSON {result['text']!r}")
    draws = [run_json("tokopt-run", bundle, "--ids", "5", "--max-tokens", 5, "--ignore-eos", "--seed", seed)["ids"] for seed in (1, 1, 2)]
    check(draws[0] == draws[1] != draws[2], f"seeds draw {draws}")
    cold = run_json("tokopt-run", bundle, "--ids", "5,6,7", "--max-tokens", 6, "--temperature", 0, "--ignore-eos")
    check(cold["ids"] == result["ids"], "temperature 0 is greedy")
    warm = run("tokopt-run", bundle, "--ids", "5,6,7", "--max-tokens", 6, "--greedy", "--ignore-eos", "--json", "--warm-up",
               "--trace-steps")
    steps = [line for line in warm.stderr.splitlines() if line.startswith("step ")]
    check(json.loads(warm.stdout)["ids"] == result["ids"] and len(steps) == 1 + 6, f"a warm-up is one more step: {steps}")
    nothing = run_json("tokopt-run", bundle, "--ids", "5,6,7", "--max-tokens", 0, "--top-logits", 1)
    check(nothing["ids"] == [] and nothing["first_logits"][0][0] == result["ids"][0], "no tokens, but logits")


def write(folder, name, text):
    path = pathlib.Path(folder) / name
    path.write_text(text)
    return path


def test_text(folder, bundle):
    # Control tokens are recognized in the chat template's output and in a raw prompt, not in text to tokenize.
    text = "ab<|im_end|>"
    ids = run_json("tokopt-run", bundle, "--tokenize", text)["ids"]
    file = run_json("tokopt-run", bundle, "--tokenize-file", write(folder, "text", text))["ids"]
    plain = run("tokopt-run", bundle, "--tokenize", text).stdout
    check(len(ids) > 5 and ids == file and plain == ", ".join(map(str, ids)) + "\n", f"ids {ids}")
    raw = run_json("tokopt-run", bundle, "--prompt", text, "--raw", "--greedy", "--ignore-eos", "--max-tokens", 4)
    check(raw["prompt_tokens"] == 2, f"raw prompt of {raw['prompt_tokens']} tokens")
    same = run_json("tokopt-run", bundle, "--ids", f"{ids[0]},1", "--greedy", "--ignore-eos", "--max-tokens", 4)
    check(same["ids"] == raw["ids"], "raw prompt and its ids")
    # The template makes <|im_end|>ab> of it: three tokens.
    chat = run_json("tokopt-run", bundle, "--prompt-file", write(folder, "prompt", "ab"), "--max-tokens", 1)
    check(chat["prompt_tokens"] == 3, f"chat prompt of {chat['prompt_tokens']} tokens")
    # The template's strings end at a zero byte; raw text has a length.
    zero = write(folder, "zero", "ab\0ab")
    result = run("tokopt-run", bundle, "--prompt-file", zero, "--max-tokens", 1, status=1)
    check("prompt: found a zero byte at offset 2," in result.stderr, f"{result.stderr!r}")
    raw = run_json("tokopt-run", bundle, "--prompt-file", zero, "--raw", "--max-tokens", 1)
    check(raw["prompt_tokens"] == 2, f"raw prompt of {raw['prompt_tokens']} tokens")


def test_lost_bytes(folder, bundle):
    # The tiny vocabulary has no token for these; the tokenizers of training leave such out, too.
    lossy = run("tokopt-run", bundle, "--tokenize-file", write(folder, "lossy", "ab\n\tab\x01"), "--json")
    check(json.loads(lossy.stdout)["ids"] == run_json("tokopt-run", bundle, "--tokenize", "ab")["ids"] * 2, f"{lossy.stdout}")
    check("warning: " in lossy.stderr and "no tokens for 3 bytes of the text, the first at offset 2: \"\\x0a\\x09\\x01\";" in lossy.stderr,
          f"{lossy.stderr!r}")
    only = run("tokopt-run", bundle, "--tokenize", "\n")
    check(only.stdout == "\n" and "no tokens for 1 bytes of the text, the first at offset 0:" in only.stderr, f"{only.stderr!r}")
    for arguments in (["--tokenize", "ab <tool>é<|im_end|>"], ["--prompt", "a<|im_end|>b", "--raw", "--max-tokens", 0],
                      ["--prompt", "ab", "--max-tokens", 0], ["--tokenize", ""]):
        check("warning" not in run("tokopt-run", bundle, *arguments).stderr, f"nothing is lost of {arguments}")


def test_schedules(folder, bundle):
    ids = ",".join(str(i % 90) for i in range(30))
    common = [bundle, "--ids", ids, "--max-tokens", 3, "--greedy", "--ignore-eos"]
    expected = run_json("tokopt-run", *common)["ids"]
    cases = {("--schedule", "whole"): [30, 1, 1],
             ("--schedule", "chunked", "--step-rows", 16): [16, 14, 1, 1],
             ("--schedule", "chunked", "--chunk-rows", 11): [11, 11, 8, 1, 1],
             ("--schedule", "layered", "--group-layers", 3): [30, 30, 1, 1]}
    for options, rows in cases.items():
        result = run("tokopt-run", *common, *options, "--trace-steps", "--json")
        steps = [line for line in result.stderr.splitlines() if line.startswith("step ")]
        check([int(step.split("rows ")[1].split(",")[0]) for step in steps] == rows, f"{options}: {steps}")
        check(json.loads(result.stdout)["ids"] == expected, f"{options}: no token changes")
    check("layers [0, 3)" in steps[0] and "layers [3, 5)" in steps[1], f"layer ranges of {steps[:2]}")
    whole = make(folder, "whole.so", '/schedule={"kind": "whole"}')
    traced = run("tokopt-run", whole, *common[1:], "--trace-steps").stderr
    check("rows 30" in traced.splitlines()[0], "the bundle's schedule is obeyed")


def test_eval(folder, bundle):
    ids = [3 * i % 900 for i in range(60)]
    file = write(folder, "eval.json", json.dumps({"ids": ids}))
    result = run_json("tokopt-eval", bundle, "--ids-file", file)
    check(result["tokens"] == 59 and 2 < result["nll"] < 40, f"{result}")
    part = run_json("tokopt-eval", bundle, "--ids-file", file, "--tokens", 40)
    rest = run_json("tokopt-eval", bundle, "--ids-file", file, "--skip", 39)
    check(part["tokens"] == 39 and rest["tokens"] == 20, f"{part}, {rest}")
    whole = (part["nll"] * 39 + rest["nll"] * 20) / 59
    check(math.isclose(whole, result["nll"], rel_tol=1e-12), f"parts give {whole}, the whole {result['nll']}")
    chunks = run_json("tokopt-eval", bundle, "--ids-file", file, "--step-rows", 7)
    check(chunks == result, "chunks change nothing")
    same = run_json("tokopt-eval", bundle, "--ids-file", file, "--reference", bundle)
    check(same["kl_mean"] == same["kl_p99"] == 0 and same["top1"] == 1 and same["nll"] == result["nll"], f"against itself {same}")
    # One with other weights, by a change of the stored bytes that the digest does not cover.
    data = bytearray(bundle.read_bytes())
    data[data.rindex(bytes((37 * i + 11) % 256 for i in range(16)))] ^= 1
    other = pathlib.Path(folder) / "other.so"
    other.write_bytes(data)
    far = run_json("tokopt-eval", bundle, "--ids-file", file, "--reference", other)
    check(far["kl_mean"] > 1 and far["kl_p99"] >= far["kl_mean"] and far["top1"] < 0.2 and far["nll"] == result["nll"], f"{far}")
    text = run_json("tokopt-eval", bundle, "--text", write(folder, "eval.txt", "a few words of text"))
    check(text["tokens"] > 5, f"text: {text}")
    check("mean NLL" in run("tokopt-eval", bundle, "--ids-file", file).stdout, "plain output")
    run("tokopt-eval", bundle, "--ids-file", file, "--skip", 59, status=1)
    message = run("tokopt-eval", bundle, "--ids-file", write(folder, "long", ",".join(["1"] * 97)), status=1).stderr
    check("97 tokens" in message and "96" in message, message.strip())
    small = make(folder, "small.so", "/model/vocab=900")
    check("compare bundles of one model" in run("tokopt-eval", bundle, "--ids-file", file, "--reference", small, status=1).stderr,
          "another vocabulary is refused")
    # Of the same model in another file, but not of another vocabulary of that size.
    requantized = make(folder, "requantized.so", '/source/hash="' + "1" * 32 + '"')
    check(run_json("tokopt-eval", bundle, "--ids-file", file, "--reference", requantized)["kl_mean"] == 0, "the same tokens")
    other_words = make(folder, "words.so", '/source/hash="' + "1" * 32 + '"', "word=other")
    message = run("tokopt-eval", bundle, "--ids-file", file, "--reference", other_words, status=1).stderr
    check("words.so: token 996: found \"other\", expected the \"[996]\" of " in message and "compare bundles of one vocabulary" in message, message)
    # The level is the subject's: the reference may have others.
    levels = make(folder, "levels.so", '/levels/0/name="only"')
    for options in ({"env": {"TOKOPT_LEVEL": "only"}}, {}):
        extra = [] if options else ["--level", "only"]
        found = run_json("tokopt-eval", levels, "--ids-file", file, "--reference", bundle, *extra, **options)
        check(found["kl_mean"] == 0, "a level of the subject alone")
    run("tokopt-eval", bundle, "--ids-file", file, status=1, env={"TOKOPT_LEVEL": "only"})


def test_inspect(folder, bundle):
    result = run_json("tokopt-inspect", bundle)
    check(result["model"]["context"] == 96 and result["schedule"] == {"kind": "chunked", "budget": 64}, "manifest in JSON")
    sections = {section["name"]: section for section in result["sections"]}
    check(sections[".tok.weights"]["offset"] % 4096 == 0 and result["file_bytes"] == bundle.stat().st_size, f"{sections}")
    for name in ("model", "level", "cache", "section", "kernel", "pass"):
        check(f"\n{name} " in "\n" + run("tokopt-inspect", bundle).stdout, f"prints a {name}")
    future = make(folder, "future.so", '/levels/0/features=["avx9000"]')
    check(run_json("tokopt-inspect", future)["levels"][0]["missing_here"] == ["avx9000"], "describes what cannot run here")
    altered = make(folder, "altered.so", '/altered=["avx2: 1 -> 2 in 3 places"]')
    check("\naltered      avx2: 1 -> 2 in 3 places: made for a test" in run("tokopt-inspect", altered).stdout, "marks an altered bundle")
    check("altered" not in run("tokopt-inspect", bundle).stdout, "and no other")
    check("avx9000" in run("tokopt-run", future, "--ids", "1", status=1).stderr, "does not run it")


def test_bad_input(folder, bundle):
    data = bundle.read_bytes()
    damaged = pathlib.Path(folder) / "damaged.so"
    damaged.write_bytes(data[: len(data) // 2])
    for tool, arguments in (("tokopt-run", ["--ids", "1"]), ("tokopt-inspect", []), ("tokopt-eval", ["--ids-file", "x"])):
        check("damaged.so" in run(tool, damaged, *arguments, status=1).stderr, f"{tool} names the file")
        run(tool, "/no/such/bundle", *arguments, status=1)
    flipped = bytearray(data)
    flipped[data.rindex(bytes((37 * i + 11) % 256 for i in range(16)))] ^= 1
    damaged.write_bytes(flipped)
    run("tokopt-run", damaged, "--ids", "1", "--max-tokens", 1)
    for tool in ("tokopt-run", "tokopt-inspect"):
        check("weights.hash" in run(tool, damaged, "--verify", status=1).stderr, f"{tool} --verify finds it")
        run(tool, bundle, "--verify")
    check("\"verified\":true" in run("tokopt-run", bundle, "--verify", "--json").stdout, "verified")
    for ids in ("1,2,997", "", "-1", "99999999999999", "1,2x", "[1, 2.5]", "{\"x\": [1]}", "[[1]]", "[1"):
        run("tokopt-run", bundle, "--ids", ids, status=1)
    run("tokopt-run", bundle, "--ids-file", "/no/such/file", status=1)
    run("tokopt-run", bundle, "--ids-file", folder, status=1)
    run("tokopt-run", bundle, "--ids", ",".join(["1"] * 97), status=1)
    run("tokopt-run", bundle, "--ids", "1,2,3,4,5,6,7,8,9", "--cache-limit", "1k", status=1)
    run("tokopt-run", bundle, "--ids", "1", "--level", "none", status=1)
    with open("/dev/full", "w") as full:
        result = subprocess.run([BIN / "tokopt-inspect", bundle], stdout=full, stderr=subprocess.PIPE, text=True)
    check(result.returncode == 1 and "cannot write" in result.stderr, f"a full disk: {result.stderr.strip()!r}")


def test_goldens(folder, bundle):
    # The fake model's logits are hashes: equal or far off.
    oracle = make(folder, "oracle.so", '/backend="reference"')
    ids = [5 * i % 900 for i in range(40)]
    text = run("tokopt-run", oracle, "--ids", ",".join(map(str, ids)), "--print-goldens").stdout
    made = json.loads(text)
    check(text.count("\n") == 1 and list(made) == ["format", "producer", "backend", "level", "source", "passes", "sequences"], f"{list(made)}")
    (sequence,) = made["sequences"]
    outputs = sequence["outputs"]
    check(sequence["ids"] == ids and len(outputs) == 16 and outputs[-1]["position"] == 39, "16 positions, the last among them")
    for output in outputs[::15]:
        prefix = ",".join(map(str, ids[: output["position"] + 1]))
        best = run_json("tokopt-run", bundle, "--ids", prefix, "--max-tokens", 0, "--top-logits", 997)["first_logits"]
        rms = math.sqrt(sum(logit * logit for _, logit in best) / 997)
        check(output["logits"] == best[:8] and math.isclose(output["rms"], rms, rel_tol=1e-12), f"position {output['position']}: {output}")
    short = json.loads(run("tokopt-run", oracle, "--ids", "3,4", "--print-goldens").stdout)
    check([output["position"] for output in short["sequences"][0]["outputs"]] == [0, 1], "all positions of a short one")
    check("backend: found \"cpu\"" in run("tokopt-run", bundle, "--ids", "1", "--print-goldens", status=1).stderr, "of the oracle only")

    goldens = {"producer": "test", "passes": [], "tolerance": 1e-6, "sequences": made["sequences"] + short["sequences"]}

    def carrying(name, change=lambda goldens: None, *settings):
        changed = json.loads(json.dumps(goldens))
        change(changed)
        return make(folder, name, "/goldens=" + json.dumps(changed), *settings)

    sound = carrying("sound.so")
    result = run("tokopt-run", sound, "--verify").stdout.splitlines()
    check(len(result) == 2 and "the weights are as" in result[0] and ": level best: gives the goldens; differences are 0 of" in result[1], f"{result}")
    check(run_json("tokopt-run", sound, "--verify") == {"verified": True, "levels": [{"name": "best", "difference": 0.0}]}, "in JSON")
    traced = run("tokopt-run", sound, "--verify", "--trace-steps").stderr
    rows = [int(line.split("rows ")[1].split(",")[0]) for line in traced.splitlines()]
    check(rows == [40, 2] + [1] * 42, f"in steps of many rows, then of one: {rows}")
    check("has no goldens to replay" in run("tokopt-run", bundle, "--verify").stdout, "says that there are none")
    for name, path, count in (("sound", sound, "18 positions of 2 sequences, of the reference backend of test, to 1e-06 "), ("none", bundle, "none: ")):
        check(f"\ngoldens      {count}" in run("tokopt-inspect", path).stdout, f"tokopt-inspect: {name}")

    def refused(name, change, *parts):
        message = run("tokopt-run", carrying(name, change), "--verify", status=1).stderr
        check(all(part in message for part in ("level best: goldens.sequences[", *parts)), f"{name}: {message.strip()!r}")

    def first(goldens):
        return goldens["sequences"][0]["outputs"][0]

    at = first(goldens)["position"]
    refused("logit.so", lambda g: first(g)["logits"][0].__setitem__(1, 33.0), f"outputs[0]: position {at}, in steps of many rows: found 32 as the "
            f"logit of id {first(goldens)['logits'][0][0]}, expected 33 within ", "take another level with --level")
    refused("missing.so", lambda g: first(g)["logits"].pop(2), f"id {first(goldens)['logits'][2][0]}, expected at most ")
    refused("other.so", lambda g: g["sequences"][1]["ids"].__setitem__(1, 9), "sequences[1].outputs[1]: position 1,")
    # Each within its limit, but all of them off the same way.
    def shift(goldens):
        for output in goldens["sequences"][0]["outputs"]:
            for pair in output["logits"]:
                pair[1] += 2.5e-6 * output["rms"]
    refused("shift.so", shift, "sequences[0]: in steps of many rows: found logits that differ by 2.", "expected at most 1e-06")
    # Levels: all that run here, or the one that is named.
    level = json.loads(run("tokopt-inspect", bundle, "--json").stdout)["levels"][0]
    del level["missing_here"]
    levels = [{**level, "name": "new", "features": ["avx9000"]}, {**level, "name": "a"}, {**level, "name": "b"}]
    several = carrying("several.so", lambda goldens: None, "/levels=" + json.dumps(levels))
    lines = run("tokopt-run", several, "--verify").stdout.splitlines()
    check(len(lines) == 4 and "level new: not replayed, this CPU lacks avx9000" in lines[1] and "level a: gives" in lines[2]
          and "level b: gives" in lines[3], f"{lines}")
    for options in ({"env": {"TOKOPT_LEVEL": "b"}}, {}):
        named = run_json("tokopt-run", several, "--verify", *([] if options else ["--level", "b"]), **options)
        check([level["name"] for level in named["levels"]] == ["b"], f"{named}")
    for arguments in (["--tokenize", "ab"], ["--ids", "5", "--max-tokens", 2, "--greedy", "--ignore-eos"]):
        both = run("tokopt-run", sound, "--verify", *arguments).stdout
        check(both == run("tokopt-run", sound, *arguments).stdout, f"the output is what was asked for: {both!r}")
        check("goldens" in run("tokopt-run", carrying("bad.so", lambda g: first(g)["logits"][0].__setitem__(1, 33.0)), "--verify", *arguments, status=1).stderr,
              "but the goldens are replayed")


PROBES = ('/probes=[{"kernel":0,"label":"fake layer","value":"x","type":"i32","columns":2,"rows":"step"},'
          '{"kernel":1,"label":"fake logits","value":"logits","type":"f32","columns":997,"rows":"outputs"}]')


def test_probes(folder, bundle):
    """Values and times of an instrumented bundle."""
    probed = make(folder, "probed.so", PROBES)
    common = ["--ids", "5,6,7,8", "--max-tokens", 3, "--greedy", "--ignore-eos"]
    plain = run_json("tokopt-run", bundle, *common, "--top-logits", 997)
    dump = pathlib.Path(folder) / "deep" / "dump"
    result = run_json("tokopt-run", probed, *common, "--warm-up", "--profile", "--dump-values", dump, "--top-logits", 997)
    check(result["ids"] == plain["ids"], "probes change no token")
    index = json.loads((dump / "index.json").read_text())
    names = [(value["value"], value["layer"], value["stored"]) for value in index["values"]]
    check(names == [("x", layer, "i32") for layer in range(5)] + [("logits", None, "f32")], f"values {names}")
    check(index["kernels"] == ["fake layer", "fake logits"] and index["backend"] == "cpu", f"{index['kernels']}")
    rows = numpy.load(dump / "x.3.npy")
    check(rows.dtype == "<i4" and rows.shape == (6, 2), f"a warm-up is not dumped: {rows.dtype} {rows.shape}")
    check(index["values"][3]["positions"] == [[0, 6]] and index["values"][5]["positions"] == [[3, 6]], "positions of rows")
    logits = numpy.load(dump / "logits.npy")
    first = {i: logit for i, logit in result["first_logits"]}
    check(logits.shape == (3, 997) and all(logits[0, i] == numpy.float32(first[i]) for i in first), "the logits that were given")
    profile = result["profile"]
    check(sorted((p["label"], p["calls"]) for p in profile) == [("fake layer", 15), ("fake logits", 3)], f"{profile}")
    check(abs(sum(p["share"] for p in profile) - 1) < 1e-9 and all(p["microseconds"] > 0 for p in profile), f"{profile}")
    check(profile[0]["share"] >= profile[1]["share"], "sorted by share")
    table = run("tokopt-run", probed, *common, "--profile").stderr
    check("waits for other workers included" in table and "fake layer" in table, table)
    inspected = run("tokopt-inspect", probed).stdout
    check("\nprobes       2, 2 of values: instrumented" in inspected, f"{inspected}")
    check("\nprobes" not in run("tokopt-inspect", bundle).stdout, "and no other says so")
    # Equal dumps, and one with a number changed.
    compare = lambda *arguments: subprocess.run([SCRIPTS / "compare-values", *map(str, arguments)], capture_output=True, text=True)
    other = pathlib.Path(folder) / "other-dump"
    run("tokopt-run", probed, *common, "--dump-values", other)
    same = compare(dump, other)
    check(same.returncode == 0 and "6 values compared, 0 differ" in same.stdout, f"{same.stdout} {same.stderr}")
    rows[4, 1] += 1
    numpy.save(other / "x.3.npy", rows)
    differs = compare(dump, other)
    check(differs.returncode == 1 and "first difference: x, layer 3, position 4:" in differs.stdout and
          "column 1 of 2" in differs.stdout and "written by kernel 0, fake layer" in differs.stdout, f"{differs.stdout}")
    numpy.save(other / "x.3.npy", rows[:2])
    for arguments in ([dump, other], [dump, folder], [dump, "/no/such/folder"]):
        bad = compare(*arguments)
        check(bad.returncode == 2 and bad.stderr.startswith("compare-values: error: "), f"bad input: {bad.stderr!r}")
    check(compare(dump).returncode == 2, "bad usage")

    # What cannot be.
    message = run("tokopt-run", probed, *common, "--dump-values", dump, status=1).stderr
    check("found files in the folder, expected a new or an empty one" in message, message)
    message = run("tokopt-run", probed, *common, "--dump-values", dump / "index.json", status=1).stderr
    check("cannot make the folder" in message or "found files" in message, message)
    message = run("tokopt-run", bundle, *common, "--dump-values", pathlib.Path(folder) / "none", status=1).stderr
    check("found no probes in the bundle" in message and "tokopt-compile --instrument=values" in message, message)
    check(not (pathlib.Path(folder) / "none").exists(), "no folder is made")
    message = run("tokopt-run", bundle, *common, "--profile", status=1).stderr
    check("manifest key probes: found nothing" in message and "tokopt-compile --instrument" in message, message)
    times = make(folder, "times.so", '/probes=[{"kernel":0,"label":"a"},{"kernel":1,"label":"b"}]')
    message = run("tokopt-run", times, *common, "--dump-values", pathlib.Path(folder) / "none", status=1).stderr
    check("found probes that only measure time" in message, message)
    check(len(run_json("tokopt-run", times, *common, "--profile")["profile"]) == 2, "but they do that")
    run("tokopt-run", probed, "--tokenize", "ab", "--profile", status=2)
    run("tokopt-run", probed, "--verify", "--dump-values", "x", status=2)


def test_usage(bundle):
    for arguments in ([], [bundle], [bundle, "--ids"], [bundle, "--ids", "1", "--prompt", "x"], [bundle, "--ids", "1", "--threads", "0"],
                      [bundle, "--ids", "1", "--top-p", "2"], [bundle, "--ids", "1", "--nonsense"], [bundle, "--ids", "1", "--max-tokens", "-1"],
                      [bundle, "--ids", "1", "--max-tokens", "x"], [bundle, "--ids", "1", "--schedule", "sideways"],
                      [bundle, "--print-goldens"], [bundle, "--ids", "1", "--print-goldens", "--json"],
                      [bundle, "--ids", "1", "--greedy", "--temperature", "1"], [bundle, "more", "--ids", "1"]):
        result = run("tokopt-run", *arguments, status=2)
        check(result.stderr.startswith("tokopt-run: error: ") and result.stdout == "", f"message {result.stderr!r}")
    run("tokopt-eval", bundle, status=2)
    run("tokopt-eval", bundle, "--ids-file", "x", "--tokens", 0, status=2)
    run("tokopt-inspect", status=2)
    for tool in ("tokopt-run", "tokopt-eval", "tokopt-inspect"):
        check("Usage" in run(tool, "--help").stdout, "help")
        check(run(tool, "--version").stdout.startswith(tool + " "), "version")


def main():
    with tempfile.TemporaryDirectory() as folder:
        bundle = make(folder, "fake.so")
        test_generation(folder, bundle)
        test_text(folder, bundle)
        test_lost_bytes(folder, bundle)
        test_schedules(folder, bundle)
        test_eval(folder, bundle)
        test_inspect(folder, bundle)
        test_bad_input(folder, bundle)
        test_goldens(folder, bundle)
        test_probes(folder, bundle)
        test_usage(bundle)
    raise SystemExit(1 if failed else 0)


main()
