"""Code to complete, with the cursor marked."""

from __future__ import annotations

import random

MARK = "▌"


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
