"""Whatever a state's numbers depend on makes another identity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from starcoder_lsp.engine.states.identity import identity, model_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_in_its_place_with_its_size_and_time_is_another(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(8 << 20))
    before, times = identity([path], ()), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    assert identity([path], ()) == before
    path.write_bytes(bytes(4 << 20) + os.urandom(4 << 20))
    os.utime(path, ns=times)
    assert identity([path], ()) != before


def test_a_touched_file_and_other_facts_are_others(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    found = {identity([path], ()), identity([path], ("f16",)), identity([path, path], ())}
    os.utime(path, (1, 1))
    assert len({*found, identity([path], ())}) == 4


def test_a_model_has_one_key_however_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"")
    (tmp_path / "link.gguf").symlink_to(path)
    assert model_key(tmp_path / "link.gguf") == model_key(path) != model_key(tmp_path / "other.gguf")
