"""What a model of the catalogue takes of main memory when it is loaded, beside what is planned for it.

    python -m benchmarks.model_memory starcoder2-3b:Q4_K_M --slots 4

The file has the model's shape and no weights: all zeros, a hole in the file that takes no room on the disk. What is
measured is the process's own memory (caches and buffers), without the pages of the file, which are the weights' bytes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from benchmarks.vocabulary import BUILTIN_SCALARS, builtin_vocabulary
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.hub.recommend import sized
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.models.known import KnownModel, known_model
from starcoder_lsp.models.memory import human, plan_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARCHITECTURES: Final = {"starcoder2": "starcoder2", "qwen-coder": "qwen2", "seed-coder": "llama", "mellum": "llama"}
_FEED_FORWARD: Final = {
    "starcoder2-3b": 12288,
    "starcoder2-7b": 18432,
    "qwen2.5-coder-0.5b": 4864,
    "qwen2.5-coder-1.5b": 8960,
    "qwen2.5-coder-3b": 11008,
    "seed-coder-8b": 14336,
    "mellum-4b": 8256,
}
_VOCABULARY: Final = {"starcoder2": 49152, "qwen-coder": 151936, "seed-coder": 155136, "mellum": 98304}
_CONTEXT: Final = 8192


def write_hollow(path: Path, model: KnownModel) -> None:
    """Write a file of the model's shape as Q4_K, without its weights."""
    architecture = _ARCHITECTURES[model.family]
    vocabulary = builtin_vocabulary("starcoder2", _VOCABULARY[model.family])
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(model.context_length)
    writer.add_embedding_length(model.embedding_length)
    writer.add_block_count(model.block_count)
    writer.add_feed_forward_length(_FEED_FORWARD[model.name])
    writer.add_head_count(model.head_count)
    writer.add_head_count_kv(model.head_count_kv)
    writer.add_layer_norm_eps(1e-5)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(bool(BUILTIN_SCALARS["tokenizer.ggml.add_bos_token"]))
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    for name, shape in _tensors(model, architecture):
        kind = GGMLQuantizationType.Q4_K if len(shape) > 1 and shape[-1] % 256 == 0 else GGMLQuantizationType.F32
        numbers, size = GGML_QUANT_SIZES[kind]
        writer.add_tensor_info(name, shape, np.dtype(np.float32), int(np.prod(shape)) // numbers * size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    end = sum(-(-tensor.nbytes // 32) * 32 for part in writer.tensors for tensor in part.values())
    with path.open("r+b") as file:
        file.truncate(-(-path.stat().st_size // 32) * 32 + end)


def _tensors(model: KnownModel, architecture: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, feed, biases = model.embedding_length, _FEED_FORWARD[model.name], architecture == "starcoder2"
    keys = model.head_count_kv * model.head_length

    def linear(name: str, rows: int, columns: int, *, bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (rows, columns)
        if bias:
            yield f"{name}.bias", (rows,)

    def norm(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (width,)
        if biases:
            yield f"{name}.bias", (width,)

    yield "token_embd.weight", (_VOCABULARY[model.family], width)
    yield from norm("output_norm")
    for layer in range(model.block_count):
        block, attention = f"blk.{layer}", biases or architecture == "qwen2"
        yield from norm(f"{block}.attn_norm")
        yield from linear(f"{block}.attn_q", width, width, bias=attention)
        yield from linear(f"{block}.attn_k", keys, width, bias=attention)
        yield from linear(f"{block}.attn_v", keys, width, bias=attention)
        yield from linear(f"{block}.attn_output", width, width, bias=biases)
        yield from norm(f"{block}.ffn_norm")
        if not biases:
            yield from linear(f"{block}.ffn_gate", feed, width, bias=False)
        yield from linear(f"{block}.ffn_up", feed, width, bias=biases)
        yield from linear(f"{block}.ffn_down", width, feed, bias=biases)


def _own_memory() -> int:
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="NAME or NAME:QUANTISATION of the catalogue")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--cache-type", default="f16", choices=["f16", "q8_0"])
    options = parser.parse_args()
    name, _, quantisation = options.name.partition(":")
    model = known_model(name)
    file = model.file(quantisation) if model else None
    if model is None or file is None or name not in _FEED_FORWARD:
        raise SystemExit(f"{options.name}: its shape is not written down here; there is {', '.join(_FEED_FORWARD)}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hollow.gguf"
        write_hollow(path, model)
        header = read_header(path)
        before = _own_memory()
        engine = llama_cpp.load(
            header,
            end_ids=frozenset(),
            context_window=_CONTEXT,
            slots=options.slots,
            threads=1,
            gpu_layers=0,
            cache_type=options.cache_type,
            configure=lambda params: setattr(params, "no_extra_bufts", True),  # no second copy of the weights
        )
        taken = _own_memory() - before
        engine.close()
    batch = llama_cpp.batch_size(header, 0)
    size = 34 / 32 if options.cache_type == "q8_0" else 2.0
    plan = plan_memory(
        sized(model, file), context=_CONTEXT, slots=options.slots, batch=batch, number_bytes=size, available=0
    )
    print(f"{options.name}, {options.slots} slots of {_CONTEXT} tokens, {options.cache_type}")
    print(f"caches and buffers: planned {human(plan.cache + plan.buffers)}, taken {human(taken)}")
    print(f"weights: planned {human(plan.weights)}; this shape as pure Q4_K {human(header.file_bytes)}")


if __name__ == "__main__":
    main()
