# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import shutil

import lit.formats
import lit.llvm

lit.llvm.initialize(lit_config, config)
from lit.llvm import llvm_config  # exists only after initialize()

config.name = "tokopt"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.tokopt_obj_root, "test")

# A capture does not outlive its CHECK-LABEL block unless it is named %[[$X]].
# A prefix on a RUN line that no check uses is an error.
llvm_config.with_environment(
    "FILECHECK_OPTS", "-enable-var-scope --allow-unused-prefixes=false"
)

bin_dir = os.path.join(config.tokopt_obj_root, "bin")
os.makedirs(bin_dir, exist_ok=True)
llvm_config.with_environment("PATH", [bin_dir, config.llvm_tools_dir], append_path=True)
tools = sorted(name for name in os.listdir(bin_dir) if name.startswith("tokopt-"))
llvm_config.add_tool_substitutions(
    tools + ["FileCheck", "not", "split-file", "count", "mlir-opt", "mlir-runner"],
    [bin_dir, config.llvm_tools_dir],
)
config.available_features.update(tools)

config.substitutions.append(("%plugins", os.path.join(config.tokopt_obj_root, "lib")))
config.substitutions.append(("%python", config.tokopt_python))
config.substitutions.append(("%scripts", os.path.join(config.tokopt_src_root, "scripts")))
config.substitutions.append(("%inputs", os.path.join(config.test_source_root, "Inputs")))

# Models live outside the tree: a test that needs one says `REQUIRES: smollm2`.
models = os.environ.get("TOKOPT_MODELS") or os.path.expanduser("~/.cache/tokopt/models")
config.substitutions.append(("%models", models))
config.environment["TOKOPT_MODELS"] = models
for feature, name in (
    ("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    ("qwen2", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
):
    if os.path.exists(os.path.join(models, name)):
        config.available_features.add(feature)

# Where lib/Target/Cuda looks for ptxas.
llvm_config.with_system_environment(["TOKOPT_PTXAS", "CUDA_HOME"])
if any(
    os.access(place, os.X_OK)
    for place in (
        os.environ.get("TOKOPT_PTXAS", ""),
        os.path.join(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "bin", "ptxas"),
        shutil.which("ptxas") or "",
        os.path.join(models, "..", "ptxas", "ptxas"),
    )
):
    config.available_features.add("ptxas")

# A test sees no kernel that was built before it.
config.environment["TOKOPT_CACHE"] = ""

# What the machine can run: `REQUIRES: avx512vnni` or `REQUIRES: avx2`.
with open("/proc/cpuinfo") as cpuinfo:
    flags = set(next((line for line in cpuinfo if line.startswith("flags")), "").split())
if {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"} <= flags:
    config.available_features.add("avx512vnni")
if {"avx2", "fma", "f16c"} <= flags:
    config.available_features.add("avx2")
