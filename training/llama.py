"""llama.cpp in this process, for evaluation only: ids in, greedy ids and log-probabilities out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp  # type: ignore[import-untyped]

__all__ = ["Completion", "Llama"]


@dataclass(frozen=True)
class Completion:
    """What was generated, and the log-probabilities of every position as {token id: nats}."""

    ids: list[int]
    log_p: list[dict[int, float]]
    stopped: bool  # by <|endoftext|>, not by the limit


class Llama:
    """One model in llama.cpp, on a Unix socket in a private folder (its listener cannot be turned off)."""

    def __init__(self, model: Path, context: int = 4096, threads: int = 2, adapter: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.hostnames = [f"{self._folder.name}/llama.sock"]
        params.n_ctx = context
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.warmup = False
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.verbosity = 0
        if adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        self._server = xllamacpp.Server(params)

    def complete(self, prompt: Sequence[int], limit: int = 32, top: int = 1) -> Completion:
        """Greedy continuation of at most `limit` ids, with the `top` log-probabilities at each."""
        answers: list[dict[str, Any]] = []

        def keep(answer: Any) -> bool:
            answers.append(json.loads(answer) if isinstance(answer, str) else answer)
            return False

        request = {
            "prompt": list(prompt),
            "n_predict": limit,
            "temperature": 0.0,
            "n_probs": top,
            "return_tokens": True,
            "cache_prompt": True,
            "stream": False,
            "repeat_penalty": 1.0,
        }
        self._server.handle_completions(request, keep)
        answer = answers[-1]
        if "choices" not in answer:
            raise RuntimeError(f"llama.cpp: {json.dumps(answer)[:500]}")
        choice = answer["choices"][0]
        positions = choice["logprobs"]["content"] if choice.get("logprobs") else []
        log_p = [{int(t["id"]): float(t["logprob"]) for t in place["top_logprobs"]} for place in positions]
        return Completion([int(place["id"]) for place in positions], log_p, choice["finish_reason"] == "stop")
