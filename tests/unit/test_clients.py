from __future__ import annotations

import pytest

from starcoder_lsp.server.clients import converts_line_ends, declares_inline_completion


@pytest.mark.parametrize(
    "name", ["Visual Studio Code", "Neovim", "emacs", "Eglot", "IntelliJ IDEA 2026.2 (Build 1)", "PyCharm 2026.1"]
)
def test_clients_that_make_their_own_line_ends(name: str) -> None:
    assert converts_line_ends(name)


@pytest.mark.parametrize("name", [None, "helix", "some test"])
def test_others_get_the_files_own(name: str | None) -> None:
    assert not converts_line_ends(name)


@pytest.mark.parametrize(
    ("text_document", "declared"),
    [({"inlineCompletion": None}, True), ({"inlineCompletion": {}}, True), ({"completion": {}}, False), (None, False)],
)
def test_a_null_capability_is_a_declaration(text_document: object, *, declared: bool) -> None:
    assert declares_inline_completion({"capabilities": {"textDocument": text_document}}) is declared


@pytest.mark.parametrize("params", [None, [], {}, {"capabilities": 3}])
def test_odd_parameters_declare_nothing(params: object) -> None:
    assert not declares_inline_completion(params)
