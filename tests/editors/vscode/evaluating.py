"""The server, which also writes down when its engine evaluated something, and how many tokens.

usage: evaluating.py LOG [ARGUMENTS OF starcoder-lsp...]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starcoder_lsp.cli import main
from starcoder_lsp.engine.llama_cpp import LlamaCpp

if TYPE_CHECKING:
    from collections.abc import Callable


def noting(call: Callable[..., Any], log: Path) -> Callable[..., Any]:
    """A call of the engine that leaves a note of when it began and ended, in ms, and of what it evaluated."""

    def noted(*arguments: Any, **options: Any) -> Any:
        begun = time.time() * 1e3
        result = call(*arguments, **options)
        evaluation = getattr(result, "prefill", result)
        entry = {"begun": begun, "ended": begun + evaluation.ms, "evaluated": evaluation.evaluated}
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return result

    return noted


if __name__ == "__main__":
    file = Path(sys.argv[1])
    for name in ("prefill", "generate"):
        setattr(LlamaCpp, name, noting(getattr(LlamaCpp, name), file))
    main(sys.argv[2:])
