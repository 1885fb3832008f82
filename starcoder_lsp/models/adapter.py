"""LoRA adapters in GGUF files, as llama.cpp's convert_lora_to_gguf.py writes them, checked against their base.

A file has pairs of matrices: `NAME.lora_a` (inputs, rank) and `NAME.lora_b` (rank, outputs), NAME a tensor of the base,
dimensions innermost first. llama.cpp itself says only that it could not load one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starcoder_lsp.errors import AdapterUnfit
from starcoder_lsp.models.gguf import part_paths, read_parts

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.models.gguf import GGUFHeader
    from starcoder_lsp.models.gguf_format import Tensor

_A, _B = ".lora_a", ".lora_b"
_CONVERT: Final = "Convert it with llama.cpp's convert_lora_to_gguf.py"


def check_adapter(path: Path, base: GGUFHeader) -> None:
    """Raise AdapterUnfit where this file cannot be added to the model, saying why; ModelError where it is no GGUF."""
    metadata, tensors = read_parts(path)
    if metadata.get("general.type") != "adapter" or metadata.get("adapter.type") != "lora":
        raise AdapterUnfit(path, "is a GGUF file, but no LoRA adapter", _CONVERT)
    architecture = metadata.get("general.architecture")
    if architecture != base.architecture:
        problem = f"is a LoRA adapter of a {architecture} model, and {base.path.name} is a {base.architecture} model"
        raise AdapterUnfit(path, problem, "Name the adapter of the model that is loaded, or take it out of the setting")
    if not tensors:
        raise AdapterUnfit(path, "is a LoRA adapter that changes nothing: it has no tensors", _CONVERT)
    of_base = _tensors_of(base)
    for name in sorted({one.removesuffix(_A).removesuffix(_B) for one in tensors}):
        _check_pair(path, base, name, (tensors.get(name + _A), tensors.get(name + _B)), of_base.get(name))


def _tensors_of(base: GGUFHeader) -> dict[str, Tensor]:
    return {name: tensor for part in part_paths(base.path) for name, tensor in read_parts(part)[1].items()}


def _check_pair(
    path: Path, base: GGUFHeader, name: str, pair: tuple[Tensor | None, Tensor | None], whole: Tensor | None
) -> None:
    a, b = pair
    if a is None or b is None:
        raise AdapterUnfit(path, f"is a LoRA adapter with half of a pair: {name}", _CONVERT)
    if whole is None:
        problem = f"is a LoRA adapter of another model: it changes {name}, which {base.path.name} does not have"
        raise AdapterUnfit(path, problem, "Name the adapter of the model that is loaded, or take it out of the setting")
    fits = len(a.shape) == len(b.shape) == 2 and (a.shape[0], b.shape[1]) == whole.shape and a.shape[1] == b.shape[0]  # noqa: PLR2004 - matrices
    if not fits:
        wanted, found = " by ".join(map(str, whole.shape)), f"{a.shape[0]} by {b.shape[-1]}"
        problem = f"is a LoRA adapter of a model of another size: its {name} is {found}, that of the model {wanted}"
        raise AdapterUnfit(path, problem, "Name the adapter of the model that is loaded, or take it out of the setting")
