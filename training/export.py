"""A checkpoint -> GGUF that llama.cpp runs: F16 or Q8_0 matrices, float32 vectors, tokenizer and FIM keys inside.

python training/export.py --out nano.gguf --type q8_0 --name "nano v0"
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gguf
import numpy as np
import torch
from torch import Tensor

from training import tokenizer as special
from training.model import NANO_CPU, Nano, Shape

__all__ = ["TYPES", "export", "load_model"]

TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def load_model(checkpoint: Path, *, average: bool) -> tuple[Nano, dict[str, int | float]]:
    """The model of a checkpoint in float32 on the CPU (last weights, or their running average), and its counters."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Nano(Shape(**state["shape"]))
    model.load_state_dict(state["average" if average else "model"])
    model.eval()
    return model, {key: state[key] for key in ("step", "seen", "minutes")}


def tensor_name(parameter: str) -> str:
    """A parameter of `Nano` as GGUF names it.

    >>> tensor_name("blocks.3.attn_q.weight"), tensor_name("token_embd")
    ('blk.3.attn_q.weight', 'token_embd.weight')
    """
    return "token_embd.weight" if parameter == "token_embd" else parameter.replace("blocks.", "blk.")


def _add_tokenizer(writer: gguf.GGUFWriter, path: Path) -> None:
    model = json.loads(path.read_text("utf-8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in special.SPECIAL else normal for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(special.END)
    writer.add_eos_token_id(special.END)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    for key, value in (
        (gguf.Keys.Tokenizer.FIM_PRE_ID, special.PREFIX),
        (gguf.Keys.Tokenizer.FIM_MID_ID, special.MIDDLE),
        (gguf.Keys.Tokenizer.FIM_SUF_ID, special.SUFFIX),
        (gguf.Keys.Tokenizer.FIM_PAD_ID, special.PAD),
        (gguf.Keys.Tokenizer.FIM_REP_ID, special.REPO),
        (gguf.Keys.Tokenizer.FIM_SEP_ID, special.FILE),
    ):
        writer.add_uint32(key, value)


def export(
    model: Nano,
    tokenizer: Path,
    out: Path,
    kind: str = "q8_0",
    name: str = "nano",
    note: str = "",
    layout: str | None = None,
) -> None:
    """Write `model` as GGUF. Matrices take `kind`, everything one-dimensional stays float32.

    `layout` is the order of the prompt's parts that the model prefers. How sure it must be of what is shown is measured
    afterwards, and written into the file: `starcoder-lsp calibrate --into-file`.
    """
    shape, (matrix_type, file_type) = model.shape, TYPES[kind]
    writer = gguf.GGUFWriter(str(out), "starcoder2")
    writer.add_name(name)
    writer.add_license("apache-2.0")
    if note:
        writer.add_description(note)
    if layout is not None:
        writer.add_string("starcoder_lsp.layout", layout)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_eps(shape.norm_epsilon)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_tokenizer(writer, tokenizer)
    parameter: Tensor
    for key, parameter in model.named_parameters():
        values = parameter.detach().float().numpy().astype(np.float32)
        if values.ndim == 2:
            writer.add_tensor(tensor_name(key), gguf.quants.quantize(values, matrix_type), raw_dtype=matrix_type)
        else:
            writer.add_tensor(tensor_name(key), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> int:
    """Command line."""
    data = Path(__file__).resolve().parent / ".data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=data / "nano" / "checkpoint.pt")
    parser.add_argument("--tokenizer", type=Path, default=data / "tokenizer.json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--type", choices=sorted(TYPES), default="q8_0")
    parser.add_argument("--name", default="nano v0")
    parser.add_argument("--last", action="store_true", help="the last weights instead of their running average")
    parser.add_argument("--untrained", action="store_true", help="random weights: the floor of every evaluation")
    parser.add_argument("--layout", choices=("spm", "psm"), help="the layout that this model does much better with")
    parser.add_argument("--before", type=float, default=0, help="tokens seen by the weights that the run began with")
    options = parser.parse_args()
    if options.untrained:
        torch.manual_seed(0)
        model, counters = Nano(NANO_CPU).eval(), {"seen": 0}
    else:
        model, counters = load_model(options.checkpoint, average=not options.last)
    note = f"Code completion, trained from scratch; {(options.before + counters['seen']) / 1e6:.1f} M tokens seen"
    partial = options.out.with_suffix(".partial")
    export(model, options.tokenizer, partial, options.type, options.name, note, options.layout)
    partial.replace(options.out)  # readers never see half a file
    print(f"{options.out.name}: {options.out.stat().st_size / 1e6:.2f} MB, {note}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
