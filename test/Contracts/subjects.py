# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What contracts are held against: models as IR, bundles made of them, and the logits these give."""

import hashlib
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Integration"))
from harness import BUILD, ROOT, Checks, model_file, run, tiny_model, tool, up_to_date  # noqa: E402, F401

FOLDER = BUILD / "test/contracts"
# One level is enough: what tells levels apart is test/lib/Kernels' business.
TARGET = "avx2"
# Chunks of seven rows use the kernels for many rows (a tile of four) and those for few; more than a page of positions.
CHUNK, IDS = 7, [(7 * i + 3) % 200 for i in range(75)]


class Failed(Exception):
    """A program refused what it was given."""


def opt(text, pipeline, *options):
    """Module passes on `text`: the new text, and the remarks as [(kind, place, reason)]."""
    result = subprocess.run([tool("tokopt-opt"), *options, f"--pass-pipeline=builtin.module({pipeline})", "--remarks-filter=.*"],
                            input=text, capture_output=True, text=True)
    if result.returncode:
        raise Failed(f"{pipeline}: {result.stderr.strip()[:500]}")
    remarks = re.findall(r'^(\S+): remark: \[(\w+)\] .*?(?:Remark="([^"]*)".*)?$', result.stderr, re.M)
    return result.stdout, [(kind, place, reason) for place, kind, reason in remarks]


def import_model(path):
    """The module that stands for a model file. Equal files give equal text."""
    return run(tool("tokopt-import"), path, "-o", "-").stdout


def bundle(text, backend):
    """The bundle of a module. The same module is compiled once."""
    name = hashlib.sha256(f"{backend} {TARGET} {text}".encode()).hexdigest()[:24]
    module, path = FOLDER / f"{name}.mlir", FOLDER / f"{name}.so"

    def compile_():
        module.write_text(text)
        command = [tool("tokopt-compile"), module, f"--backend={backend}", f"--target={TARGET}", "--pipeline=", "-o", path]
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if result.returncode:
            raise Failed(f"tokopt-compile --backend={backend}: {result.stderr.strip()[:500]}")

    return up_to_date(path, [tool("tokopt-compile")], compile_)


def is_real(text):
    return not re.search(r'name = "tiny"', text)


def logits(text, backend, threads=1, chunk=CHUNK):
    """The logits of every position, as f32; of a real model, those of a few."""
    ids, chunk = (IDS[:16], 16) if is_real(text) else (IDS, chunk)
    command = [tool("logits"), bundle(text, backend), ",".join(map(str, ids)), str(threads), str(chunk)]
    result = subprocess.run(list(map(str, command)), capture_output=True)
    if result.returncode:
        raise Failed(result.stderr.decode().strip())
    found = np.frombuffer(result.stdout, np.float32)
    if len(found) == 0 or len(found) % len(ids) or not np.isfinite(found).all():
        raise Failed(f"found {len(found)} logits for {len(ids)} positions, not all finite")
    return found


def distance(found, wanted):
    """The largest difference over the root mean square of what is wanted."""
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    return np.abs(found - wanted).max() / np.sqrt((wanted**2).mean())


MODELS = {
    "llama": [],
    # Formats without blocks too, an output matrix of its own, biases.
    "qwen2": ["--arch", "qwen2", "--separate-output", "--formats",
              "q4_0,attn_k=q4_1,attn_v=q5_0,attn_output=q8_0,ffn_down=f16,ffn_up=f32,token_embd=q8_0"],
    # Two kinds of layers, blocks of 256.
    "k256": ["--size", "k256", "--formats", "q4_k,attn_v=q6_k/q4_k,ffn_down=q6_k,token_embd=q6_k"],
}


def subject(name):
    """A model as text: a tiny random one, or a real one."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return import_model(tiny_model(*MODELS[name]) if name in MODELS else model_file(name))
