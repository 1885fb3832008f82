"""What a file that is not GGUF seems to be, so that the message can say more than "bad model"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starcoder_lsp.errors import ModelForeign

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES: Final = 64
"""How much of the file's beginning `identify` wants to see."""

_CONVERT: Final = "Download the model's GGUF file, or make one with llama.cpp's convert_hf_to_gguf.py"
_AGAIN: Final = "Delete it and download the GGUF file again"

_SIGNATURES: Final = (
    (
        b"lmgg",
        "ggml",
        "a GGML file of 2023",
        'Open it with the engine "ctransformers", or download a GGUF file instead',
    ),
    (b"fmgg", "ggml", "a GGMF file of early 2023", _CONVERT),
    (b"tjgg", "ggml", "a GGJT file of 2023", _CONVERT),
    (b"algg", "ggml", "a LoRA adapter, which is no model by itself", "Name the model that the adapter belongs to"),
    (b"PK\x03\x04", "pytorch", "a PyTorch checkpoint (a zip archive)", _CONVERT),
    (b"\x80\x02", "pytorch", "a PyTorch checkpoint (a pickle)", _CONVERT),
    (b"\x80\x04", "pytorch", "a PyTorch checkpoint (a pickle)", _CONVERT),
    (
        b"version https://git-lfs",
        "git-lfs",
        "a Git LFS pointer, which only names the model",
        'Fetch it with "git lfs pull"',
    ),
    (b"<!", "html", "a web page, probably an error or log-in page that was saved as the model", _AGAIN),
    (b"<html", "html", "a web page, probably an error or log-in page that was saved as the model", _AGAIN),
    (b"\x1f\x8b", "archive", "a gzip archive", "Unpack it first"),
    (b"BZh", "archive", "a bzip2 archive", "Unpack it first"),
    (b"\xfd7zXZ", "archive", "an xz archive", "Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "archive", "a Zstandard archive", "Unpack it first"),
    (b"\x89HDF", "unknown", "an HDF5 file", _CONVERT),
    (b"{", "json", "a JSON file", "Name the model file itself, which ends in .gguf"),
)
"""First bytes, kind, description, remedy. The old formats wrote their magic as a number: the file has "lmgg"."""


def identify(path: Path, head: bytes) -> ModelForeign:
    """Return the error that describes a file which begins with `head`: its first `HEAD_BYTES`, or all it has."""
    if not head:
        return ModelForeign(path, "empty", "empty", _AGAIN)
    for signature, kind, looks_like, remedy in _SIGNATURES:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[: len(signature)].lower() == signature.lower():
            return ModelForeign(path, kind, looks_like, remedy)
    if head[8:9] == b"{":  # a 64-bit length, then that much JSON: https://huggingface.co/docs/safetensors
        return ModelForeign(path, "safetensors", "a safetensors checkpoint", _CONVERT)
    if not any(head):
        looks_like = "filled with zeros, as an interrupted download leaves it"
        return ModelForeign(path, "unknown", looks_like, _AGAIN)
    return ModelForeign(path, "unknown", f"something unknown (it begins with {head[:4].hex(' ')})", _CONVERT)
