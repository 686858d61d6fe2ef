# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tokopt-launch and scripts/bench gpu on a driver that plays a GPU.

It computes nothing, so what is seen here is how cases are launched, compared, timed and told, and what becomes of errors. A
case is right where what must come out was there before, and must be wrong where it was not.
"""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["TOKOPT_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parents[3]
LAUNCH = BUILD / "bin/tokopt-launch"
DRIVER = BUILD / "lib/libfake-cuda-driver.so"
failed = 0


def check(holds, text):
    global failed
    print(("ok    " if holds else "FAILED ") + text, flush=True)
    failed += not holds


def cubin(capability, kernel="kernel", sizes=(8, 8, 8)):
    """An ELF file as far as the launcher and the driver read it: its head, and what the kernel's parameters are."""
    names = f"\0.shstrtab\0.nv.info.{kernel}\0".encode()
    # On sm_90, parameters begin at 0x210, so that one that is aligned to 64 bytes begins 48 behind a multiple.
    offset, info = 0, b""
    for number, size in enumerate(sizes):
        offset += (48 - offset) % 64 if size == 128 else 0
        info += struct.pack("<BBHIHHI", 4, 0x17, 12, 0, number, offset, size << 18)
        offset += size
    body = names + info
    sections = [(0, 0, 0, 0), (1, 3, 64, len(names)), (11, 0x70000000, 64 + len(names), len(info))]
    table = b"".join(struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 1, 0) for name, kind, at, size in sections)
    ident = b"\x7fELF\x02\x01\x01\x41\x08" + bytes(7)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, 64 + len(body), capability << 8 | 4, 64, 56, 0, 64, 3, 1) + body + table


PTX = b".version 7.0\n.target sm_80\n.entry kernel(.param .u64 a, .param .u64 b, .param .u64 c) { ret; }\n"


def case(name, kernel="kernel", images=("sm_80.cubin",), threads=(64,), splits=1, **members):
    """A case whose output holds 1, 2, 3 from the beginning. Images are launched with `threads`, in order."""
    return {
        "name": name, "kernel": kernel,
        "images": [{"name": image, "grid": [2, 1, 1], "threads": count, "sharedBytes": 0, "splits": splits, "maps": []}
                   for image, count in zip(images, threads)],
        "buffers": [buffer("out", integers=[1, 2, 3]), buffer("x", bytes=4096, period=64, fill=0)],
        "arguments": [{"buffer": "out", "offset": 4}, 7, {"buffer": "x", "offset": 0}],
        "checks": [{"buffer": "out", "offset": 0, "element": "i32", "count": 3}],
        "isSmall": True, "isRecorded": False, "isTimed": False,
        "timing": {"bytes": 0, "operations": 0, "title": ""}, **members}


def buffer(name, integers=(), **members):
    return {"name": name, "bytes": 4 * len(integers), "fill": 255, "period": 0, "parts": [], "words": [], "integers": list(integers), **members}


def make(folder, cases, expected=(1, 2, 3), source="unknown"):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "cases.json").write_text(json.dumps({"source": source, "cases": cases}))
    for one in cases:
        for image in one["images"]:
            sizes = [8] * len(one["arguments"]) + [128] * len(image["maps"])
            content = PTX if image["name"].endswith(".ptx") else cubin(int(image["name"][3:5]), one["kernel"], sizes)
            (folder / f"{one['name']}.{image['name']}").write_bytes(content)
        pairs = [number for value in expected for number in (value, 0.0)]
        (folder / f"{one['name']}.expected").write_bytes(struct.pack(f"<{len(pairs)}f", *pairs))
    return folder


