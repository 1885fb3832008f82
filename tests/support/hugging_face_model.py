"""A StarCoder2 GGUF file as a Hugging Face folder in float32: what vLLM reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGUFReader, quants
from tokenizers import AddedToken, Tokenizer

from starcoder_lsp.loading import read_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_up": "mlp.c_fc",
    "ffn_down": "mlp.c_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def write_hugging_face(gguf: Path, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` and the tokenizer's files of `gguf` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    model = read_model(gguf)
    reader = GGUFReader(gguf)
    tensors = {
        _name(tensor.name): quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        for tensor in reader.tensors
    }
    _write_safetensors(folder / "model.safetensors", tensors)

    def stated(name: str) -> Any:
        return reader.fields[f"starcoder2.{name}"].contents()

    config = {
        "architectures": ["Starcoder2ForCausalLM"],
        "model_type": "starcoder2",
        "vocab_size": model.tokenizer.vocab_size,
        "hidden_size": stated("embedding_length"),
        "intermediate_size": stated("feed_forward_length"),
        "num_hidden_layers": stated("block_count"),
        "num_attention_heads": stated("attention.head_count"),
        "num_key_value_heads": stated("attention.head_count_kv"),
        "max_position_embeddings": stated("context_length"),
        "norm_epsilon": stated("attention.layer_norm_epsilon"),
        "rope_theta": stated("rope.freq_base"),
        "hidden_act": "gelu_pytorch_tanh",
        "use_bias": True,
        "sliding_window": None,
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "torch_dtype": "float32",
        "bos_token_id": min(model.tokens.stops),
        "eos_token_id": min(model.tokens.stops),
    }
    (folder / "config.json").write_text(json.dumps(config))
    control = {model.tokenizer._tokens[one]: one for one in sorted(model.tokenizer._control)}
    tokenizer = json.loads(model.tokenizer._backend.to_str())
    tokenizer["model"]["vocab"].update(control)  # ours are kept apart, so that no text becomes one
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.add_special_tokens([AddedToken(one, normalized=False) for one in control])
    assert {one: backend.token_to_id(one) for one in control} == control
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


def _name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_LAYER[parts[2]]}.{parts[3]}"
    return f"{_WHOLE[parts[0]]}.{parts[1]}"


def _write_safetensors(path: Path, tensors: dict[str, NDArray[np.float32]]) -> None:
    """Write the format itself: the length of a JSON header, the header, the numbers."""
    header: dict[str, Any] = {}
    at = 0
    for name, numbers in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(numbers.shape), "data_offsets": [at, at + numbers.nbytes]}
        at += numbers.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for numbers in tensors.values():
            file.write(np.ascontiguousarray(numbers).tobytes())
