"""What clients do with what they are sent, where LSP leaves it open or they differ from it."""

from __future__ import annotations

from typing import Any

_CONVERTING = (
    "visual studio code", "code", "vscodium", "cursor", "neovim", "vim", "coc", "emacs", "eglot", "sublime",
    "intellij", "pycharm", "webstorm", "phpstorm", "goland", "clion", "rider", "rubymine", "rustrover", "datagrip",
    "dataspell", "android studio", "aqua", "kate",
)  # fmt: skip
"""Beginnings of the names of clients that turn a newline into the file's own line end when they insert it. Most of them
write a carriage return that is there already twice (seen in Emacs and Neovim) or refuse it (the JetBrains platform)."""


def converts_line_ends(client_name: str | None) -> bool:
    """Return whether a client wants plain newlines; the others (Helix) insert what they get, and get the file's own."""
    return client_name is not None and client_name.lower().startswith(_CONVERTING)


def declares_inline_completion(initialize: Any) -> bool:  # noqa: ANN401 - raw parameters, nothing is taken for granted
    """Return whether the raw parameters of `initialize` name inline completion at all.

    Emacs' lsp-mode sends `"inlineCompletion": null` and does support it; once the message is structured, this cannot be
    told from a client that does not.
    """
    try:
        return "inlineCompletion" in initialize["capabilities"]["textDocument"]
    except (KeyError, TypeError):
        return False
