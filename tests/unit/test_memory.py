from __future__ import annotations

from pathlib import Path

import pytest

from starcoder_lsp.errors import ModelTooLarge
from starcoder_lsp.models.gguf import GGUFHeader
from starcoder_lsp.models.memory import (
    F32,
    MemoryPlan,
    available_memory,
    cache_bytes,
    check_memory,
    human,
    plan_memory,
)

MIB = 2**20


def header(
    *, layers: int, width: int, heads: int, kv_heads: int, file_bytes: int = 0, parameters: int = 0
) -> GGUFHeader:
    return GGUFHeader(
        path=Path("model.gguf"),
        architecture="starcoder2",
        name="",
        context_length=16384,
        embedding_length=width,
        block_count=layers,
        head_count=heads,
        head_count_kv=kv_heads,
        key_length=width // heads,
        value_length=width // heads,
        feed_forward_length=4 * width,
        vocab_size=49152,
        parameters=parameters,
        file_bytes=file_bytes,
        tensor_count=1,
        quantisation="Q8_0",
        tokenizer_model="gpt2",
        tokenizer_pre="starcoder",
        named_ids={},
        metadata={},
    )


STARCODER_1B = header(layers=24, width=2048, heads=16, kv_heads=1)
STARCODER2_3B = header(layers=30, width=3072, heads=24, kv_heads=2, file_bytes=3_200_000_000, parameters=3_030_000_000)


def test_cache_is_what_llama_cpp_reports() -> None:
    assert cache_bytes(STARCODER_1B, 8192) == 96 * MIB
    assert cache_bytes(STARCODER2_3B, 16384) == 480 * MIB


def test_cache_of_ctransformers_is_two_floats_a_width_and_layer() -> None:
    assert cache_bytes(STARCODER_1B, 8192, number_bytes=F32, every_head=True) == 2 * 4 * 2048 * 24 * 8192


@pytest.mark.parametrize(
    ("model", "context", "slots", "batch", "flash_attention", "reported"),
    [
        (STARCODER_1B, 8192, 1, 512, True, 44.02),
        (STARCODER_1B, 16384, 1, 512, True, 52.02),
        (STARCODER_1B, 8192, 1, 512, False, 297.01),
        (STARCODER_1B, 4096, 2, 32, True, 2.5),
        (STARCODER2_3B, 8192, 1, 512, True, 62.02),
        (STARCODER2_3B, 16384, 1, 512, False, 837.01),
        (STARCODER2_3B, 8192, 1, 64, False, 54.63),
    ],
)
def test_buffers_are_near_what_llama_cpp_reports(
    model: GGUFHeader,
    context: int,
    slots: int,
    batch: int,
    flash_attention: bool,  # noqa: FBT001
    reported: float,
) -> None:
    plan = plan_memory(
        model, context=context, slots=slots, batch=batch, flash_attention=flash_attention, available=10**12
    )
    assert plan.buffers / MIB == pytest.approx(reported, rel=0.1, abs=4)


def test_layers_on_the_gpu_take_no_main_memory() -> None:
    plan = plan_memory(STARCODER2_3B, context=8192, on_gpu=1, available=0)
    assert plan.weights == plan.cache == 0


def test_what_fits_passes() -> None:
    plan = MemoryPlan(context=8192, weights=6, cache=2, buffers=1, available=9)
    assert check_memory(STARCODER2_3B, plan) is plan


@pytest.mark.parametrize(
    ("available", "advice"),
    [
        (3_400_000_000, 'Set "contextSize" to '),
        (2_500_000_000, "Take a smaller quantisation of it: Q4_K_M would have about 1.8 GB"),
        (1_000_000_000, "Take a smaller model"),
    ],
)
def test_what_does_not_fit_says_numbers_and_what_would(available: int, advice: str) -> None:
    plan = plan_memory(STARCODER2_3B, context=16384, available=available)
    with pytest.raises(ModelTooLarge) as caught:
        check_memory(STARCODER2_3B, plan)
    assert "needs 3.8 GB" in str(caught.value)
    assert human(available) in str(caught.value)
    assert advice in str(caught.value)


def test_the_proposed_context_fits() -> None:
    available = 3_400_000_000
    plan = plan_memory(STARCODER2_3B, context=16384, available=available)
    with pytest.raises(ModelTooLarge) as caught:
        check_memory(STARCODER2_3B, plan)
    proposed = int(caught.value.remedy.split()[3])
    assert plan_memory(STARCODER2_3B, context=proposed, available=available).needed <= available


def test_a_container_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("600\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 70\n")
    assert available_memory(tmp_path) == 470


def test_a_container_limit_of_the_first_version_counts(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("1000\n")
    (folder / "memory.usage_in_bytes").write_text("600\n")
    (folder / "memory.stat").write_text("total_inactive_file 70\n")
    assert available_memory(tmp_path) == 470


def test_no_container_no_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) > 10**6
    assert available_memory(tmp_path / "nowhere") > 10**6


@pytest.mark.parametrize(("size", "text"), [(1_887_000_000, "1.9 GB"), (251_658_240, "252 MB"), (0, "0 MB")])
def test_sizes_are_readable(size: int, text: str) -> None:
    assert human(size) == text
