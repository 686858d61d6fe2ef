# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights that the bundler computes against the same weights computed by numpy into a file: equal bundles, byte for byte.

weight_expressions.py tiny | smollm2
"""

import filecmp
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

import numpy_quantize
from harness import Checks, generate, model_file, run, tiny_model, tool
from numpy_model import Gguf

TARGET = "avx2"
TENSORS = {"attn_out": "attn_output"}  # a family's role in the file, where it has another name

WEIGHT = re.compile(r'tok\.weight @(?P<name>\S+) (?:layers = \[(?P<layers>[^\]]*)\] )?: tensor<(?P<shape>(?:\d+x)+)(?P<element>[^>]*)>'
                    r' = source "(?P<file>[^"]*)" at \[(?P<offsets>[^\]]*)\]')


def layer_list(text):
    """[0-2, 5] as numbers."""
    layers = []
    for part in text.split(", "):
        first, _, last = part.partition("-")
        layers += range(int(first), int(last or first) + 1)
    return layers


def find(text, name):
    (match,) = [match for match in WEIGHT.finditer(text) if match["name"] == name]
    return match


def values(gguf, match):
    """The f32 values of each member, by layer (None: of all)."""
    role = TENSORS.get(match["name"], match["name"].split(".")[0])
    layers = layer_list(match["layers"]) if match["layers"] else [None]
    return {layer: gguf.tensor(f"blk.{layer}.{role}.weight" if layer is not None else f"{role}.weight", np.float32)
            for layer in layers}


def tensor(match, element):
    return f"tensor<{match['shape']}{element if element in ('f32', 'f16') else '!tok.' + element}>"


def head(match, element):
    layers = f"layers = [{match['layers']}] " if match["layers"] else ""
    return f"tok.weight @{match['name']} {layers}: {tensor(match, element)} = source "


def computed(text, name, element, scale=None):
    """The module with the family `name` dequantized, its columns scaled by the family `scale`, and quantized to `element`."""
    match = find(text, name)
    plain, stored = tensor(match, "f32"), tensor(match, match["element"].removeprefix("!tok."))
    vector = f"tensor<{match['shape'].split('x')[1]}xf32>"
    lines = [f"{head(match, element)}\"{match['file']}\" at [{match['offsets']}] : {stored}" + (f" with @{scale}" if scale else "") + " {",
             f"^bb0(%w: {stored}" + (f", %s: {vector}" if scale else "") + "):",
             f"  %d = tok.dequantize %w : {stored}"]
    if scale:
        lines.append(f"  %e = tok.scale_columns %d, %s : {plain}")
    lines += [f"  %q = tok.quantize {'%e' if scale else '%d'} -> {tensor(match, element)}", f"  tok.yield %q : {tensor(match, element)}", "}"]
    return text[: match.start()] + "\n".join(lines) + text[match.end():]


def precomputed(text, gguf, name, element, factors, path):
    """The same with what numpy computes, which is appended to the file at `path`. `factors` are those of each layer."""
    match = find(text, name)
    offsets = []
    with open(path, "ab") as file:
        for layer, x in values(gguf, match).items():
            if factors:
                x = numpy_quantize.scale_columns(x, factors[layer])
            offsets.append(file.tell())
            file.write(numpy_quantize.quantize(x, element))
    return text[: match.start()] + head(match, element) + f'"{path}" at [{", ".join(map(str, offsets))}]' + text[match.end():]


def compile_text(text, folder, name, backend):
    module, path = pathlib.Path(folder) / f"{name}.mlir", pathlib.Path(folder) / f"{name}.{backend}.so"
    module.write_text(text)
    run(tool("tokopt-compile"), module, f"--backend={backend}", f"--target={TARGET}", "-o", path)
    return path


def equal(check, text, gguf, edits, folder):
    """All of `edits` (family, format, family to scale by) at once, on both backends. Gives the bundle of the CPU."""
    one = other = text
    path = pathlib.Path(folder) / "weights.bin"
    path.write_bytes(b"")
    for name, element, scale in edits:
        one = computed(one, name, element, scale)
        other = precomputed(other, gguf, name, element, scale and values(gguf, find(text, scale)), path)
    # Printed and read again, as any module.
    one = subprocess.run([tool("tokopt-opt"), "--verify-roundtrip"], input=one, check=True, capture_output=True, text=True).stdout
    for backend in ("reference", "cpu"):
        bundles = [compile_text(module, folder, name, backend) for name, module in (("computed", one), ("file", other))]
        size = os.path.getsize(bundles[0])
        what = ", ".join(f"{name} in {element}{' x ' + scale if scale else ''}" for name, element, scale in edits)
        check(filecmp.cmp(*bundles, shallow=False), f"{backend}: {what}: {size} bytes are equal")
    return bundles[0]


def tiny(check, folder):
    model = tiny_model("--formats", "q4_1,attn_k=q8_0/q5_0,attn_v=f16,ffn_down=f32,token_embd=q8_0", "--layers", "3")
    gguf, text = Gguf(model), run(tool("tokopt-import"), model, "-o", "-").stdout
    edits = [("ffn_up", "q8_0", "ffn_norm"), ("ffn_gate", "f32", "ffn_norm"), ("attn_q", "f16", "attn_norm"),
             ("attn_v", "q4_1", None), ("attn_k.q8_0", "q4_0", None), ("attn_k.q5_0", "q8_0", "attn_norm"),
             ("ffn_down", "q5_0", None), ("token_embd", "q4_0", "output_norm")]
    path = equal(check, text, gguf, edits, folder)
    original = compile_text(text, folder, "original", "cpu")
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    logits = [dict(map(tuple, generate(bundle, ids, 1, "--top-logits", 1000)["first_logits"])) for bundle in (path, original)]
    check(all(np.isfinite(list(found.values())).all() for found in logits), "logits are finite")
    check(logits[0] != logits[1], "logits are not those of the weights in the file")

    # The mechanism alone changes nothing: f32 values of a weight are its values.
    same = compile_text(computed(text, "ffn_up", "f32"), folder, "same", "reference")
    plain = compile_text(text, folder, "plain", "reference")
    logits = [generate(bundle, ids, 1, "--top-logits", 1000)["first_logits"] for bundle in (same, plain)]
    check(logits[0] == logits[1], "reference: ffn_up as its f32 values gives the same logits")

    # What only expressions read is not in the bundle.
    extra = f'tok.weight @unread layers = [0-2] : tensor<96xf32> = source "{model}" at [{find(text, "ffn_norm")["offsets"]}]'
    at = find(text, "ffn_up").start()
    for backend in ("reference", "cpu"):
        paths = [compile_text(module, folder, name, backend) for name, module in (
            ("shared", computed(text, "ffn_up", "q8_0", "ffn_norm")),
            ("own", computed(text[:at] + extra + "\n" + text[at:], "ffn_up", "q8_0", "unread")))]
        check(filecmp.cmp(*paths, shallow=False), f"{backend}: a family that only an expression reads is not in the bundle")

    chain(check, text, gguf, folder)
    refused(check, text, model, folder)


def chain(check, text, gguf, folder):
    """A family that is computed from a computed one, which rounds: norms as f16, widened again."""
    norm, at = find(text, "ffn_norm"), find(text, "ffn_up").start()
    source = f'source "{norm["file"]}" at [{norm["offsets"]}] : tensor<96xf32>'
    families = f"""
