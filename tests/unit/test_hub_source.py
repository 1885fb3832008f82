"""What people may name as a model to fetch, and the catalogue behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.completion.families import FAMILIES
from starcoder_lsp.errors import SourceUnknown
from starcoder_lsp.hub.recommend import sized
from starcoder_lsp.hub.source import HubFile, LocalFile, OllamaModel, WebFile, file_name, parse_source
from starcoder_lsp.models.known import KNOWN, known_names
from starcoder_lsp.models.licences import licence_of
from starcoder_lsp.models.memory import plan_memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "source", "name"),
    [
        ("hf:a/b-GGUF/x.Q4_K_M.gguf", HubFile("a/b-GGUF", "x.Q4_K_M.gguf"), "x.Q4_K_M.gguf"),
        ("hf:a/b/deep/x.gguf@v1.0", HubFile("a/b", "deep/x.gguf", "v1.0"), "x.gguf"),
        ("https://huggingface.co/a/b/resolve/main/x.gguf", HubFile("a/b", "x.gguf"), "x.gguf"),
        ("https://huggingface.co/a/b/blob/abc/x%20y.gguf?download=true", HubFile("a/b", "x y.gguf", "abc"), "x y.gguf"),
        ("http://box.local:8000/x.gguf?sig=1", WebFile("http://box.local:8000/x.gguf?sig=1"), "x.gguf"),
        ("ollama:starcoder2", OllamaModel("starcoder2"), "starcoder2.gguf"),
        ("ollama:me/starcoder2:3b-q8", OllamaModel("me/starcoder2:3b-q8"), "me-starcoder2-3b-q8.gguf"),
    ],
)
def test_forms(text: str, source: object, name: str) -> None:
    found = parse_source(text)
    assert found == source
    assert file_name(found) == name


def test_a_name_of_the_catalogue_is_its_recommended_file() -> None:
    found = parse_source("StarCoder2-3B")
    assert isinstance(found, HubFile)
    assert found.known is not None
    assert (found.known.name, file_name(found)) == ("starcoder2-3b", "starcoder2-3b-Q4_K_M.gguf")
    assert file_name(parse_source("starcoder2-3b:q8_0")) == "starcoder2-3b-Q8_0.gguf"


def test_a_file_of_this_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    assert parse_source("x.gguf") == LocalFile(tmp_path / "x.gguf")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("starcodr2-3b", "did you mean starcoder2-3b"),
        ("starcoder2-3b:Q2_K", "there is Q4_K_M"),
        ("hf:nothing", "hf:OWNER/REPOSITORY"),
        ("https://host/", "names no file"),
        ("none.gguf", "Name a name"),
    ],
)
def test_what_names_nothing(text: str, sentence: str) -> None:
    with pytest.raises(SourceUnknown, match=re.escape(sentence)):
        parse_source(text)


def test_the_catalogue_is_whole() -> None:
    families = {family.name for family in FAMILIES}
    assert len(set(known_names())) == len(KNOWN)
    for model in KNOWN:
        assert model.family in families
        assert model.name == model.name.lower()
        assert model.embedding_length % model.head_count == 0
        assert model.licence.url.startswith("https://")
        assert len({file.quantisation for file in model.files}) == len(model.files)
        for file in model.files:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", file.repo)
            assert file.quantisation in file.file
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert isinstance(parse_source(f"{model.name}:{file.quantisation}"), HubFile)


def test_starcoder2_15b_is_not_recommended_and_says_why() -> None:
    [model] = [one for one in KNOWN if one.name == "starcoder2-15b"]
    assert not model.recommended
    assert "2402.19173" in model.warning


def test_memory_of_the_catalogue_is_that_of_the_models() -> None:
    """Known by heart: StarCoder2-3B at 8,192 tokens keeps 30 layers, 2 heads of 128 keys and values in 16 bits."""
    [model] = [one for one in KNOWN if one.name == "starcoder2-3b"]
    plan = plan_memory(sized(model, model.files[0]), context=8192, slots=1, batch=16, available=0)
    assert plan.cache == 30 * 2 * 256 * 2 * 8192
    assert 1.7e9 < plan.weights < 2.0e9


def test_a_licence_that_is_not_known_has_to_be_read() -> None:
    assert licence_of("apache-2.0").is_free
    assert licence_of("cc0-1.0").is_free
    strange = licence_of("my-own", "https://example.org/x")
    assert not strange.is_free
    assert strange.url == "https://example.org/x"
