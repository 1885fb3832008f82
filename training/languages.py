"""File name -> language, as the corpus and the held-out report name them."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["language_of"]

_BY_SUFFIX = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".java": "java",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".hpp": "cpp",
    ".hh": "cpp",
    ".sh": "shell",
    ".bash": "shell",
    ".bats": "shell",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".md": "markdown",
}


def language_of(path: str) -> str | None:
    """The language of a file by its suffix, or None for what the corpus does not use.

    >>> language_of("a/b.py"), language_of("x.d.ts"), language_of("logo.png")
    ('python', 'typescript', None)
    """
    return _BY_SUFFIX.get(PurePosixPath(path).suffix.lower())
