# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads scripts/packages and downloads what it names, each file checked against its SHA-256."""

import hashlib
import os
import pathlib
import subprocess
import sys

CATALOG = pathlib.Path(__file__).parent / "packages"
MODELS = pathlib.Path(os.environ.get("TOKOPT_MODELS") or pathlib.Path.home() / ".cache/tokopt/models")


def entries(kind):
    """The fields after `kind` of each such line."""
    lines = (line.split() for line in CATALOG.read_text().splitlines())
    return [fields[1:] for fields in lines if fields[:1] == [kind]]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def expect_sha256(path, wanted):
    found = sha256(path)
    if found != wanted:
        sys.exit(f"error: {path}: SHA-256 is {found}, expected {wanted}; try again, or check {CATALOG}")


def download(package, version, folder, source=False, digest=None):
    """Downloads the wheel (or the source archive) of a package into an empty folder and returns its path."""
    kind = ["--no-binary", package] if source else ["--only-binary", ":all:"]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind,
                    "--dest", folder, f"{package}=={version}"], check=True)
    (file,) = pathlib.Path(folder).glob("*.tar.gz" if source else "*.whl")
    if digest:
        expect_sha256(file, digest)
    return file
