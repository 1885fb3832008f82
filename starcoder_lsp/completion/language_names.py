"""What a language is called, and what begins a line's comment in it, by its LSP id."""

from __future__ import annotations

_LINE_COMMENTS = {
    "python": "#", "ruby": "#", "shellscript": "#", "yaml": "#", "toml": "#", "perl": "#", "r": "#", "elixir": "#",
    "julia": "#", "dockerfile": "#", "makefile": "#",
    "lua": "--", "sql": "--", "haskell": "--",
}  # fmt: skip
"""`//` for the others."""

_NAMES = {
    "cpp": "C++", "csharp": "C#", "css": "CSS", "cuda-cpp": "CUDA", "fsharp": "F#", "html": "HTML",
    "javascript": "JavaScript", "javascriptreact": "JavaScript", "json": "JSON", "latex": "TeX",
    "objective-c": "Objective-C", "objective-cpp": "Objective-C++", "php": "PHP", "shellscript": "Shell", "sql": "SQL",
    "tex": "TeX", "typescript": "TypeScript", "typescriptreact": "TypeScript", "xml": "XML", "yaml": "YAML",
}  # fmt: skip
"""Those that are not simply written with a capital."""


def line_comment(language: str) -> str:
    """Return what begins a comment that ends with its line."""
    return _LINE_COMMENTS.get(language, "//")


def language_name(language: str) -> str:
    """Return what people call it: `Python`, `C++`; empty where the id is.

    >>> language_name("python"), language_name("cpp"), language_name("")
    ('Python', 'C++', '')
    """
    return _NAMES.get(language, language.capitalize())
