"""What the integration tests share: programs, models, bundles, reference data, and how a test fails or skips."""

import fcntl
import json
import os
import pathlib
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


def bundle(model, *options):
    """Compiles a model once for each set of options and program; tests that need the same bundle share it."""
    folder = BUILD / "test/bundles"
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join([pathlib.Path(model).stem, *(option.strip("-").replace("=", "-") for option in options)])
    path = folder / f"{name}.so"
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(tool("tokopt-compile").stat().st_mtime, pathlib.Path(model).stat().st_mtime)
        if not path.exists() or path.stat().st_mtime < newest:
            run(tool("tokopt-compile"), model, "-o", path, *options)
    return path


def tiny_model(folder, *options):
    """A small random model file made by scripts/make-model.py."""
    path = pathlib.Path(folder) / ("-".join(["tiny", *(o.strip("-").replace("=", "-") for o in options)]) + ".gguf")
    run("/usr/bin/python3", ROOT / "scripts/make-model.py", *options, path)
    return path


def eval_nll(bundle_path, ids, *options, **run_options):
    """tokopt-eval on the first len(ids) - 1 predictions."""
    with tempfile.TemporaryDirectory() as folder:
        return run_json(tool("tokopt-eval"), bundle_path, "--ids-file", id_file(ids, folder), *options, "--json",
                        **run_options)


def generate(bundle_path, ids, count, *options, **run_options):
    """Greedy continuation of ids through tokopt-run."""
    with tempfile.TemporaryDirectory() as folder:
        return run_json(tool("tokopt-run"), bundle_path, "--ids-file", id_file(ids, folder), "--max-tokens", count,
                        "--greedy", "--ignore-eos", "--json", *options, **run_options)
