from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import fields

from starcoder_lsp.config import Adapter, Settings, apply_options

DEFAULT = Settings()


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"model": " /models/a.gguf "}, "model", "/models/a.gguf"),
        ({"engine": "ctransformers"}, "engine", "ctransformers"),
        ({"enabled": False}, "enabled", False),
        ({"languages": {"markdown": False}}, "languages", {"markdown": False}),
        ({"contextSize": 16384}, "context_size", 16384),
        ({"contextSize": 4096.0}, "context_size", 4096),
        ({"gpuLayers": 0}, "gpu_layers", 0),
        ({"gpuLayers": 12}, "gpu_layers", 12),
        ({"gpuLayers": "auto"}, "gpu_layers", None),
        ({"threads": 3}, "threads", 3),
        ({"flashAttention": "on"}, "flash_attention", "on"),
        ({"layout": "psm"}, "layout", "psm"),
        ({"chatMarkup": "always"}, "chat_markup", "always"),
        ({"cacheType": "q8_0"}, "cache_type", "q8_0"),
        ({"lora": []}, "lora", ()),
        ({"shared": False}, "shared", False),
        ({"shared": "auto"}, "shared", "auto"),
        (
            {"lora": ["/a.gguf", {"path": "/b.gguf", "scale": 0.5}, {"path": "/c.gguf"}]},
            "lora",
            (Adapter("/a.gguf"), Adapter("/b.gguf", 0.5), Adapter("/c.gguf")),
        ),
        ({"multiline": "never"}, "multiline", "never"),
        ({"maxTokens": 1}, "max_tokens", 1),
        ({"confidence": "careful"}, "confidence", "careful"),
        ({"confidence": 0}, "confidence", 0.0),
        ({"debounceMin": 0}, "debounce_min", 0),
        ({"debounceMax": 1000}, "debounce_max", 1000),
        ({"prefillWhileTyping": "always"}, "prefill_while_typing", "always"),
        ({"plainCompletion": "never"}, "plain_completion", "never"),
        ({"refresh": True}, "refresh", True),
        ({"usage.enabled": False}, "usage_enabled", False),
        ({"usage": {"enabled": False}}, "usage_enabled", False),
        ({"logLevel": "debug"}, "log_level", "debug"),
    ],
)
def test_options(options: dict[str, object], name: str, value: object) -> None:
    settings, problems = apply_options(DEFAULT, options)
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)
    assert problems == []


