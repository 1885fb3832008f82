from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

from benchmarks.random_model import FILE_TYPES, main, write_random_model
from benchmarks.random_weights import random_tensor
from starcoder_lsp.completion.fim import resolve_family
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.support.llama_cpp_tokenizer import LlamaCppTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    import xllamacpp


@pytest.mark.parametrize("name", FILE_TYPES)
def test_weights_have_the_wanted_spread(name: str) -> None:
    kind = gguf.GGMLQuantizationType[name]
    spread = np.array([0.02, 0.2] * 20, np.float32)
    tensor = random_tensor(np.random.default_rng(1), kind, spread, 2048)
    numbers = tensor if tensor.dtype != np.uint8 else gguf.quants.dequantize(tensor, kind)
    assert numbers.shape == (40, 2048)
    assert numbers.astype(np.float32).std(axis=1) == pytest.approx(spread, rel=0.08)
    assert abs(numbers.astype(np.float32).mean(axis=1) / spread).mean() < 0.13


def test_blocks_that_do_not_divide_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks of 256 numbers"):
        random_tensor(np.random.default_rng(1), gguf.GGMLQuantizationType.Q4_K, np.ones(2, np.float32), 100)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.gguf" for number in range(3)]
    for path, seed in zip(files, (1, 1, 2), strict=True):
        write_random_model(path, arch="starcoder2", quantisation="Q4_0", seed=seed)
    first, same, other = (path.read_bytes() for path in files)
    assert first == same
    assert first != other


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.gguf"
    main(["--arch", "starcoder", "--shape", "tiny", "--type", "Q8_0", "--vocab", "builtin", "--seed", "3", str(path)])
    assert "100 %" in capsys.readouterr().err
    assert read_header(path).architecture == "starcoder"
    with pytest.raises(SystemExit):
        main(["--arch", "starcoder2", "--shape", "1b", str(path)])


def generate(server: xllamacpp.Server, ids: list[int]) -> tuple[str, list[float]]:
    """Twenty tokens, greedily: their text and log-probabilities."""
    answers: list[dict[str, Any]] = []
    request = {"prompt": ids, "max_tokens": 20, "temperature": 0, "logprobs": 1, "n_probs": 1}
    server.handle_completions(request, answers.append)
    choice = answers[-1]["choices"][0]
    return choice["text"], [token["logprob"] for token in choice["logprobs"]["content"]]


@pytest.mark.parametrize(
    ("arch", "quantisation"), [("starcoder", "F16"), ("starcoder", "Q4_K"), ("starcoder2", "Q8_0")]
)
def test_llama_cpp_loads_it_and_generates_varied_text(tmp_path: Path, arch: str, quantisation: str) -> None:
    path = tmp_path / f"{arch}.gguf"
    write_random_model(path, arch=arch, quantisation=quantisation)
    tokenizer = Tokenizer.from_header(read_header(path))
    assert resolve_family(arch, tokenizer.id_of).family.name == arch
    reference = LlamaCppTokenizer(path)
    prompts = ["def foo(a, b):\n    return ", "class X:\n    def __init__(self):\n        self."]
    (first, logprobs), (second, _), (again, _) = (
        generate(reference.server, tokenizer.encode(prompts[number])) for number in (0, 1, 0)
    )
    reference.close()
    assert first == again
    assert first != second
    assert len(logprobs) > 10  # the binding reports some tokens together
    assert len(set(first)) > 8
    assert min(logprobs) < -0.01  # not always the same token with certainty
    assert max(logprobs) > -4  # and not all tied
