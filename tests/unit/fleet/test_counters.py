"""Servers' `/metrics`, as they are."""

from __future__ import annotations

import pytest

from starcoder_lsp.bench.fleet.counters import Counters, read_counters

VLLM = """\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="nano"} 1200.0
vllm:prefix_cache_queries_total{engine="1",model_name="nano"} 300.0
vllm:prefix_cache_hits_total{engine="0",model_name="nano"} 1.024e+03
vllm:prefix_cache_hits_total{engine="1",model_name="nano"} 128.0
vllm:generation_tokens_total{engine="0",model_name="nano"} 7.0
vllm:generation_tokens_created{engine="0",model_name="nano"} 1.7956773734870543e+09
"""
LLAMA = """\
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 205
llamacpp:tokens_predicted_total 31
"""


def test_vllms_engines_together() -> None:
    assert read_counters(VLLM) == Counters(computed=348.0, generated=7.0)


def test_llama_servers() -> None:
    assert read_counters(LLAMA) == Counters(computed=205.0, generated=31.0)


@pytest.mark.parametrize(
    "text", ["", "<html>403 Forbidden</html>", "go_goroutines 12\n", "llamacpp:prompt_tokens_total x\n"]
)
def test_what_has_none(text: str) -> None:
    assert read_counters(text) is None


def test_what_was_done_meanwhile() -> None:
    assert Counters(10, 7) - Counters(4, 7) == Counters(6, 0)
