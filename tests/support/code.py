"""Code to complete, with the cursor marked."""

from __future__ import annotations

import random

MARK = "▌"


PLACES = (
    "def total(values):\n    result = 0\n    for value in values:\n        result += ▌\n    return result\n",
    "import os\nfrom pathlib import ▌\n\n\ndef main():\n    print(os.getcwd())\n",
    "class Point:\n    def __init__(self, x, y):\n        self.x = ▌\n        self.y = y\n",
    "def read(path):\n    with open(path) as ▌\n        return file.read()\n",
    "for index, name in ▌:\n    print(index, name)\n",
    "try:\n    value = int(text)\nexcept ▌:\n    value = 0\n",
    "function add(a, b) {\n  return ▌;\n}\n",
    'names = ["anna", "bert"]\nif name not in ▌:\n    raise KeyError(name)\n',
)
"""Places where different things make sense."""


def place_of(marked: str) -> tuple[str, int, int]:
    """Return the text without its mark, and the mark's line and column (zero-based, in characters)."""
    before, after = marked.split(MARK)
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1


def long_text(seed: int, lines: int = 700) -> str:
    """Return code of thousands of tokens that no two seeds share: to evaluate it takes the small model a second."""
    draw = random.Random(seed)  # noqa: S311 - it is no secret
    words = ["total", "value", "index", "name", "items", "count", "result", "key", "path", "node"]
    made = []
    for _ in range(lines):
        left, first, second = draw.choice(words), draw.choice(words), draw.choice(words)
        made.append(f"{left}_{draw.randrange(1000)} = {first}[{draw.randrange(100)}] + {second}({draw.random():.6f})")
    return "\n".join(made) + "\n"
