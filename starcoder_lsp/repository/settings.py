"""What may be set about the reading of folders; `config.Settings` has the options and their checks."""

from __future__ import annotations

from attrs import frozen

__all__ = ["ContextSettings"]


@frozen(kw_only=True)
class ContextSettings:
    """Whether, how much and from where neighbouring files are read.

    Attributes:
        enabled: off: nothing is scanned, watched or put in front of a prompt.
        budget: the share of the window that neighbours may take, 0 to 0.75.
        exclude: patterns as `.gitignore` has them, relative to each folder of the workspace. They come on top of
            what is left out anyway, and can bring nothing back.
        max_files: the most files of a folder that are read: those near open ones first, then those changed last.
    """

    enabled: bool = True
    budget: float = 0.25
    exclude: tuple[str, ...] = ()
    max_files: int = 100_000
