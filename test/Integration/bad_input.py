# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Damaged models and bundles at the command line: one line that says what is wrong, exit status 1, nothing left behind.

Which damage gives which message is the unit tests' business; here every program survives it.
"""

import concurrent.futures
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import BUILD, ROOT, Checks, bundle, sections, tiny_model, tool

SEED = 4


class Attempts:
    """Runs a program on damaged copies of a file and judges how it ended."""

    def __init__(self, check, folder):
        self.check, self.folder = check, pathlib.Path(folder)
        self.cases = []
        self.slowest = (0.0, "")

    def add(self, name, data, command, must_fail=True):
        """`command` maps the damaged file and a path for output to the arguments."""
        self.cases.append((name, data, command, must_fail))

    def attempt(self, number):
        name, data, command, must_fail = self.cases[number]
        home = self.folder / str(number)
        home.mkdir()
        file, output = home / "damaged.bin", home / "output"
        file.write_bytes(data)
        arguments = [str(part) for part in command(file, output)]
        start = time.monotonic()
        result = subprocess.run(arguments, capture_output=True, text=True, errors="replace", timeout=120)
        self.slowest = max(self.slowest, (time.monotonic() - start, name))
        left = {path.name for path in home.iterdir()} - {file.name}
        shutil.rmtree(home)
        lines = result.stderr.strip().splitlines()
        if result.returncode not in (0, 1):
            return f"{name}: exit status {result.returncode}: {result.stderr[-600:]}"
        if result.returncode == 0:
            return f"{name}: was accepted" if must_fail else None
        if left:
            return f"{name}: left {', '.join(sorted(left))}"
        if len(lines) != 1 or "error" not in lines[0] or file.name not in lines[0]:
            return f"{name}: expected one line with 'error' and the file's name, found: {result.stderr[-600:]!r}"
        return None

    def run(self, title):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = [problem for problem in pool.map(self.attempt, range(len(self.cases))) if problem]
        for problem in problems[:10]:
            print(problem)
        self.check(not problems, f"{title}: {len(self.cases)} files, {len(problems)} problems; "
                   f"slowest {self.slowest[0]:.1f} s, {self.slowest[1]}")
        self.cases, self.slowest = [], (0.0, "")


def truncations(data, head):
    """Cut at every percent, and inside the head."""
    cuts = {len(data) * percent // 100 for percent in range(100)}
    cuts |= {*range(0, 32), *range(32, head, max(1, head // 64))}
    return sorted(cut for cut in cuts if cut < len(data))


def flips(data, end, count):
    """One byte changed somewhere before `end`."""
    draw = random.Random(SEED)
    for _ in range(count):
        at, mask = draw.randrange(end), draw.randrange(1, 256)
        damaged = bytearray(data)
        damaged[at] ^= mask
        yield f"byte {at} ^ {mask:#x}", bytes(damaged)


def damage_models(check, folder):
    model = tiny_model()
    data = model.read_bytes()
    head = data.rindex(b"output_norm.weight") + 64
    attempts = Attempts(check, folder)
    read = lambda file, output: [tool("tokopt-import"), file, "-o", output]
    for cut in truncations(data, head):
        attempts.add(f"cut at {cut}", data[:cut], read)
    attempts.run("tokopt-import, truncated")
    attempts.add("wrong magic", b"GGUX" + data[4:], read)
    for at, what in ((4, "version"), (8, "tensor count"), (16, "key count")):
        for value in (0, 1 << 31, 1 << 63, (1 << 64) - 1):
            size = 4 if at == 4 else 8
            damaged = bytearray(data)
            damaged[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            attempts.add(f"{what} {value:#x}", bytes(damaged), read)
    attempts.run("tokopt-import, absurd header")
    # A flipped byte of a name or a number may leave a valid model.
    for name, damaged in flips(data, head, 150):
        attempts.add(name, damaged, read, must_fail=False)
    attempts.run("tokopt-import, flipped bytes")
    compile_ = lambda file, output: [tool("tokopt-compile"), file, "-o", output]
    for cut in truncations(data, head)[::10]:
        attempts.add(f"cut at {cut}", data[:cut], compile_)
    attempts.run("tokopt-compile, truncated")


def damage_bundles(check, folder):
    path = bundle(tiny_model())
    data = path.read_bytes()
    inspect = lambda file, output: [tool("tokopt-inspect"), file]
    # One thread each: many of them run at a time.
    run = lambda file, output: [tool("tokopt-run"), file, "--ids", "1,2,3", "--max-tokens", "1", "--threads", "1"]
    attempts = Attempts(check, folder)
    for cut in truncations(data, 64):
        attempts.add(f"cut at {cut}", data[:cut], run)
        if cut % 7 == 0:
            attempts.add(f"cut at {cut} (inspect)", data[:cut], inspect)
    attempts.run("bundle, truncated")
    # The digest covers everything but the weights, and code before it must not run.
    weights, size = sections(path)[".tok.weights"]
    check(size > 0, f"weights of {size} bytes at {weights}")
    for name, damaged in flips(data, weights, 150):
        attempts.add(name, damaged, run)
    attempts.run("bundle, flipped outside its weights")


def guard_outputs(check, folder):
    """Whatever stops a program, the output that was there stays, and nothing else is left."""
    folder = pathlib.Path(folder)
    model = tiny_model()
    home, scratch = folder / "home", folder / "scratch"
    home.mkdir()
    scratch.mkdir()
    output = home / "out.so"
    old = b"the old one"

    def intact(name, stop):
        output.write_bytes(old)
        status, message = stop()
        left = sorted(path.name for path in home.iterdir())
        check(status != 0, f"{name}: status {status}")
        check(left == ["out.so"] and output.read_bytes() == old, f"{name}: the old output is whole; {left}")
        return message

    def interrupted(command, place):
        """SIGINT while the program is about to make a system call (stop_at.c)."""
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={
            **os.environ, "LD_PRELOAD": str(BUILD / "lib/libstop-at.so"), "STOP_AT": place, "TMPDIR": str(scratch)})
        status = os.waitpid(process.pid, os.WUNTRACED)[1]
        there = [*home.iterdir(), *scratch.iterdir()]
        check(os.WIFSTOPPED(status) and len(there) > 1, f"{place}: stopped with files of its own: {len(there) - 1}")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        message = process.communicate()[1]
        check(not any(scratch.iterdir()), f"{place}: nothing is left in the folder for temporary files")
        return process.returncode, message

    # One that writes its input anew has nothing else but it.
    module = folder / "m.mlir"
    subprocess.run([tool("tokopt-import"), model, "-o", module], check=True)
    old = module.read_bytes()
    kernels = ROOT / "test/Sim/counts.mlir"
    for name, command in (("tokopt-import", [tool("tokopt-import"), model, "-o", output]),
                          ("tokopt-opt", [tool("tokopt-opt"), output, "--tok-quantize-cache", "-o", output]),
                          ("tokopt-kernels", [tool("tokopt-kernels"), kernels, "--emit=llvm", "-o", output])):
        for place in (f"write:{home}/", f"rename:{home}/"):
            intact(f"{name}, SIGINT at {place}", lambda: interrupted(command, place))

    command = [str(tool("tokopt-compile")), str(model), "-o", str(output), "--no-cache"]
    for place in (f"write:{scratch}/", f"write:{home}/", f"rename:{home}/"):
        intact(f"SIGINT at {place}", lambda: interrupted(command, place))

    # Levels are compiled beside each other, which is where a signal has surprises; a full disk has none.
    command.append("--target=avx2")
    subprocess.run(command, check=True)
    size = output.stat().st_size

    def limited(most):
        # A file may not grow beyond this: what a full disk looks like to the program.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        return result.returncode, result.stderr

    # The first stops the object file, the second the bundle.
    for most in (4096, size - 4096):
        message = intact(f"full disk at {most}", lambda: limited(most))
        check("error" in message, f"full disk at {most}: {message.strip()!r}")

    missing = folder / "no such folder/out.so"
    result = subprocess.run([*command[:3], str(missing), command[-1]], stderr=subprocess.PIPE, text=True)
    check(result.returncode == 1 and "error" in result.stderr and "no such folder" in result.stderr,
          f"unwritable output: status {result.returncode}, {result.stderr.strip()!r}")


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        {"models": damage_models, "bundles": damage_bundles, "outputs": guard_outputs}[sys.argv[1]](check, folder)
    check.done()


if __name__ == "__main__":
    main()
