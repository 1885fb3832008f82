"""Small random models whose cache is not a plain one: a recurrent one (Mamba), and one with a sliding window (Gemma 2).

Tensors as llama.cpp's loader expects them (src/models/mamba.cpp, gemma2.cpp).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from gguf import GGUFWriter

from benchmarks.vocabulary import BUILTIN_SCALARS, builtin_vocabulary

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, LAYERS = 128, 2
WINDOW: Final = 64
"""Tokens that Gemma's local layers look back."""
_HEADS, _KV_HEADS, _HEAD = 4, 2, 32
_INNER, _STATE, _RANK, _CONVOLUTION = 2 * WIDTH, 16, 8, 4


def write_odd_model(path: Path, architecture: str) -> Path:
    """Write a `mamba` or `gemma2` with StarCoder's control tokens; 2 MB. Returns `path`."""
    writer = GGUFWriter(path, architecture)
    writer.add_name(f"random {architecture}")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    vocabulary = builtin_vocabulary("starcoder")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(bool(BUILTIN_SCALARS["tokenizer.ggml.add_bos_token"]))
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    tensors = _Tensors(writer)
    tensors.random("token_embd.weight", len(vocabulary.tokens), WIDTH, spread=1.0)
    tensors.ones("output_norm.weight", WIDTH)
    (_mamba if architecture == "mamba" else _gemma2)(writer, tensors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Tensors:
    def __init__(self, writer: GGUFWriter) -> None:
        self._writer = writer
        self._rng = np.random.default_rng(0)

    def random(self, name: str, *shape: int, spread: float | None = None) -> None:
        numbers = self._rng.standard_normal(shape) * (shape[-1] ** -0.5 if spread is None else spread)
        self._writer.add_tensor(name, numbers.astype(np.float32))

    def ones(self, name: str, *shape: int, value: float = 1.0) -> None:
        self._writer.add_tensor(name, np.full(shape, value, np.float32))


def _mamba(writer: GGUFWriter, tensors: _Tensors) -> None:
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(_CONVOLUTION)
    writer.add_ssm_inner_size(_INNER)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_RANK)
    writer.add_layer_norm_rms_eps(1e-5)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        tensors.ones(f"{block}.attn_norm.weight", WIDTH)
        tensors.random(f"{block}.ssm_in.weight", 2 * _INNER, WIDTH)
        tensors.random(f"{block}.ssm_conv1d.weight", _INNER, _CONVOLUTION)
        tensors.random(f"{block}.ssm_conv1d.bias", _INNER, spread=0.1)
        tensors.random(f"{block}.ssm_x.weight", _RANK + 2 * _STATE, _INNER)
        tensors.random(f"{block}.ssm_dt.weight", _INNER, _RANK)
        tensors.random(f"{block}.ssm_dt.bias", _INNER, spread=0.1)
        tensors.ones(f"{block}.ssm_a", _INNER, _STATE, value=-1.0)
        tensors.ones(f"{block}.ssm_d", _INNER)
        tensors.random(f"{block}.ssm_out.weight", WIDTH, _INNER)


def _gemma2(writer: GGUFWriter, tensors: _Tensors) -> None:
    writer.add_feed_forward_length(4 * WIDTH)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(WINDOW)
    writer.add_attn_logit_softcapping(50.0)
    writer.add_final_logit_softcapping(30.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            tensors.ones(f"{block}.{norm}.weight", WIDTH)
        tensors.random(f"{block}.attn_q.weight", _HEADS * _HEAD, WIDTH)
        tensors.random(f"{block}.attn_k.weight", _KV_HEADS * _HEAD, WIDTH)
        tensors.random(f"{block}.attn_v.weight", _KV_HEADS * _HEAD, WIDTH)
        tensors.random(f"{block}.attn_output.weight", WIDTH, _HEADS * _HEAD)
        for name in ("ffn_gate", "ffn_up"):
            tensors.random(f"{block}.{name}.weight", 4 * WIDTH, WIDTH)
        tensors.random(f"{block}.ffn_down.weight", WIDTH, 4 * WIDTH)
