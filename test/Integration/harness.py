# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the integration tests share: programs, models, bundles, reference data, and how a test fails or skips."""

import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TOKOPT_BUILD", ROOT / "build"))
MODELS = pathlib.Path(os.environ.get("TOKOPT_MODELS") or pathlib.Path.home() / ".cache/tokopt/models")
REFERENCE = ROOT / "test/Inputs/reference"
FILES = {
    "smollm2": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "qwen2": "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
}
SKIPPED = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


class Checks:
    """Counts what failed, so that one run shows every deviation."""

    def __init__(self):
        self.failed = 0

    def __call__(self, holds, text):
        print(("ok    " if holds else "FAILED ") + text, flush=True)
        self.failed += not holds

    def done(self):
        sys.exit(1 if self.failed else 0)


def tool(name):
    return BUILD / "bin" / name


def model_file(name):
    path = MODELS / FILES[name]
    if not path.exists():
        skip(f"{path} is not there; scripts/get-model {name}")
    return path


def reference(name):
    """The recorded run on weights dequantized to f32, and the prompts."""
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    (run,) = [run for run in data["runs"] if run["run"].startswith("weights dequantized to f32")]
    return run, {prompt["name"]: prompt["ids"] for prompt in data["prompts"]}


def text_ids(name):
    return json.loads((REFERENCE / f"{name}-gpl3-ids.json").read_text())["ids"]


def run(*command, **options):
    options = {"check": True, "stdout": subprocess.PIPE, "text": True, **options}
    return subprocess.run([str(part) for part in command], **options)


def run_json(*command, **options):
    return json.loads(run(*command, **options).stdout)


def id_file(ids, folder):
    path = pathlib.Path(folder) / f"ids-{len(ids)}.txt"
    path.write_text(",".join(map(str, ids)))
    return path


def up_to_date(path, sources, make):
    """Makes `path` if it is missing or older than one of its sources; tests that want the same file share it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(pathlib.Path(source).stat().st_mtime for source in sources)
        if not path.exists() or path.stat().st_mtime < newest:
            make()
    return path


def slug(options):
    """Options as a file name."""
    return re.sub(r"[^\w.]+", "-", " ".join(options)).strip("-") or "plain"


def bundle(model, *options):
    """The bundle of a model."""
    path = BUILD / "test/bundles" / f"{pathlib.Path(model).stem}-{slug(options)}.so"
    return up_to_date(path, [tool("tokopt-compile"), model],
                      lambda: run(tool("tokopt-compile"), model, "-o", path, *options))


def tiny_model(*options):
    """A small random model made by scripts/make-model.py."""
    script = ROOT / "scripts/make-model.py"
    path = BUILD / "test/models" / f"tiny-{slug(options)}.gguf"
    return up_to_date(path, [script], lambda: run("/usr/bin/python3", script, *options, path))


def levels(path):
    """The ISA levels of a bundle that this CPU can run, best first."""
    found = re.findall(r"^level +(\S+) .*runs here$", run(tool("tokopt-inspect"), path).stdout, re.M)
    if not found:
        sys.exit(f"FAILED tokopt-inspect names no level of {path} that runs here")
    return found


def sections(path):
    """Sections of an ELF file: {name: (offset, bytes)}."""
    rows = re.findall(r"^\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+\w+\s+(\w+)\s+(\w+)", run("readelf", "-SW", path).stdout, re.M)
    return {name: (int(offset, 16), int(size, 16)) for name, offset, size in rows}


# Tests whose property has nothing to do with threads use one, and run beside each other. Those that have (company, schedule,
# contracts) start more, and are ALONE.
ONE_THREAD = ("--threads", "1")


def eval_nll(bundle_path, ids, *options, **run_options):
    """tokopt-eval on the first len(ids) - 1 predictions, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        return run_json(tool("tokopt-eval"), bundle_path, "--ids-file", id_file(ids, folder), *ONE_THREAD, *options, "--json",
                        **run_options)


def generate(bundle_path, ids, count, *options, **run_options):
    """Greedy continuation of ids through tokopt-run, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        return run_json(tool("tokopt-run"), bundle_path, "--ids-file", id_file(ids, folder), "--max-tokens", count,
                        "--greedy", "--ignore-eos", "--json", *ONE_THREAD, *options, **run_options)