def run(folder, *arguments, status=0, fake="", driver=DRIVER, launches=None):
    env = {**os.environ, "TOKOPT_CUDA_DRIVER": str(driver), "FAKE_CUDA": fake}
    if launches:
        env["FAKE_CUDA_LAUNCHES"] = str(launches)
    result = subprocess.run([LAUNCH, folder, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=env)
    shown = f"{folder.name} {' '.join(map(str, arguments))} {fake}"
    check(result.returncode == status, f"{shown}: exit status {result.returncode}, expected {status}: {result.stderr.strip()[:300]!r}")
    return result


def report(*arguments, **options):
    return json.loads(run(*arguments, **options).stdout)


def outcomes(*arguments, **options):
    return {one["name"]: one for one in report(*arguments, **options)["cases"]}


def test_right_and_wrong(folder):
    made = make(folder / "right", [case("a"), case("b")])
    launches = folder / "launches"
    told = report(made, launches=launches)
    check([told[key] for key in ("device", "capability", "driver", "source")] == ["Fake GPU", 80, 13000, "unknown"], "the GPU is told")
    check([(one["name"], one["status"]) for one in told["cases"]] == [("a", "right"), ("b", "right")], "both cases are right")
    line = "kernel grid 2 1 1 threads 64 shared 0 arguments address 7 address\n"
    check(launches.read_text() == 2 * line, f"launches {launches.read_text()!r}")

    wrong = outcomes(make(folder / "wrong", [case("a")], expected=(1, 2, 4)), status=1)["a"]
    check(wrong["status"] == "WRONG" and wrong["message"] == "out: the element at byte 8 is 3, expected 4, give or take 0", f"{wrong}")
    check("ms" not in outcomes(made, "--time")["a"], "what has no time is not timed")
    wrong = outcomes(make(folder / "wrong", [case("a", isTimed=True)], expected=(1, 2, 4)), "--time", status=1)["a"]
    check("ms" not in wrong, "what is wrong is not timed")
    check(list(outcomes(made, "--only", "b")) == ["b"], "one of them")
    made = make(folder / "right", [case("a", isSmall=False), case("b")])
    check(list(outcomes(made, "--small")) == ["b"], "the small ones")


def test_time(folder):
    timed = case("a", isTimed=True, splits=4, timing={"bytes": 123, "operations": 4.5, "title": "the title"})
    launches = folder / "launches"
    one = outcomes(make(folder / "timed", [timed]), "--time", "--runs", 5, launches=launches)["a"]
    check(one["title"] == "the title" and one["bytes"] == 123 and one["operations"] == 4.5, f"{one}")
    # The fake GPU takes 0.01 ms for a kernel, so the fewest blocks are the first that are as fast as any.
    check(abs(one["ms"] - 0.01) < 1e-6 and one["splits"] == 1, f"median {one['ms']}, splits {one['splits']}")
    grids = [line.split()[4] for line in launches.read_text().splitlines()]
    # Compared: all four, one and two; timed: each of three with three runs before.
    check(grids == ["4", "1", "2"] + ["1"] * 8 + ["2"] * 8 + ["4"] * 8, f"blocks in z: {grids}")


def test_images(folder):
    images = ["sm_80.cubin", "sm_90a.cubin", "sm_80.ptx"]
    made = make(folder / "images", [case("a", images=images, threads=(64, 128, 96))])
    for capability, threads in ((80, 64), (86, 64), (90, 128), (100, 96)):
        outcomes(made, fake=f"capability={capability}", launches=folder / "launches")
        check(f" threads {threads} " in (folder / "launches").read_text(), f"sm_{capability}: {threads} threads")
    # What is of later tools than the driver's is refused, and the driver makes code of PTX.
    images.append("sm_90a.ptx")
    made = make(folder / "images", [case("a", images=images, threads=(64, 128, 96, 32))])
    refuse = "fail=cuModuleLoadDataEx:1:222"
    for capability, image, threads in ((80, "sm_80.ptx", 96), (90, "sm_90a.ptx", 32)):
        told = outcomes(made, fake=f"capability={capability},{refuse}", launches=folder / "launches")["a"]
        check(told["image"] == image and f" threads {threads} " in (folder / "launches").read_text(), f"sm_{capability} without cubins: {told}")
    told = outcomes(make(folder / "cubins", [case("a")]), fake=refuse, status=1)["a"]
    check(told["status"] == "FAILED" and "a.sm_80.cubin" in told["message"], f"nothing that the driver takes: {told}")
    images.pop()
    made = make(folder / "images", [case("a", images=images, threads=(64, 128, 96))])
    for image, capability in (("sm_80.cubin", 80), ("sm_80.cubin", 89), ("sm_90a.cubin", 90), ("sm_80.ptx", 100)):
        (made / f"a.{image}").rename(made / "away")
        told = outcomes(made, fake=f"capability={capability}", status=1)["a"]
        check(told["status"] == "FAILED" and f"a.{image}" in told["message"], f"sm_{capability} takes {image}: {told['message']}")
        (made / "away").rename(made / f"a.{image}")
    told = outcomes(made, fake="capability=75", status=1)["a"]
    check(told["message"] == "a: found sm_80.cubin, sm_90a.cubin, sm_80.ptx, expected one for sm_75; prepare the folder for this GPU's "
          "architecture", told["message"])
    outcomes(made, "--ptx", fake="capability=90", launches=folder / "launches")
    check(" threads 96 " in (folder / "launches").read_text(), "PTX, although there is a cubin")
    # What only one GPU has is left out on others, and nowhere else.
    made = make(folder / "specific", [case("a", images=["sm_90a.cubin"]), case("b", images=images, threads=(64, 64, 64))])
    for capability, status in ((90, "right"), (80, "skipped"), (100, "skipped")):
        told = outcomes(made, fake=f"capability={capability}")
        check([told["a"]["status"], told["b"]["status"]] == [status, "right"], f"sm_{capability}: {told['a']}")
    check(outcomes(made, fake="capability=80")["a"]["message"] == "has images for other GPUs only: sm_90a.cubin", "why it is left out")
    check(outcomes(made, "--ptx", fake="capability=90")["a"]["message"] == "has no PTX for later GPUs", "PTX that there is not")


def tensor(**members):
    return {"address": {"buffer": "x", "offset": 256}, "element": "bf16", "sizes": [100, 15], "box": [64, 8], "strides": [256],
            "swizzle": 128, **members}


def test_maps(folder):
    """Behind the arguments of a case, those of an image."""
    def mapped(*maps):
        one = case("a", images=["sm_80.cubin", "sm_90a.cubin"], threads=(64, 128))
        one["images"][1]["maps"] = list(maps)
        return one

    made = make(folder / "maps", [mapped(tensor(), tensor(element="i8", sizes=[64], box=[64], strides=[], swizzle=0))])
    for capability, maps in ((80, ""), (90, " map(bf16 100x15 by 256, box 64x8, swizzle 128) map(u8 64, box 64, swizzle 0)")):
        outcomes(made, fake=f"capability={capability}", launches=folder / "launches")
        line = f" arguments address 7 address{maps}\n"
        check((folder / "launches").read_text().endswith(line), f"sm_{capability}: {(folder / 'launches').read_text()!r}")
    # What the driver refuses is one case's error.
    refused = {**mapped(tensor(strides=[200])), "name": "b"}
    told = outcomes(make(folder / "maps", [mapped(tensor()), refused]), fake="capability=90", status=1)
    check([told[name]["status"] for name in "ab"] == ["right", "FAILED"], f"{told}")
    check(told["b"]["message"].startswith("a tensor map of rank 2 at address 0x") and "cuTensorMapEncodeTiled" in told["b"]["message"],
          told["b"]["message"])
    told = outcomes(made, fake="capability=90,driver=11080", status=1)["a"]
    check(told["status"] == "FAILED" and "expected one of CUDA 12.0 or later" in told["message"], f"{told}")
    # The kernel takes one more than the case says.
    (made / "a.sm_90a.cubin").write_bytes(cubin(90, sizes=[8] * 3 + [128] * 2))
    told = outcomes(made, "--only", "a", fake="capability=90", status=1)["a"]
    check(told["message"] == "kernel kernel of a.sm_90a.cubin: found 4 parameters, expected 5", told["message"])
    made = make(folder / "maps", [mapped(tensor(sizes=[100, 16]))])
    one_line(run(made, fake="capability=90", status=1), "case 'a': sm_90a.cubin: found a map of a tensor that has no elements, or more than")


def test_lost(folder):
    cases = [case("before"), case("bad", kernel="faults"), case("after")]
    told = outcomes(make(folder / "lost", cases), status=1)
    check([told[name]["status"] for name in ("before", "bad", "after")] == ["right", "LOST", "right"], f"{told}")
    check(told["bad"]["message"].startswith("kernel faults: "), told["bad"]["message"])
    cases[1]["kernel"] = "hangs"
    told = outcomes(make(folder / "hung", cases), "--timeout-ms", 50, status=1)
    check([told[name]["status"] for name in ("before", "bad", "after")] == ["right", "LOST", "right"], f"{told}")
    check(told["bad"]["message"].startswith("kernel hangs: did not end within 50 ms; "), told["bad"]["message"])
    large = case("large", buffers=[buffer("out", integers=[1, 2, 3]), buffer("x", bytes=1 << 30, period=64)])
    told = outcomes(make(folder / "large", [large, case("after")]), fake="memory=1000000", status=1)
    check(told["large"]["status"] == "FAILED" and "cuMemAlloc" in told["large"]["message"] and told["after"]["status"] == "right", f"{told}")
    missing = outcomes(make(folder / "missing", [case("a", kernel="missing")]), status=1)["a"]
    check(missing["status"] == "FAILED" and missing["message"].startswith("kernel missing of a.sm_80.cubin: "), f"{missing}")


def one_line(result, text):
    lines = result.stderr.splitlines()
    check(len(lines) == 1 and text in lines[0] and result.stdout == "", f"one line with {text!r}: {result.stderr!r}")


def test_bad_input(folder):
    made = make(folder / "right", [case("a")])
    one_line(run(made, status=1, driver="/no/such/libcuda.so.1"), "tokopt-launch: error: /no/such/libcuda.so.1: cannot open the CUDA driver: ")
    one_line(run(made, status=1, fake="gpus=0"), "GPU 0: found 0 GPUs, expected at least 1; ")
    one_line(run(made, "--device", 2, status=1), "GPU 2: found 1 GPUs, expected at least 3; ")
    one_line(run(made, status=1, fake="driver=11030"), "expected a driver of CUDA 11.4 or later")
    one_line(run(made, "--only", "none", status=1), "found no case 'none'")
    one_line(run(folder / "none", status=1), "cases.json: cannot open the file")
    (made / "cases.json").write_text("{")
    one_line(run(made, status=1), "cases.json: cannot be read as cases: ")
    made = make(folder / "right", [case("a", arguments=[{"buffer": "none", "offset": 0}])])
    one_line(run(made, status=1), "cases.json: cannot be read as cases: case 'a': found no buffer 'none'; prepare the folder again")
    text = (made / "cases.json").read_text()
    (made / "cases.json").write_text(text.replace('"threads": 64', '"threads": -64'))
    one_line(run(made, status=1), "/cases/0/images/0/threads: found -64, which is none of what may stand there; ")
    made = make(folder / "right", [case("a")], expected=(1, 2))
    check(outcomes(made, status=1)["a"]["message"].startswith("a.expected: found 16 bytes, expected 24; "), "too few numbers")
    told = run(make(folder / "right", [case("a")]), status=1, fake="fail=cuCtxDestroy:1:999")
    check("cuCtxDestroy" in told.stderr, f"an error at the end: {told.stderr!r}")


def test_version(folder):
    shown = subprocess.run([LAUNCH, "--version"], capture_output=True, text=True).stdout
    check(shown.startswith("tokopt-launch 0."), f"--version prints {shown!r}")


def test_record(folder):
    made = make(folder / "recorded", [case("a", isRecorded=True), case("b")])
    records = folder / "records"
    records.mkdir()
    run(made, "--record", records)
    check([file.name for file in records.iterdir()] == ["a.json"], "one recording")
    told = json.loads((records / "a.json").read_text())
    check(told["case"] == "a" and told["device"] == "Fake GPU" and told["outputs"] == {"out": "010000000200000003000000"}, f"{told}")
    # What is not as the simulator has it is recorded, too.
    (records / "a.json").unlink()
    run(make(folder / "recorded", [case("a", isRecorded=True)], expected=(1, 2, 4)), "--record", records, status=1)
    check(json.loads((records / "a.json").read_text())["outputs"] == {"out": "010000000200000003000000"}, "it is recorded as it is")


def source_state():
    """What scripts/bench gpu finds: the commit, or that git does not know."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def bench(folder, *arguments, status=0, driver=DRIVER, env=None):
    env = {**os.environ, "TOKOPT_CUDA_DRIVER": str(driver), "PATH": "/usr/bin:/bin", "CUDA_HOME": "/no/such/toolkit", **(env or {})}
    result = subprocess.run([ROOT / "scripts/bench", "gpu", "--folder", folder, *arguments], capture_output=True, text=True, timeout=60, env=env)
    check(result.returncode == status, f"scripts/bench gpu: exit status {result.returncode}, expected {status}: {result.stderr!r}")
    return result


def test_bench(folder):
    source = source_state()
    timing = {"bytes": 10**6, "operations": 0, "title": "reads of 16 bytes, R"}
    products = {"bytes": 0, "operations": 4e9, "title": "prefill"}
    cases = [case("read", isTimed=True, timing=timing), case("decode-8k-f16-x32", isTimed=True, timing={**timing, "title": "decode"}),
             case("prefill-16k-full", isTimed=True, timing=products), case("other"), case("instruction", isRecorded=True)]
    made = make(folder / "bench", cases, source=source)
    shutil.copy(LAUNCH, made)
    shown = bench(made).stdout
    check("correctness: 5 cases are right\n" in shown, "all are compared")
    check("the oldest architecture's PTX: 0 cases are right, 5 are for other GPUs\n" in shown, "and what has PTX as PTX")
    check("timing: 3 cases are right\n" in shown, "of which some are timed")
    check("| decode | 0.0100 | 100 GB/s | 100 % of R (goal 90 %) |  | met |" in shown, f"a goal that is met: {shown}")
    check("| prefill | 0.0100 | 400 TFLOP/s | G not available | not available | not decided |" in shown, "without PyTorch nothing is decided")
    check("PyTorch: not available (No module named 'torch'); " in shown, "and that is said")
    check([file.name for file in (made / "recordings").iterdir()] == ["instruction.json"], "instructions are recorded")
    check((made / "results.md").read_text() in shown and json.loads((made / "results.json").read_text())["report"]["device"] == "Fake GPU",
          "results in the folder")
    (made / "results.json").unlink()
    pairs = struct.pack("<6f", 1, 0, 2, 0, 5, 0)
    (made / "other.expected").write_bytes(pairs)
    told = bench(made, status=1)
    check("error: other: WRONG: " in told.stderr and told.stderr.endswith("error: 1 cases are not right\n") and
          "NOT RIGHT, so not timed: other." in told.stdout and "| decode | 0.0100 |" in (made / "results.md").read_text(),
          f"a case that is wrong costs no other: {told.stdout!r}")
    (made / "read.expected").rename(made / "kept")
    (made / "read.expected").write_bytes(pairs)
    told = bench(made, status=1)
    check("NOT RIGHT, so not timed: read, other." in told.stdout and "R not timed" in told.stdout, f"without R: {told.stdout!r}")
    (made / "kept").rename(made / "read.expected")
    # A new process goes on behind a case that faults, as often as one does.
    faulty = make(folder / "faulty", [case("first", kernel="faults"), cases[0], case("second", kernel="faults"), cases[1]], source=source)
    shutil.copy(LAUNCH, faulty)
    told = bench(faulty, status=1)
    check("correctness: 2 cases are right, 2 are not right\n" in told.stdout and "| decode | 0.0100 |" in told.stdout, f"others go on: {told.stdout!r}")
    # One process for each start: all four, those behind the first, those behind the second.
    statuses = [line for line in told.stderr.splitlines() if line.startswith("read: ")]
    check(statuses.count("read: right") == 3, f"all, behind the fault, timed: {told.stderr!r}")
    # An instruction that is not as in the simulator stops nothing, but it is told.
    (made / "other.expected").rename(made / "instruction.expected")
    shutil.copy(made / "read.expected", made / "other.expected")
    told = bench(made, status=1)
    check("correctness: 4 cases are right, 1 instructions are not as in the simulator\n" in told.stdout, f"it is told: {told.stdout!r}")
    check("Not as in the simulator: instruction." in (made / "results.md").read_text() and "| decode | 0.0100 |" in told.stdout, "and in the results")
    check(told.stderr.splitlines()[-1].startswith("error: 1 instructions are not as in the simulator; what they gave is in "), told.stderr)
    one_line(bench(folder / "none", status=1), "make the folder with scripts/bench gpu --prepare")
    cases_file = (made / "cases.json").read_text()
    for damaged in ("{", "{}", "[]", cases_file[:-9]):
        (made / "cases.json").write_text(damaged)
        one_line(bench(made, status=1), "cases.json: is damaged; prepare the folder again")
    (made / "cases.json").write_text(cases_file)
    (folder / "mine").mkdir()
    (folder / "mine/thesis.txt").write_text("x")
    mine = subprocess.run([ROOT / "scripts/bench", "gpu", "--prepare", "--folder", folder / "mine"], capture_output=True, text=True)
    check(mine.returncode == 1 and "holds other things" in mine.stderr and (folder / "mine/thesis.txt").exists(), f"what is ours stays: {mine.stderr!r}")
    stderr = bench(made, status=1, driver="/no/such/libcuda.so.1").stderr
    check(len(stderr.splitlines()) == 1 and "cannot open the CUDA driver" in stderr, f"without a GPU one line: {stderr!r}")
    if source != "unknown":
        make(made, cases, source="another")
        shutil.copy(LAUNCH, made)
        one_line(bench(made, status=1), "found kernels of another, expected those of this checkout")


def test_sanitizer(folder):
    """A stand-in for compute-sanitizer: it runs the program, and one of its tools finds something."""
    made = make(folder / "sanitized", [case("a"), case("large", isSmall=False)], source=source_state())
    shutil.copy(LAUNCH, made)
    home = folder / "cuda/bin"
    home.mkdir(parents=True)
    tools = ["memcheck", "racecheck", "initcheck", "synccheck"]
    summary = {name: "RACECHECK SUMMARY: 0 hazards displayed" if name == "racecheck" else "ERROR SUMMARY: 0 errors" for name in tools}
    for outcome, status, output in (("clean", 0, None), ("NOT CLEAN", 9, "a race\nRACECHECK SUMMARY: 1 hazard displayed"),
                                    ("did not run", 1, "Error: Target application returned an error. Device not supported.")):
        other = f'test "$2" = racecheck && echo "{output}" && exit {status}\n' if output else ""
        told = "\n".join(f'test "$2" = {name} && echo "========= {line}"' for name, line in summary.items())
        tool = home / "compute-sanitizer"
        tool.write_text(f'#!/bin/sh\necho "$@" >> {folder}/sanitized.log\n{other}{told}\nshift 4\nexec "$@"\n')
        tool.chmod(0o755)
        told = bench(made, status=int(outcome == "NOT CLEAN"), env={"CUDA_HOME": str(folder / "cuda")})
        wanted = ", ".join(f"{name} {outcome if name == 'racecheck' else 'clean'}" for name in tools)
        check(f"compute-sanitizer: {wanted}." in told.stdout, f"each tool is told: {wanted}")
        check(output is None or output.splitlines()[0] in told.stdout, "what it says is shown")
    lines = (folder / "sanitized.log").read_text().splitlines()
    check(len(lines) == 12 and all("--error-exitcode 9" in line and line.endswith("--timeout-ms 120000 --only a") for line in lines),
          f"it runs the small cases: {lines[:1]}")


# As much of PyTorch as the baseline uses: everything takes 2 ms, or 1 ms where cuDNN does it; one backend is missing.
TORCH = """
import enum
from contextlib import contextmanager

class Tensor:
    def __matmul__(self, other):
        state["ms"] = 2.0
    def fill_(self, value):
        pass
    def repeat_interleave(self, times, dimension):
        return self

state = {"backend": None, "ms": 0.0}

class Event:
    def __init__(self, enable_timing):
        pass
    def record(self):
        pass
    def synchronize(self):
        pass
    def elapsed_time(self, end):
        return state["ms"]

class SDPBackend(enum.Enum):
    FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION = range(3)

@contextmanager
def sdpa_kernel(backend):
    state["backend"] = backend
    yield

def scaled_dot_product_attention(q, k, v, is_causal):
    if state["backend"] == SDPBackend.FLASH_ATTENTION:
        raise RuntimeError("No available kernel")
    state["ms"] = 1.0 if state["backend"] == SDPBackend.CUDNN_ATTENTION else 2.0

def make(*arguments, **options):
    return Tensor()
"""


def test_baseline(folder):
    """scripts/torch_baseline.py with a PyTorch that computes nothing."""
    package = folder / "python/torch"
    (package / "nn").mkdir(parents=True)
    (package / "nn/attention.py").write_text(TORCH)
    (package / "nn/__init__.py").write_text("from . import attention\nfrom .attention import *\nfunctional = attention\n")
    (package / "__init__.py").write_text("from types import SimpleNamespace as N\nfrom . import nn\n__version__ = '9.9'\nbfloat16 = uint8 = None\n"
                                         "randn = empty = nn.attention.make\ncuda = N(is_available=lambda: True, Event=nn.attention.Event, "
                                         "get_device_properties=lambda device: N(L2_cache_size=1))\n")
    timing = {"bytes": 0, "operations": 4e9, "title": "prefill"}
    made = make(folder / "baseline", [case("prefill-16k-full", isTimed=True, timing=timing), case(
        "linear-bf16-8192", isTimed=True, timing={**timing, "title": "linear"})], source=source_state())
    shutil.copy(LAUNCH, made)
    shown = bench(made, env={"PYTHONPATH": str(folder / "python")}).stdout
    # 2 * 8192^3 operations in 2 ms are 550 TFLOP/s, and 4e9 in 0.01 ms 400.
    for line in ("| prefill | 0.0100 | 400 TFLOP/s | 73 % of G (goal 65 %) | 1.000 ms (CUDNN_ATTENTION), 100.00x | met |",
                 "| linear | 0.0100 | 400 TFLOP/s | 73 % of G |  |  |", "| cuBLAS bf16 8192^3, G | | 550 TFLOP/s | | | |", "PyTorch: 9.9; "):
        check(line in shown, f"{line}: {shown!r}")


def test_goals():
    """What scripts/bench gpu makes of figures. R is 100 GB/s, that is 10^5 bytes in 1 us."""
    loader = importlib.machinery.SourceFileLoader("bench_gpu", str(ROOT / "scripts/bench-gpu"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_gpu", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)

    def verdicts(baseline, **ms):
        sizes = {"read": (10**9, 0), "decode-8k-f16-x32": (10**9, 0), "decode-8k-i8-x32": (5 * 10**8, 0), "decode-8k-f16-x1": (10**8, 0),
                 "prefill-16k-full": (0, 4e12), "norm-8k": (10**8, 0)}
        cases = [{"name": name, "title": name, "ms": time, "bytes": sizes[name][0], "operations": sizes[name][1]}
                 for name, time in ((key.replace("_", "-"), value) for key, value in ms.items())]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in module.table({"cases": cases}, baseline)[2:]]
        return {row[0]: (row[3], row[4], row[5]) for row in rows}

    G = {"cublas_tflops": 500.0, "sdpa_full_ms": 12.0, "sdpa_full_backend": "X", "sdpa_causal_ms": None, "sdpa_causal_backend": None}
    told = verdicts(G, read=10.0, decode_8k_f16_x32=11.0, decode_8k_i8_x32=6.0, decode_8k_f16_x1=1.4, prefill_16k_full=12.0, norm_8k=1.2)
    check(told["decode-8k-f16-x32"] == ("91 % of R (goal 90 %)", "", "met"), str(told["decode-8k-f16-x32"]))
    check(told["decode-8k-i8-x32"] == ("1.83x as fast as f16 (goal 1.8x)", "", "met"), str(told["decode-8k-i8-x32"]))
    check(told["decode-8k-f16-x1"] == ("1.40x of bytes / R (goal 1.5x)", "", "met"), str(told["decode-8k-f16-x1"]))
    # 4e12 operations in 12 ms are 333 TFLOP/s.
    check(told["prefill-16k-full"] == ("67 % of G (goal 65 %)", "12.000 ms (X), 1.00x", "met"), str(told["prefill-16k-full"]))
    check(told["norm-8k"] == ("83 % of R (goal 90 %)", "", "MISSED"), str(told["norm-8k"]))
    told = verdicts({**G, "sdpa_full_ms": 11.0}, read=10.0, decode_8k_i8_x32=6.0, decode_8k_f16_x1=1.6, prefill_16k_full=12.0)
    check(told["prefill-16k-full"] == ("67 % of G (goal 65 %)", "11.000 ms (X), 0.92x", "MISSED"), "PyTorch is faster")
    told_alone = verdicts({**G, "sdpa_full_ms": None}, prefill_16k_full=12.0)["prefill-16k-full"]
    check(told_alone == ("67 % of G (goal 65 %)", "not available", "not decided"), f"no attention of PyTorch's works: {told_alone}")
    check(told["decode-8k-f16-x1"][2] == "MISSED", "more than 1.5x of what reading takes")
    check(told["decode-8k-i8-x32"] == ("f16 not timed", "", "not decided"), "nothing to compare with")
    check(verdicts(G, norm_8k=1.0)["norm-8k"] == ("R not timed", "", "not decided"), "without R nothing is decided")


with tempfile.TemporaryDirectory() as name:
    for test in (test_right_and_wrong, test_time, test_images, test_maps, test_lost, test_bad_input, test_version, test_record, test_bench, test_sanitizer,
                 test_baseline):
        test(pathlib.Path(name))
    test_goals()
sys.exit(1 if failed else 0)
