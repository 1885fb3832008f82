"""Repacking once: what comes out, where it is kept, and what may go wrong on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import gguf
import numpy as np
import pytest
from attrs import evolve

from benchmarks.random_model import write_random_model
from starcoder_lsp.config import Settings
from starcoder_lsp.engine import repack as repacking
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.repack import cache_folder, repack, repacked_path
from starcoder_lsp.errors import Cancelled, ModelError, ModelUnsupported
from starcoder_lsp.loading import load
from starcoder_lsp.models.ggml import container as ggml_container
from starcoder_lsp.models.ggml.container import read_container
from starcoder_lsp.models.ggml.header import read_ggml_header
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

TEXT = "def f(x):\n\treturn {'ä': x ** 2, \"日本\": '<fim_middle>'}  # 12345 🎉\n"


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "little [model].gguf"
    write_random_model(path, arch="starcoder", quantisation="Q4_0")
    return path


def data_of(path: Path, name: str) -> NDArray[np.uint8]:
    """Return the bytes of a tensor of a GGML file, one row of the matrix after the other."""
    container = read_container(path)
    at = path.stat().st_size - sum(
        tensor.head_size + tensor.size for tensor in container.shape.tensors(tied=container.tied)
    )
    for tensor in container.shape.tensors(tied=container.tied):
        at += tensor.head_size
        if tensor.name == name:
            rows = tensor.dims[1] if len(tensor.dims) > 1 else 1
            return np.fromfile(path, np.uint8, tensor.size, offset=at).reshape(rows, -1)
        at += tensor.size
    raise KeyError(name)


def test_weights_of_one_type_stay_bit_for_bit(source: Path, tmp_path: Path) -> None:
    copy = repack(read_header(source), folder=tmp_path)
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(source).tensors}
    for theirs, ours in (("token_embd.weight", "model/wte"), ("blk.3.ffn_down.weight", "model/h3/mlp/c_proj/w")):
        np.testing.assert_array_equal(data_of(copy, ours), tensors[theirs])


def test_the_shared_key_and_value_head_is_repeated(source: Path, tmp_path: Path) -> None:
    copy = repack(read_header(source), folder=tmp_path)
    joint = next(tensor.data for tensor in gguf.GGUFReader(source).tensors if tensor.name == "blk.1.attn_qkv.weight")
    query, key, value = joint[:256], joint[256:320], joint[320:]
    np.testing.assert_array_equal(
        data_of(copy, "model/h1/attn/c_attn/w"), np.concatenate([query, *[key] * 4, *[value] * 4])
    )


def test_positions_become_float32(source: Path, tmp_path: Path) -> None:
    copy = repack(read_header(source), folder=tmp_path)
    positions = next(tensor.data for tensor in gguf.GGUFReader(source).tensors if tensor.name == "position_embd.weight")
    np.testing.assert_array_equal(data_of(copy, "model/wpe").view(np.float32), positions.astype(np.float32))


def test_the_tokenizer_of_the_copy_is_that_of_the_source(source: Path, tmp_path: Path) -> None:
    original = Tokenizer.from_header(read_header(source))
    rebuilt = Tokenizer.from_header(read_ggml_header(repack(read_header(source), folder=tmp_path)))
    assert rebuilt.encode(TEXT) == original.encode(TEXT)
    for token in range(original.vocab_size):
        assert rebuilt.piece(token) == original.piece(token)
        assert rebuilt.is_control(token) == original.is_control(token)
    assert rebuilt.id_of("<fim_middle>") == original.id_of("<fim_middle>") == 2


def test_it_is_done_once(source: Path, tmp_path: Path) -> None:
    first = repack(read_header(source), folder=tmp_path)
    made = first.stat().st_mtime_ns
    calls: list[tuple[int, int]] = []
    second = repack(read_header(source), folder=tmp_path, progress=lambda *call: calls.append(call))
    assert second == first == repacked_path(read_header(source), tmp_path)
    assert second.stat().st_mtime_ns == made
    assert calls == []


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_damaged_copy_is_made_again(source: Path, tmp_path: Path, keep: int) -> None:
    copy = repack(read_header(source), folder=tmp_path)
    whole = copy.read_bytes()
    copy.write_bytes(whole[:keep])
    assert repack(read_header(source), folder=tmp_path) == copy
    assert copy.read_bytes() == whole


def test_progress_goes_from_nothing_to_all(source: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    copy = repack(read_header(source), folder=tmp_path, progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[0] == 0
    assert calls[-1] == (copy.stat().st_size, copy.stat().st_size)


def test_a_changed_source_is_repacked_anew_and_the_old_copy_goes(source: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(source.read_bytes())
    other = repack(read_header(source), folder=tmp_path)
    old = repack(read_header(model), folder=tmp_path)
    os.utime(model, ns=(0, time.time_ns() + 10**9))
    new = repack(read_header(model), folder=tmp_path)
    assert new != old
    assert new.exists()
    assert not old.exists()
    assert other.exists()


def test_without_room_nothing_is_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage())
    with pytest.raises(ModelError, match="has 0 MB free"):
        repack(read_header(source), folder=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_written_to(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match="could not be repacked"):
        repack(read_header(source), folder=tmp_path / "file" / "cache")


def test_a_load_that_repacks_is_cancelled_and_leaves_no_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repacking, "cache_folder", lambda: tmp_path)
    cancel, seen = CancelToken(), []

    def report(message: str, percent: int | None) -> None:
        if percent is not None:
            seen.append(message)
            cancel.cancel()

    with pytest.raises(Cancelled):
        load(Settings(model=str(source), engine="ctransformers", context_size=256), report, cancel)
    assert len(seen) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_an_interrupted_repacking_leaves_no_file(source: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repack(read_header(source), folder=tmp_path, progress=interrupt)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    read_container(repack(read_header(source), folder=tmp_path))


PROCESS = """
import os, signal, sys
from pathlib import Path
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.engine.repack import repack
written = 0
def progress(done, total):
    global written
    written = max(written, done)
    if sys.argv[3] == "die" and done > total // 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if done and sys.argv[3] == "slow":
        __import__("time").sleep(0.01)