@pytest.mark.parametrize("nothing", [None, {}, {"model": None, "threads": None}])
def test_what_is_not_set_changes_nothing(nothing: object) -> None:
    assert apply_options(DEFAULT, nothing) == (DEFAULT, [])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model", "", "a text that is not empty"), ("model", 3, "a text that is not empty"),
        ("engine", "gpt", '"auto", "llama.cpp", "ctransformers"'), ("engine", ["auto"], "one of"),
        ("enabled", "yes", "true or false"), ("enabled", 1, "true or false"),
        ("languages", ["python"], "an object"), ("languages", {"python": "on"}, "an object"),
        ("languages", {1: True}, "an object"),
        ("contextSize", 100, "from 256 to 131072"), ("contextSize", 1.5, "a whole number"),
        ("contextSize", "8K", "a whole number"),
        ("contextSize", True, "a whole number"), ("contextSize", float("inf"), "a whole number"),
        ("contextSize", float("nan"), "a whole number"), ("contextSize", 10**400, "a whole number"),
        ("gpuLayers", -1, '"auto" or a whole number'), ("gpuLayers", "all", '"auto" or a whole number'),
        ("gpuLayers", [], '"auto" or a whole number'),
        ("confidence", 1.1, "from 0 to 1"), ("confidence", "low", '"careful" or a number from 0 to 1'),
        ("confidence", True, "from 0 to 1"), ("confidence", [], "from 0 to 1"),
        ("confidence", float("nan"), "from 0 to 1"), ("confidence", -0.1, "from 0 to 1"),
        ("cacheType", "q4_0", '"f16", "q8_0"'),
        ("lora", "/a.gguf", "a list of files"), ("lora", [1], "a list of files"),
        ("lora", [{"path": "/a", "scale": 11}], "from -10 to 10"), ("lora", [{"file": "/a"}], "a list of files"),
        ("lora", [{"path": "/a", "scale": True}], "from -10 to 10"), ("lora", [""], "a list of files"),
        ("maxTokens", 0, "from 1 to 1024"), ("threads", -1, "from 0 to 512"), ("threads", {}, "a whole number"),
        ("context.enabled", 1, "true or false"), ("context.budget", 0.8, "a share"),
        ("context.budget", True, "a share"), ("context.budget", "0.2", "a share"),
        ("context.budget", float("nan"), "a share"),
        ("context.exclude", "a", "a list"), ("context.exclude", [1], "a list"), ("context.maxFiles", -1, "from 0"),
        ("refresh", "true", "true or false"), ("logLevel", "loud", '"error", "warning", "info", "debug"'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_reported_and_the_rest_is_kept(name: str, value: object, expected: str) -> None:
    settings, problems = apply_options(DEFAULT, {name: value, "maxTokens" if name != "maxTokens" else "threads": 7})
    assert 7 in {settings.max_tokens, settings.threads}
    assert len(problems) == 1
    assert problems[0].startswith(f'Option "{name}" must be ')
    assert expected in problems[0]
    assert len(problems[0]) < 250


def test_a_group_of_options_may_come_as_an_object() -> None:
    flat = {"context.budget": 0.5, "context.exclude": ["a", "b/"], "context.maxFiles": 500.0}
    grouped = {"context": {"budget": 0.5, "exclude": ["a", "b/"], "maxFiles": 500, "enabled": None}}
    settings, problems = apply_options(DEFAULT, flat)
    assert problems == []
    assert settings == apply_options(DEFAULT, grouped)[0]
    assert (settings.context_budget, settings.context_exclude, settings.context_max_files) == (0.5, ("a", "b/"), 500)
    assert "context.size" in apply_options(DEFAULT, {"context": {"size": 1}})[1][0]
    assert "context" in apply_options(DEFAULT, {"context": 3})[1][0]


def test_unknown_options_are_reported_with_what_may_be_meant() -> None:
    settings, problems = apply_options(DEFAULT, {"maxToken": 3, "zzz": 1, "threads": 2})
    assert settings.threads == 2
    assert problems == ['Unknown option "maxToken" (did you mean "maxTokens"?).', 'Unknown option "zzz".']


@pytest.mark.parametrize("options", [[], "model", 3, True])
def test_options_of_another_shape_are_reported(options: object) -> None:
    settings, problems = apply_options(DEFAULT, options)
    assert settings == DEFAULT
    assert len(problems) == 1


def test_bounds_that_cross_are_reported() -> None:
    settings, problems = apply_options(DEFAULT, {"debounceMin": 600})
    assert (settings.debounce_min, settings.debounce_max) == (400, 400)
    assert len(problems) == 1


@pytest.mark.parametrize(("context", "tokens"), [(1024, 1024), (256, 250), (256, 129)])
def test_a_suggestion_leaves_room_for_code(context: int, tokens: int) -> None:
    settings, [problem] = apply_options(DEFAULT, {"contextSize": context, "maxTokens": tokens})
    assert settings.max_tokens == context // 2
    assert "maxTokens" in problem
    assert "contextSize" in problem
    assert apply_options(DEFAULT, {"contextSize": context, "maxTokens": context // 2})[1] == []


def test_later_options_win_over_earlier_ones() -> None:
    first, _ = apply_options(DEFAULT, {"model": "a", "threads": 2})
    second, _ = apply_options(first, {"threads": 3})
    assert (second.model, second.threads) == ("a", 3)


@pytest.mark.parametrize(
    ("settings", "language", "expected"),
    [
        (Settings(), "python", True),
        (Settings(enabled=False), "python", False),
        (Settings(languages={"python": False}), "python", False),
        (Settings(languages={"python": False}), "rust", True),
        (Settings(languages={"*": False, "python": True}), "python", True),
        (Settings(languages={"*": False, "python": True}), "rust", False),
        (Settings(enabled=False, languages={"python": True}), "python", False),
    ],
)
def test_languages(settings: Settings, language: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert settings.allows(language) is expected


def test_only_what_the_engine_depends_on_loads_the_model_again() -> None:
    loads = {
        "model",
        "engine",
        "context_size",
        "gpu_layers",
        "threads",
        "flash_attention",
        "chat_markup",
        "cache_type",
        "lora",
        "shared",
    }
    other = {
        "model": "a", "engine": "ctransformers", "enabled": False, "languages": {"a": True}, "contextSize": 512,
        "gpuLayers": 1, "threads": 1, "flashAttention": "on", "layout": "psm", "multiline": "never", "maxTokens": 1,
        "chatMarkup": "always", "cacheType": "q8_0", "lora": ["/a.gguf"], "shared": True,
        "confidence": "bold", "debounceMin": 1, "debounceMax": 500, "prefillWhileTyping": "never",
        "plainCompletion": "never", "refresh": True, "logLevel": "debug", "usage.enabled": False,
    }  # fmt: skip
    for one in fields(Settings):
        name = one.metadata["name"]
        if name not in other:
            continue
        changed, problems = apply_options(DEFAULT, {name: other[name]})
        assert problems == []
        assert (changed.engine_part() != DEFAULT.engine_part()) == (one.name in loads), name


def test_every_option_is_on_the_page_about_the_protocol_and_the_other_way_round() -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    rows = [line for line in page.split("## Options")[1].splitlines() if line.startswith("| `")]
    on_page = {name for row in rows for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
    assert on_page == {one.metadata["name"] for one in fields(Settings)}
