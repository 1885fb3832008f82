"""LoRA adapters: what they change, that it ends when they are taken off, and what is said of those that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from gguf import GGUFType, GGUFWriter, Keys

from starcoder_lsp.completer import Ask
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Adapter, Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import AdapterUnfit, ModelError, ModelNotFound
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.models.gguf import read_header, read_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RANK = 4
TEXT = "def total(values):\n    result = 0\n    for value in values:\n        "


def write_adapter(
    path: Path,
    *,
    architecture: str = "starcoder2",
    kind: str = "lora",
    only: Callable[[str], bool] = lambda name: "attn_output.weight" in name or "ffn_down.weight" in name,
    change: Callable[[str, int, int], tuple[str, int, int]] = lambda name, inputs, outputs: (name, inputs, outputs),
    half: bool = False,
) -> Path:
    """Write an adapter of nano's with random matrices, strong enough to be seen in any text."""
    rng = np.random.default_rng(0)
    writer = GGUFWriter(path, architecture)
    writer.add_type(GGUFType.ADAPTER)
    writer.add_string(Keys.Adapter.TYPE, kind)
    writer.add_float32(Keys.Adapter.LORA_ALPHA, float(RANK))
    for tensor in read_parts(shipped_model())[1].values():
        if only(tensor.name):
            name, inputs, outputs = change(tensor.name, *tensor.shape)
            a, b = rng.standard_normal((RANK, inputs)), rng.standard_normal((outputs, RANK))
            writer.add_tensor(f"{name}.lora_a", (a * inputs**-0.5).astype(np.float32))
            if not half:
                writer.add_tensor(f"{name}.lora_b", b.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def written(*adapters: Adapter) -> str:
    """What nano writes with these adapters."""
    completer = load(Settings(context_size=512, lora=adapters))
    ask = Ask(
        ("", "file:///a.py"), Place(TEXT, len(TEXT), "a.py"), max_tokens=24, multiline="always", progressive=False
    )
    answer = completer.suggest(ask, CancelToken())
    completer.close()
    return answer.raw


@pytest.mark.slow
def test_an_adapter_changes_what_is_written_and_without_it_all_is_as_before(tmp_path: Path) -> None:
    adapter = str(write_adapter(tmp_path / "mine.gguf"))
    base = written()
    with_it = written(Adapter(adapter))
    assert with_it != base
    assert written(Adapter(adapter, 0.0)) == base
    assert written(Adapter(adapter, 1.0), Adapter(adapter, -1.0)) == base
    assert written() == base


def test_adapters_and_their_scales_belong_to_what_is_loaded() -> None:
    one, other = (Settings(lora=(Adapter("/a.gguf", scale),)) for scale in (1.0, 0.5))
    assert one.engine_part() != other.engine_part()
    assert one.engine_part() != Settings().engine_part()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: write_adapter(path, architecture="llama"), "of a llama model, and nano.gguf is a starcoder2"),
        (lambda path: write_adapter(path, kind="control_vector"), "no LoRA adapter"),
        (lambda path: write_adapter(path, only=lambda _name: False), "no tensors"),
        (lambda path: write_adapter(path, half=True), "half of a pair"),
        (lambda path: write_adapter(path, change=lambda n, i, o: (n, i + 32, o)), "another size"),
        (lambda path: write_adapter(path, change=lambda n, i, o: (n.replace("blk.", "blk.9"), i, o)), "does not have"),
        (lambda path: path.write_bytes(shipped_model().read_bytes()), "no LoRA adapter"),
        (lambda path: path.write_bytes(b"GGUF"), "cut off"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html>"), "web page"),
    ],
)
def test_one_that_does_not_fit_gets_a_sentence(make: Callable[[Path], object], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    make(path)
    with pytest.raises(ModelError, match=sentence) as caught:
        load(Settings(lora=(Adapter(str(path)),)))
    assert "other.gguf" in str(caught.value)


def test_one_that_is_not_there_or_named_from_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_adapter(tmp_path / "planted.gguf")
    monkeypatch.chdir(tmp_path)
    for name in ("planted.gguf", "./planted.gguf", str(tmp_path / "none.gguf")):
        with pytest.raises(ModelNotFound):
            load(Settings(lora=(Adapter(name),)))


def test_ctransformers_adds_none(tmp_path: Path) -> None:
    adapter = Adapter(str(write_adapter(tmp_path / "mine.gguf")))
    with pytest.raises(AdapterUnfit, match=r"llama\.cpp"):
        load(Settings(engine="ctransformers", lora=(adapter,)))


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no language model by itself"):
        read_header(write_adapter(tmp_path / "mine.gguf"))
