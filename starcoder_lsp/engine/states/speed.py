"""The reading speed that the first process measured with a model, kept beside its states.

Windows are as long as the model is fast. A later process that measures something like it goes on with it: with windows
of another length it would find nothing of what is kept.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starcoder_lsp.engine.states.folder import SPEED

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.engine.states.folder import StatesFolder

_FASTER: Final = 4.0
_SLOWER: Final = 64.0
"""How many times faster or slower a process must be for what is kept to say nothing more. A machine that compiles was
seen to read 36 times slower: that says little of the machine."""


def kept_speed(folder: StatesFolder, model: str, measured: float) -> float:
    """Return the kept tokens a second, or what was `measured` where that is far from it; then that is kept."""
    try:
        path = folder.of_model(model) / SPEED
        known = _read(path)
        if not measured / _FASTER <= known <= measured * _SLOWER:
            path.write_text(f"{measured:.1f}\n", "ascii")
            return measured
    except OSError:
        return measured
    return known


def _read(path: Path) -> float:
    with suppress(FileNotFoundError, ValueError):
        return float(path.read_text("ascii"))
    return 0.0
