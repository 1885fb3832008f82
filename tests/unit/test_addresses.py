"""What a user may write as `engines`, what is said of what cannot be, and who may write it."""

from __future__ import annotations

import pytest

from starcoder_lsp.addresses import LOCAL, EngineAddress, KeySource, Secret, read_engines
from starcoder_lsp.config import Settings, apply_options

KEY = "sk-not-for-anybodys-eyes"


@pytest.mark.parametrize(
    ("written", "url", "socket"),
    [
        ("http://gpu.local:8000", "http://gpu.local:8000", None),
        ("http://gpu.local:8000/", "http://gpu.local:8000", None),
        ("HTTP://GPU.local:80/v1", "http://gpu.local", None),
        ("https://api.example/openai/v1/", "https://api.example/openai", None),
        ("http://[::1]:8080", "http://[::1]:8080", None),
        ("unix:/run/engine.sock", "http://localhost", "/run/engine.sock"),
        ("unix:///run/engine.sock", "http://localhost", "/run/engine.sock"),
    ],
)
def test_an_address(written: str, url: str, socket: str | None) -> None:
    (place,) = read_engines([written])
    assert isinstance(place, EngineAddress)
    assert (place.url, place.socket) == (url, socket)
    assert read_engines(written) == (place,)


@pytest.mark.parametrize(
    ("written", "here"),
    [
        ("http://localhost:1", True),
        ("http://api.localhost", True),
        ("http://127.0.0.1:8000", True),
        ("http://127.8.0.1", True),
        ("http://[::1]", True),
        ("unix:/run/x", True),
        ("http://localhost.example", False),
        ("http://192.168.1.2", False),
        ("http://gpu", False),
    ],
)
def test_what_stays_on_this_machine(written: str, here: bool) -> None:  # noqa: FBT001 - an expectation
    (place,) = read_engines([written])
    assert isinstance(place, EngineAddress)
    assert place.on_this_machine is here


def test_an_object_says_more() -> None:
    (place, local) = read_engines(
        [
            {
                "url": "https://gpu.example",
                "dialect": "vllm",
                "model": "bigcode/starcoder2-3b",
                "vocabulary": "~/starcoder2.gguf",
                "template": "starcoder2",
                "key": {"command": ["pass", "show", "gpu"]},
                "ca": "/etc/ca.pem",
                "proxy": "",
                "slots": 2,
                "timeout": 5,
            },
            "local",
        ]
    )
    assert local == LOCAL
    assert place == EngineAddress(
        url="https://gpu.example",
        dialect="vllm",
        model="bigcode/starcoder2-3b",
        vocabulary="~/starcoder2.gguf",
        template="starcoder2",
        key=KeySource("command", ("pass", "show", "gpu")),
        ca="/etc/ca.pem",
        proxy="",
        slots=2,
        timeout_s=5.0,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        5,
        [5],
        ["gpu.local:8000"],
        ["ftp://gpu.local"],
        ["http://"],
        ["http://gpu:99999"],
        [f"http://user:{KEY}@gpu.local"],
        [f"http://gpu.local/?key={KEY}"],
        ["local", "local"],
        ["http://gpu", "http://gpu/v1"],
        [{}],
        [{"url": 5}],
        [{"url": "http://gpu", "dialect": "gopher"}],
        [{"url": "http://gpu", "key": KEY}],
        [{"url": "http://gpu", "key": {"value": KEY}}],
        [{"url": "http://gpu", "key": {"env": "A", "file": KEY}}],
        [{"url": "http://gpu", "key": {"command": KEY}}],
        [{"url": "http://gpu", "apiKey": KEY}],
        [{"url": "http://gpu", "ca": "relative.pem"}],
        [{"url": "http://gpu", "proxy": "socks://x"}],
        [{"url": "http://gpu", "slots": -1}],
        [{"url": "http://gpu", "timeout": 0}],
        [{"url": "http://gpu", "timeout": True}],
    ],
)
def test_what_cannot_be_is_said_without_a_word_of_it(wrong: object) -> None:
    settings, problems = apply_options(Settings(), {"engines": wrong})
    assert settings.engines == (LOCAL,)
    (problem,) = problems
    assert problem.startswith('Option "engines" must be a list')
    assert KEY not in problem


@pytest.mark.parametrize("wrong", [KEY, [KEY], {"gpu": [KEY]}, {"gpu": 5}])
def test_wrong_secrets_are_not_repeated(wrong: object) -> None:
    settings, problems = apply_options(Settings(), {"secrets": wrong})
    assert settings.secrets == {}
    assert KEY not in " ".join(problems)
    assert problems


def test_only_the_user_decides_where_code_goes() -> None:
    mine, problems = apply_options(Settings(), {"engines": ["http://mine"], "secrets": {"gpu": KEY}})
    assert not problems
    for theirs in ({"engines": ["http://theirs"]}, {"secrets": {"gpu": "another"}}, {"engines": ["local"]}):
        settings, problems = apply_options(mine, theirs, trusted=False)
        assert settings == mine
        (problem,) = problems
        assert "a workspace can change" in problem
        assert "theirs" not in problem


def test_the_users_own_words_may_come_twice() -> None:
    options = {"engines": ["http://mine", "local"], "secrets": {"gpu": KEY}, "maxTokens": 20}
    mine, _ = apply_options(Settings(), options)
    assert apply_options(mine, options, trusted=False) == (mine, [])


def test_a_change_of_engines_loads_again() -> None:
    assert Settings(engines=read_engines(["http://gpu"])).engine_part() != Settings().engine_part()
    assert Settings(secrets={"a": Secret("b")}).engine_part() != Settings().engine_part()


def test_no_setting_shows_a_key() -> None:
    settings, _ = apply_options(Settings(), {"secrets": {"gpu": KEY}})
    assert settings.secrets["gpu"].reveal() == KEY
    assert KEY not in f"{settings} {settings!r} {settings.engine_part()}"
