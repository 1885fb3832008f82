"""Turn gitleaks' rules (MIT licence) into starcoder_lsp/repository/rules/gitleaks.json, as Python has them.

    git clone https://github.com/gitleaks/gitleaks
    python benchmarks/gitleaks_rules.py gitleaks/config/gitleaks.toml COMMIT > gitleaks.json

Needs Python 3.11 (tomllib). Left out: rules about names of files (secret_files.py has those), and the lists of what is
allowed after all: a line too many that is kept out of a prompt costs little.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

_LEAD = r"[\w.-]{0,50}?"
"""In front of many rules: whether a rule matches does not depend on it, and it makes Python's engine quadratic."""
_FLAGS = re.compile(r"\(\?([is]+)\)")


def to_python(expression: str) -> str:
    """Return a Go expression as Python has it: flags in the middle become groups, POSIX classes are spelled out."""
    expression = expression.replace("[[:alnum:]]", "[a-zA-Z0-9]").replace("[:alnum:]", "a-zA-Z0-9")
    expression = expression.replace(r"\z", r"\Z").replace(_LEAD, "")
    while (found := _FLAGS.search(expression, 1 if expression.startswith("(?") else 0)) is not None:
        end = _end_of_group(expression, found.end())
        body = expression[found.end() : end]
        expression = f"{expression[: found.start()]}(?{found[1]}:{body}){expression[end:]}"
    re.compile(expression)
    return expression


def _end_of_group(expression: str, start: int) -> int:
    """Return where the group that `start` stands in ends: its closing parenthesis, or the end of the text."""
    depth, at, inside_class = 0, start, False
    while at < len(expression):
        letter = expression[at]
        if letter == "\\":
            at += 1
        elif inside_class:
            inside_class = letter != "]"
        elif letter == "[":
            inside_class = True
        elif letter == "(":
            depth += 1
        elif letter == ")":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return len(expression)


def main() -> None:
    """Read the file that is named first, and print."""
    toml: Any = importlib.import_module("tomllib")
    rules = toml.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["rules"]
    kept = [
        {
            "id": rule["id"],
            "regex": to_python(rule["regex"]),
            "keywords": rule["keywords"],
            "entropy": rule.get("entropy", 0),
            "group": rule.get("secretGroup", 0),
        }
        for rule in rules
        if "regex" in rule and rule.get("keywords")
    ]
    source = f"https://github.com/gitleaks/gitleaks/blob/{sys.argv[2]}/config/gitleaks.toml"
    json.dump(
        {"source": source, "licence": "MIT, Copyright (c) 2019 Zachary Rice", "rules": kept}, sys.stdout, indent=1
    )
    print()


if __name__ == "__main__":
    main()
