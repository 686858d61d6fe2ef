#!/usr/bin/env python3
# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the contract of every pass as C++ initializers, from the records that llvm-tblgen dumps as JSON.

Usage: contracts.py OUT.inc DUMP.json...
"""
import json
import sys


def main(out, dumps):
    lines = []
    for dump in dumps:
        with open(dump) as file:
            records = json.load(file)
        for name in records["!instanceof"].get("TokPass", []):
            record = records[name]
            contract = records[record["contract"]["def"]]
            fields = [record["argument"]] + [contract[f] for f in ("kind", "bound", "knob", "neutral")]
            idempotent = "true" if record["idempotent"] else "false"
            lines.append("{" + ", ".join(json.dumps(field) for field in fields) + f", {idempotent}}},\n")
    with open(out, "w") as file:
        file.writelines(sorted(lines))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
