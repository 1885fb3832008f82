"""The whole server over ctransformers: a StarCoder GGUF that is repacked on the way, and a GGML file as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.engine.repack import repack
from starcoder_lsp.lsp_client import Client
from starcoder_lsp.models.gguf import read_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URI = "file:///project/total.py"
TEXT = "def total(values):\n    result = 0\n    for value in values:\n        "


async def suggestion(options: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return the engine's line of the status, and the text that is suggested at the end of a small file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    session = await Client.start([], {"confidence": 0, **options})
    try:
        status = await session.ready()
        session.open(URI, "python", TEXT)
        items = await session.suggest(URI, 3, 8, manual=True)
        session.change(URI, 2, TEXT + "r")
        more = await session.suggest(URI, 3, 9, manual=True)
        assert items
        assert more is not None
        return str(status), str(items[0].insert_text)
    finally:
        await session.stop()


def copies(folder: Path) -> int:
    return len(list(folder.rglob("*.ggml")))


@pytest.mark.slow
async def test_a_gguf_file(model: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"model": str(model("Q4_K")), "engine": "ctransformers"}
    status, text = await suggestion(options, tmp_path, monkeypatch)
    assert "'engine': 'ctransformers'" in status
    assert text.strip()
    assert copies(tmp_path) == 1
    again, same = await suggestion(options, tmp_path, monkeypatch)
    assert (again, same) == (status, text)


@pytest.mark.slow
async def test_a_ggml_file_chooses_ctransformers_by_itself(
    model: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repack(read_header(model("Q8_0")), folder=tmp_path)
    status, text = await suggestion({"model": str(path)}, tmp_path, monkeypatch)
    _, other = await suggestion({"model": str(model("Q8_0"))}, tmp_path, monkeypatch)
    assert text.strip()
    assert text == other, f"ctransformers and llama.cpp complete differently ({status})"
