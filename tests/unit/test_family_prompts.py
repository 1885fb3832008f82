"""The prompt of every family, id by id: `python -m tests.support.family_prompts` writes the golden files anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.completion.families import FAMILIES, FimFamily
from starcoder_lsp.models.gguf import read_header
from tests.support.family_prompts import AFTER, BEFORE, FOLDER, prompts_of, rendered, vocabulary_of
from tests.support.vocabularies import real_vocabulary

if TYPE_CHECKING:
    from pathlib import Path

REAL = {"starcoder": "starcoder2", "refact": "refact", "deepseek-coder": "deepseek-coder"}
"""Vocabularies of a package registry, and the family that each belongs to."""


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_ids_are_those_of_the_golden_file(family: FimFamily, tmp_path: Path) -> None:
    found = prompts_of(vocabulary_of(family, tmp_path), chat_markup=family.if_asked)
    assert found["family"] == family.name
    assert rendered(found) == (FOLDER / f"{family.name}.json").read_text("utf-8")


def test_every_golden_file_belongs_to_a_family() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {family.name for family in FAMILIES}


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.parametrize("vocabulary", REAL)
def test_a_real_vocabulary_gives_the_same_prompt_in_ids_of_its_own(vocabulary: str) -> None:
    found = prompts_of(read_header(real_vocabulary(vocabulary), vocabulary_only=True))
    golden: dict[str, Any] = json.loads((FOLDER / f"{REAL[vocabulary]}.json").read_text("utf-8"))
    assert _texts(found) == _texts(golden)
    for prompt in found["alone"].values():
        assert len(prompt["ids"]) < len(BEFORE + AFTER)


def _texts(found: dict[str, Any]) -> dict[str, Any]:
    """Without the token that begins every text of some files, which the made vocabulary has not."""
    begins = "«<\uff5cbegin▁of▁sentence\uff5c>»"
    return {
        case: {layout: prompt["text"].removeprefix(begins) for layout, prompt in found[case].items()}
        for case in ("alone", "with a neighbour")
    }
