"""A long random editing run: no selection ever holds what must not be in a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.repository.service import Repository
from tests.support.random_workspace import RandomWorkspace
from tests.support.workspaces import tokens

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("seed", "steps"), [(8, 30), *(pytest.param(seed, 1_500, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_no_selection_of_a_long_run_holds_what_it_must_not(
    tmp_path: Path, seed: int, steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    repository = Repository(cache_folder=tmp_path / "cache")
    try:
        work = RandomWorkspace((tmp_path / "work").resolve(), repository, seed)
        repository.set_roots([work.folder])
        assert repository.wait(120)
        selected = secret_neighbours = 0
        for _ in range(steps):
            work.step()
            path, offset = work.cursor
            text = work.opened.get(path, "")
            offset = min(offset, len(text))
            budget = work.draw.choice((64, 512, 4_096, 100_000))
            window = (max(0, offset - 200), min(len(text), offset + 200)) if work.draw.random() < 0.5 else None
            selection = repository.select(work.folder / path, text, offset, window, budget, tokens)
            assert not work.wrong_in(selection, budget), work.done[-5:]
            assert not [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
            selected += len(selection.snippets)
            secret_neighbours += sum(bool(work.wrong(work.opened.get(one.path, ""))) for one in selection.snippets)
        assert selected > steps
        assert secret_neighbours > steps // 10
        repository.close()
        [cached] = [one.read_bytes() for one in (tmp_path / "cache").glob("*.npz")]
        assert not work.wrong(cached.decode("latin-1"))
    finally:
        repository.close()
