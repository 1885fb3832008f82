"""A LoRA adapter for a GGUF of ours, trained on one folder of code for a few minutes and written as llama.cpp loads it.

Low-rank updates B A of the matrices of attention and MLP (Hu et al. 2021, https://arxiv.org/abs/2106.09685), with the
names and shapes of llama.cpp's convert_lora_to_gguf.py. The last tenth of the files is kept to measure on.

    python training/lora.py FOLDER --out adapter.gguf --minutes 3
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gguf
import torch
from starcoder_lsp.tokens.open_end import open_end
from tokenizers import Tokenizer
from torch import Tensor, nn

from training import tokenizer as tokens
from training.export import tensor_name
from training.loss import head_loss
from training.model import Nano
from training.prepare import read_package
from training.sequences import Corpus, Mixture, Rows, Source, unmarked
from training.weights import read_gguf, write_tokenizer

__all__ = ["Adapter", "adapt", "rows_of_folder", "write_adapter"]

_HELD = 10  # of so many files one is kept to measure on


class Adapter(nn.Module):
    """A pair of matrices for every matrix of the blocks; the pairs' product times `alpha / rank` is what is added."""

    def __init__(self, model: Nano, rank: int = 8, alpha: float = 16.0) -> None:
        super().__init__()
        self.alpha, self.rank = alpha, rank
        self.names = [n for n, p in model.named_parameters() if p.ndim == 2 and n.startswith("blocks.")]
        sizes = [model.get_parameter(name).shape for name in self.names]
        self.a = nn.ParameterList(torch.randn(rank, inputs) * inputs**-0.5 for _, inputs in sizes)
        self.b = nn.ParameterList(torch.zeros(outputs, rank) for outputs, _ in sizes)

    def pairs(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """(parameter of the model, A (rank, inputs), B (outputs, rank))."""
        return zip(self.names, self.a, self.b, strict=True)

    def merged(self, model: Nano) -> dict[str, Tensor]:
        """The model's parameters with the products added, by name; differentiable in A and B."""
        scale = self.alpha / self.rank
        return {name: model.get_parameter(name) + scale * b @ a for name, a, b in self.pairs()}


def rows_of_folder(folder: Path, tokenizer: Tokenizer) -> tuple[Rows, Rows | None]:
    """Rows of a folder's source files: those to learn from, and those kept to measure on (None of a few files).

    Raises ValueError where the folder has no source file that passes the corpus' filters.
    """
    files = list(read_package(folder, frozenset(), Counter()))
    if not files:
        raise ValueError(f"{folder}: no source file that is neither generated, minified, data nor too short")
    Random(0).shuffle(files)
    sources = [Source(f.repo, f.path, f.language, f.text) for f in files]
    languages = tuple((name, float(size)) for name, size in Counter(s.language for s in sources).items())
    mixture = Mixture(languages=languages)
    end = partial(open_end, tokenizer.pre_tokenizer)
    kept = len(sources) // _HELD

    def rows(part: list[Source], seed: int) -> Rows:
        return Rows(Corpus(part, mixture), lambda text: tokenizer.encode(text).ids, mixture, seed, end)

    return rows(sources[kept:], 0), rows(sources[:kept], 1) if kept else None


def _loss(model: Nano, adapter: Adapter, ids: Tensor) -> Tensor:
    hidden = torch.func.functional_call(model, adapter.merged(model), (ids[:, :-1],))
    return head_loss(hidden, model.token_embd, ids[:, 1:])


def adapt(
    model: Nano, adapter: Adapter, rows: Rows, *, minutes: float, steps: int = 10**9, rate: float = 2e-3
) -> list[float]:
    """Train the adapter, the model held still; returns the loss of every step, in nats a token."""
    model.requires_grad_(requires_grad=False)
    optimiser = torch.optim.AdamW(adapter.parameters(), lr=rate, weight_decay=0.01)
    began, losses = time.monotonic(), list[float]()
    while (done := max((time.monotonic() - began) / 60 / minutes, len(losses) / steps)) < 1:
        ids = torch.tensor(unmarked(rows.batch(len(losses), 8, 513)))
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (len(losses) + 1) / 10) * (1 - done)
        optimiser.zero_grad()
        loss = _loss(model, adapter, ids)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
        if len(losses) % 10 == 0:
            print(f"step {len(losses)}, loss {losses[-1]:.3f}", flush=True)
    return losses


def write_adapter(adapter: Adapter, out: Path, name: str) -> None:
    """Write the pairs as a GGUF adapter in float32."""
    partial_file = out.with_suffix(".partial")
    writer = gguf.GGUFWriter(str(partial_file), "starcoder2")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(name)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.alpha)
    for parameter, a, b in adapter.pairs():
        for suffix, matrix in (("lora_a", a), ("lora_b", b)):
            writer.add_tensor(f"{tensor_name(parameter)}.{suffix}", matrix.detach().float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial_file.replace(out)


@torch.no_grad()
def measured(model: Nano, adapter: Adapter, rows: Rows) -> tuple[float, float]:
    """Loss on fixed rows without and with the adapter, in nats a token."""
    batches = [torch.tensor(unmarked(rows.batch(-i, 8, 513))) for i in (1, 2)]
    bare = Adapter(model, 1)  # its B is nothing
    without, adapted = ([_loss(model, one, ids).item() for ids in batches] for one in (bare, adapter))
    return sum(without) / len(batches), sum(adapted) / len(batches)


def main() -> int:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the code to learn")
    parser.add_argument("--model", type=Path, default=here.parent / "starcoder_lsp" / "models" / "nano.gguf")
    parser.add_argument("--out", type=Path, required=True, help="the adapter, .gguf")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate of AdamW at its peak")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = read_gguf(options.model)
    vocabulary = options.out.with_suffix(".tokenizer.json")
    write_tokenizer(options.model, vocabulary)
    tokenizer = tokens.load(vocabulary)
    vocabulary.unlink()
    try:
        rows, held = rows_of_folder(options.folder.resolve(), tokenizer)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    adapter = Adapter(model, options.rank)
    adapt(model, adapter, rows, minutes=options.minutes, rate=options.rate)
    write_adapter(adapter, options.out, options.folder.resolve().name)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")
    if held is not None:
        without, adapted = measured(model, adapter, held)
        print(f"files kept aside: {without:.3f} nats a token without the adapter, {adapted:.3f} with it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
