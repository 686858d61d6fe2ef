#!/usr/bin/python3
# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Records anew what Jinja2 writes for the templates in test/Inputs/templates.json.

The file says what to render; this fills in `expected`, or `error` where Jinja2 refuses. It needs
jinja2 3.1, in the mode in which chat templates are run. For the templates of real models, give
their files of key/value records: `record-templates.py smollm2=FILE.kv qwen2=FILE.kv`.
"""

import json
import pathlib
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

CASES = pathlib.Path(__file__).resolve().parents[2] / "Inputs/templates.json"


def refuse(message):
    raise jinja2.TemplateError(message)


def environment():
    result = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    result.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    result.globals["raise_exception"] = refuse
    return result


def render(template, messages, begin="<s>", end="</s>"):
    return environment().from_string(template).render(
        messages=messages, add_generation_prompt=True, bos_token=begin, eos_token=end, tools=None, documents=None)


def template_in(records):
    """The chat template in a file of key/value records: the bytes behind its key, type and length."""
    key = b"tokenizer.chat_template"
    start = records.index(key) + len(key) + 4
    size = int.from_bytes(records[start:start + 8], "little")
    return records[start + 8:start + 8 + size].decode()


def dump(value):
    return json.dumps(value, ensure_ascii=False)


def main():
    data = json.loads(CASES.read_text())
    for case in data["cases"]:
        case.pop("expected", None)
        case.pop("error", None)
        try:
            case["expected"] = render(case["template"], data["conversations"][case["messages"]])
        except (jinja2.TemplateError, TypeError, ValueError, ZeroDivisionError, AttributeError):
            case["error"] = True
    for argument in sys.argv[1:]:
        name, path = argument.split("=")
        template = template_in(pathlib.Path(path).read_bytes())
        data["models"][name] = {key: render(template, messages) for key, messages in data["conversations"].items()
                                if messages}

    lines = ["{", '"about": ' + dump(data["about"]) + ",", '"conversations": {']
    lines.append(",\n".join(f"{dump(name)}: {dump(messages)}" for name, messages in data["conversations"].items()))
    lines += ["},", '"models": {']
    lines.append(",\n".join(f"{dump(name)}: {dump(prompts)}" for name, prompts in data["models"].items()))
    lines += ["},", '"cases": [', ",\n".join(dump(case) for case in data["cases"]), "]", "}"]
    CASES.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
