"""One state in a file: what is sealed comes back, and nothing else does."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starcoder_lsp.engine.states.sealed import Torn, check, ids_of, packed, seal, unpacked

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY, OTHER = b"i" * 32, b"o" * 32
IDS = packed([1, 49_151, 0, 7])


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "one.state"
    path.write_bytes(bytes(range(256)) * 3)
    seal(path, IDS, IDENTITY)
    return path


def test_what_was_sealed_is_whole(sealed: Path) -> None:
    assert ids_of(sealed, IDENTITY) == IDS
    assert unpacked(IDS) == [1, 49_151, 0, 7]
    check(sealed, IDS, IDENTITY)


def test_the_payload_stays_in_front(sealed: Path) -> None:
    assert sealed.read_bytes().startswith(bytes(range(256)) * 3)


@pytest.mark.parametrize("at", [0, 300, 767, 768, 770, 783, 784, 792, 800, 808, 850, -1])
def test_one_other_bit_breaks_the_seal(sealed: Path, at: int) -> None:
    data = bytearray(sealed.read_bytes())
    data[at] ^= 1
    sealed.write_bytes(data)
    with pytest.raises(Torn):
        check(sealed, IDS, IDENTITY)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 871))
def test_a_file_that_was_cut_off_is_torn(sealed: Path, length: int) -> None:
    whole = sealed.read_bytes()
    assert len(whole) > length
    cut = sealed.with_name("cut.state")
    cut.write_bytes(whole[:length])
    with pytest.raises(Torn):
        check(cut, IDS, IDENTITY)


def test_more_at_the_end_or_in_the_middle_is_torn(sealed: Path) -> None:
    whole = sealed.read_bytes()
    for data in (whole + b"\0", whole[:700] + b"\0" + whole[700:], whole + whole):
        sealed.write_bytes(data)
        with pytest.raises(Torn):
            check(sealed, IDS, IDENTITY)


def test_another_model_or_other_ids_are_refused(sealed: Path) -> None:
    with pytest.raises(Torn, match="another model"):
        ids_of(sealed, OTHER)
    with pytest.raises(Torn, match="other tokens"):
        check(sealed, packed([1, 2]), IDENTITY)


@pytest.mark.skipif(sys.platform == "win32", reason="no links without rights there")
def test_a_link_or_a_folder_is_not_opened(sealed: Path) -> None:
    link = sealed.with_name("link.state")
    link.symlink_to(sealed)
    with pytest.raises(OSError, match="link"):
        ids_of(link, IDENTITY)
    pipe = sealed.with_name("pipe.state")
    os.mkfifo(pipe)
    with pytest.raises(Torn, match="not a file of ours"):
        ids_of(pipe, IDENTITY)
