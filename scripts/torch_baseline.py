# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What PyTorch reaches on this GPU, for scripts/bench-gpu: JSON on the standard output. Where there is none, it says why and exits with 1."""

import json
import statistics
import sys

try:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError as error:
    sys.exit(f"{error}")

RUNS, WARM_UP = 20, 3
ROWS, QUERY_HEADS, KEY_HEADS, SIZE = 16384, 32, 8, 128


def milliseconds(work):
    """Median of event times with a cold L2, as the kernels are timed."""
    flush = torch.empty(max(64 << 20, 2 * torch.cuda.get_device_properties(0).L2_cache_size), dtype=torch.uint8, device="cuda")
    times = []
    for run in range(WARM_UP + RUNS):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        flush.fill_(run)
        begin.record()
        work()
        end.record()
        end.synchronize()
        if run >= WARM_UP:
            times.append(begin.elapsed_time(end))
    return statistics.median(times)


def best_attention(causal):
    """The fastest of PyTorch's own backends, and its name."""
    q = torch.randn(1, QUERY_HEADS, ROWS, SIZE, dtype=torch.bfloat16, device="cuda")
    # Every head has keys of its own, because not every backend shares them; what is read does not bound these sizes.
    k, v = (torch.randn(1, KEY_HEADS, ROWS, SIZE, dtype=torch.bfloat16, device="cuda").repeat_interleave(QUERY_HEADS // KEY_HEADS, 1)
            for _ in range(2))
    found = {}
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                found[backend.name] = milliseconds(
                    lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal))
        except RuntimeError:  # a backend that this GPU or build lacks
            continue
    return min(((time, name) for name, time in found.items()), default=(None, None))


def main():
    if not torch.cuda.is_available():
        sys.exit("it finds no GPU")
    a, b = (torch.randn(8192, 8192, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    result = {"version": torch.__version__, "cublas_tflops": 2 * 8192**3 / milliseconds(lambda: a @ b) / 1e9}
    for name, causal in (("full", False), ("causal", True)):
        result[f"sdpa_{name}_ms"], result[f"sdpa_{name}_backend"] = best_attention(causal)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
