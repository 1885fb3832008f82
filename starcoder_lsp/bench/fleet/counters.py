"""What a server says that it computed: its `/metrics`, in Prometheus' text format. Pure."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_SAMPLE: Final = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


@frozen
class Counters:
    """Tokens since the server's start."""

    computed: float
    """Of prompts: evaluated, not found in a cache."""
    generated: float

    def __sub__(self, earlier: Counters) -> Counters:
        """Return what was done since `earlier`."""
        return Counters(self.computed - earlier.computed, self.generated - earlier.generated)


def read_counters(metrics: str) -> Counters | None:
    """Return the counters of a vLLM (all its engines together) or a llama-server; None where they are not there."""
    sums: dict[str, float] = {}
    try:
        for name, value in _SAMPLE.findall(metrics):
            sums[name] = sums.get(name, 0.0) + float(value)
        if "vllm:prefix_cache_queries_total" in sums:
            # Counted when a request is scheduled, so that one which is cancelled counts too.
            computed = sums["vllm:prefix_cache_queries_total"] - sums["vllm:prefix_cache_hits_total"]
            return Counters(computed, sums["vllm:generation_tokens_total"])
        return Counters(sums["llamacpp:prompt_tokens_total"], sums["llamacpp:tokens_predicted_total"])
    except (KeyError, ValueError):
        return None
