"""A short measurement of this machine: two layers of StarCoder2-3B's shape with random weights, in llama.cpp itself.

What a token costs is nearly all matrix products, so it grows with the parameters that a token meets (prefill) and with
their bytes (decode). Two layers take a second to write and to measure; other ways (nano; numpy) measure overhead, or
other instructions than llama.cpp uses.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, TokenType

from starcoder_lsp.completer.speed import Speed, measure
from starcoder_lsp.models.byte_alphabet import token_text
from starcoder_lsp.models.gguf import read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYERS: Final = 2
_WIDTH, _HEADS, _KV_HEADS, _FEED_FORWARD = 3072, 24, 2, 12288
_PROMPT: Final = [7 + number % 200 for number in range(64)]
_Q4_K: Final = GGMLQuantizationType.Q4_K
_SCALE: Final = 2.0**-14


@frozen
class Probe:
    """What was measured, and on how much."""

    speed: Speed
    parameters: int
    bytes: int

    def prefill(self, active: int) -> float:
        """Return the tokens a second that a model evaluates, of which a token meets `active` parameters."""
        return self.speed.prefill * self.parameters / active

    def decode(self, active_bytes: int) -> float:
        """Return the tokens a second that a model writes, of which a token meets so many bytes."""
        return self.speed.decode * self.bytes / active_bytes


def probe(*, gpu_layers: int | None = None, threads: int = 0) -> Probe:
    """Measure, in some three seconds. `gpu_layers` 0: the processor alone. Raises EngineError, OSError."""
    from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

    with tempfile.TemporaryDirectory(prefix="starcoder-lsp-") as folder:
        path = Path(folder) / "probe.gguf"
        parameters = _write(path)
        header = read_header(path)
        engine = llama_cpp.load(
            header, end_ids=frozenset(), context_window=512, slots=1, threads=threads, gpu_layers=gpu_layers
        )
        try:
            measure(engine, _PROMPT[:16])  # the first call touches every page
            speed = measure(engine, _PROMPT[::-1])
        finally:
            engine.close()
        return Probe(speed, parameters, header.file_bytes)


def _write(path: Path) -> int:
    """Write the model, and return its parameters."""
    tokens = ["<|endoftext|>", *(token_text(bytes([byte])) for byte in range(256)), "or"]
    writer = GGUFWriter(path, "starcoder2")
    writer.add_context_length(512)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_eps(1e-5)
    writer.add_rope_freq_base(1e5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_token_list(tokens)
    writer.add_token_types([int(TokenType.CONTROL)] + [int(TokenType.NORMAL)] * (len(tokens) - 1))
    writer.add_token_merges(["o r"])
    rng = np.random.default_rng(0)
    parameters = 0

    def matrix(name: str, rows: int, columns: int) -> None:
        nonlocal parameters
        parameters += rows * columns
        writer.add_tensor(f"{name}.weight", _random(rng, rows, columns), raw_dtype=_Q4_K)

    def vector(name: str, length: int, value: float) -> None:
        writer.add_tensor(name, np.full(length, value, np.float32))

    def linear(name: str, rows: int, columns: int) -> None:
        matrix(name, rows, columns)
        vector(f"{name}.bias", rows, 0.0)

    def norm(name: str) -> None:
        vector(f"{name}.weight", _WIDTH, 1.0)
        vector(f"{name}.bias", _WIDTH, 0.0)

    matrix("token_embd", len(tokens), _WIDTH)
    norm("output_norm")
    kv_width = _WIDTH // _HEADS * _KV_HEADS
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        norm(f"{block}.ffn_norm")
        linear(f"{block}.attn_q", _WIDTH, _WIDTH)
        linear(f"{block}.attn_k", kv_width, _WIDTH)
        linear(f"{block}.attn_v", kv_width, _WIDTH)
        linear(f"{block}.attn_output", _WIDTH, _WIDTH)
        linear(f"{block}.ffn_up", _FEED_FORWARD, _WIDTH)
        linear(f"{block}.ffn_down", _WIDTH, _FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return parameters


def _random(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.uint8]:
    """Blocks of Q4_K: two scales in half precision, then bytes that may be anything."""
    numbers, size = GGML_QUANT_SIZES[_Q4_K]
    blocks = rng.integers(0, 256, (rows, columns // numbers, size), np.uint8)
    blocks[:, :, :4] = np.array([_SCALE, _SCALE * 8], np.float16).view(np.uint8)
    return blocks.reshape(rows, -1)
