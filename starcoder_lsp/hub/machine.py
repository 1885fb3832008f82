"""This machine, as `hub.recommend` wants to know it."""

from __future__ import annotations

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.hub.probe import probe
from starcoder_lsp.hub.recommend import Machine
from starcoder_lsp.models.memory import available_memory


def look() -> Machine:
    """Return memory, cards and speeds; takes some three seconds. Raises EngineError, OSError."""
    card = probe() if llama_cpp.has_gpu() else None
    return Machine(available_memory(), tuple(llama_cpp.devices()), probe(gpu_layers=0), card)
