"""A GGML file described as a GGUF header, so that tokenizer, prompt and memory need not know the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.models.ggml.container import Container, read_container
from starcoder_lsp.models.ggml.vocabulary import rebuild
from starcoder_lsp.models.gguf import GGUFHeader

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.models.gguf import Vocabulary


@frozen(kw_only=True)
class GGMLHeader(GGUFHeader):
    """What a GGML file says about itself. Its vocabulary has no merges; they are rebuilt from the order of its ids."""

    container: Container = field(repr=False)

    def vocabulary(self) -> Vocabulary:
        """Rebuild the tokenizer's tables: some 500 ms for 49,152 tokens, and not kept."""
        return rebuild(self.container.vocabulary)


def read_ggml_header(path: Path) -> GGMLHeader:
    """Read and check the GGML file at `path`. Raises what `read_container` raises."""
    container = read_container(path)
    shape = container.shape
    tensors = list(shape.tensors(tied=container.tied))
    end = b"<|endoftext|>"
    end_id = container.vocabulary.index(end) if end in container.vocabulary else None
    return GGMLHeader(
        path=path,
        architecture="starcoder",
        name=path.stem,
        context_length=shape.context,
        embedding_length=shape.width,
        block_count=shape.layers,
        head_count=shape.heads,
        head_count_kv=shape.heads,  # the file repeats StarCoder's single key and value head for every query head
        key_length=shape.width // shape.heads,
        value_length=shape.width // shape.heads,
        feed_forward_length=4 * shape.width,
        vocab_size=shape.vocab,
        parameters=sum(tensor.count for tensor in tensors),
        file_bytes=container.file_bytes,
        tensor_count=len(tensors),
        quantisation=shape.weights.name,
        tokenizer_model="gpt2",
        tokenizer_pre="starcoder",
        named_ids={} if end_id is None else {"eos": end_id},  # those of the middle are found by their spelling
        metadata={},
        container=container,
    )