tok.weight @factors layers = [0-2] : tensor<96xf32> = {source} with @halves {{
^bb0(%unread: tensor<96xf32>, %h: tensor<96xf16>):
  %d = tok.dequantize %h : tensor<96xf16>
  tok.yield %d : tensor<96xf32>
}}
tok.weight @halves layers = [0-2] : tensor<96xf16> = {source} {{
^bb0(%w: tensor<96xf32>):
  %q = tok.quantize %w -> tensor<96xf16>
  tok.yield %q : tensor<96xf16>
}}
"""
    path = pathlib.Path(folder) / "chain.bin"
    path.write_bytes(b"")
    rounded = {layer: x.astype(np.float16).astype(np.float32) for layer, x in values(gguf, norm).items()}
    one = computed(text[:at] + families + text[at:], "ffn_up", "q8_0", "factors")
    other = precomputed(text, gguf, "ffn_up", "q8_0", rounded, path)
    for backend in ("reference", "cpu"):
        paths = [compile_text(module, folder, name, backend) for name, module in (("chain", one), ("unchained", other))]
        check(filecmp.cmp(*paths, shallow=False), f"{backend}: weights computed from computed ones")


def refused(check, text, model, folder):
    """What is wrong with a range or a value is said with the weight's name, and leaves no file."""
    cut = pathlib.Path(folder) / "cut.gguf"
    cut.write_bytes(model.read_bytes()[:30000])
    bad = np.full((3, 160, 96), 1, np.float32)
    bad[2, 17, 70] = np.inf
    values_path = pathlib.Path(folder) / "bad.bin"
    values_path.write_bytes(bad.tobytes())
    match = find(text, "ffn_up")
    source = f'"{values_path}" at [0, {160 * 96 * 4}, {2 * 160 * 96 * 4}]'
    infinite = text[: match.start()] + head(match, "f32") + source + text[match.end():]
    for name, module, message in (
        ("cut", computed(text, "ffn_up", "q8_0").replace(f'"{match["file"]}" at [{match["offsets"]}] :', f'"{cut}" at [{match["offsets"]}] :'),
         "tensor 'ffn_up': its data, 9600 bytes at offset"),
        ("infinite", computed(infinite, "ffn_up", "q8_0"), "weight 'ffn_up': row 17, from column 64 on: cannot be rounded to q8_0"),
    ):
        path, output = pathlib.Path(folder) / f"{name}.mlir", pathlib.Path(folder) / f"{name}.so"
        path.write_text(module)
        result = subprocess.run([tool("tokopt-compile"), path, f"--target={TARGET}", "-o", output], capture_output=True, text=True)
        check(result.returncode and message in result.stderr and not output.exists(), f"{name}: {result.stderr.strip()}")


def smollm2(check, folder):
    model = model_file("smollm2")
    gguf, text = Gguf(model), run(tool("tokopt-import"), model, "-o", "-").stdout
    equal(check, text, gguf, [("ffn_up", "q8_0", "ffn_norm"), ("token_embd", "q4_0", None)], folder)


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        {"tiny": tiny, "smollm2": smollm2}[sys.argv[1]](check, folder)
    check.done()


if __name__ == "__main__":
    main()