path = repack(read_header(Path(sys.argv[1])), folder=Path(sys.argv[2]), progress=progress)
print("wrote" if written else "found", path)
"""


def start(source: Path, folder: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(source), str(folder), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_process_leaves_nothing_that_counts(source: Path, tmp_path: Path) -> None:
    process = start(source, tmp_path, "die")
    process.communicate()
    assert process.returncode == -9
    assert not list(tmp_path.glob("*.ggml"))
    assert list(tmp_path.glob("*.part"))
    read_container(repack(read_header(source), folder=tmp_path))
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_at_once_do_it_once(source: Path, tmp_path: Path) -> None:
    processes = [start(source, tmp_path, "slow") for _ in range(3)]
    answers = [process.communicate()[0].split(maxsplit=1) for process in processes]
    assert sorted(answer[0] for answer in answers) == ["found", "found", "wrote"]
    assert len({answer[1] for answer in answers}) == 1
    read_container(repacked_path(read_header(source), tmp_path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "starcoder2"}, "sliding window"),
        ({"architecture": "llama"}, "only StarCoder"),
        ({"feed_forward_length": 1000}, "1000 wide"),
        ({"head_count_kv": 3}, "share 3 keys"),
        ({"metadata": {"starcoder.attention.layer_norm_epsilon": 1e-6}}, "epsilon"),
    ],
)
def test_what_the_library_cannot_run(source: Path, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelUnsupported, match=words):
        repack(evolve(read_header(source), **changes), folder=tmp_path)  # type: ignore[arg-type]


def test_a_mixture_is_brought_to_one_type(tmp_path: Path) -> None:
    path = tmp_path / "mixture.gguf"
    write_random_model(path, arch="starcoder", quantisation="Q4_K")
    container = read_container(repack(read_header(path), folder=tmp_path))
    assert container.shape.weights == gguf.GGMLQuantizationType.Q5_1


def test_weights_pass_through_a_few_rows_at_a_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = repack(read_header(source), folder=tmp_path / "whole").read_bytes()
    monkeypatch.setattr(repacking, "_NUMBERS_AT_ONCE", 256 * 7)
    assert repack(read_header(source), folder=tmp_path / "parts").read_bytes() == whole


def test_the_copy_is_checked_before_it_gets_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget: Callable[..., None] = lambda *_arguments: None  # noqa: E731 - in place of a function
    monkeypatch.setattr(ggml_container, "write_tensor_head", forget)
    with pytest.raises(ModelError):
        repack(read_header(source), folder=tmp_path)
    assert not list(tmp_path.glob("*.ggml"))


def test_the_cache_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().parts[-2:] == ("starcoder-lsp", "repacked")
