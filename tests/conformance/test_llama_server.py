"""What llama.cpp's server itself counts while our engine uses it: what is evaluated, whose slot is busy, who it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from gguf import GGUFReader, GGUFWriter

from starcoder_lsp.addresses import EngineAddress, KeySource, Secret
from starcoder_lsp.completer import Ask
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.connecting import connect
from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.errors import EngineRefused, EngineUnavailable
from starcoder_lsp.loading import load
from starcoder_lsp.models.gguf import read_header
from tests.support.generation import generate, ids_of, prefill
from tests.support.llama_server import LlamaServerProcess
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

PATIENCE = 60.0
BEFORE = "def total(values):\n    result = 0\n    for value in values:\n        res"
AFTER = "\n    return result\n"
ASK = Ask(("", "file:///a.py"), Place(BEFORE + AFTER, len(BEFORE)), max_tokens=24)


@pytest.fixture
def served(nano: Path) -> Iterator[LlamaServerProcess]:
    server = LlamaServerProcess(read_header(nano), slots=2, window=2048).start()
    yield server
    server.close()


def test_what_was_evaluated_is_what_the_server_counted(served: LlamaServerProcess) -> None:
    engine = served.connect()
    ids = list(range(300, 500))
    first = prefill(engine, ids)
    assert served.metrics()["prompt_tokens_total"] == first.evaluated + 1  # and the one of its start
    for more in range(1, 6):
        before = served.metrics()
        prefill(engine, [*ids, *range(700, 700 + more)])
        after = served.metrics()
        assert after["prompt_tokens_total"] - before["prompt_tokens_total"] == 1
    engine.close()


def test_two_documents_keep_their_slots(served: LlamaServerProcess) -> None:
    engine = served.connect()
    one, two = list(range(300, 400)), list(range(500, 600))
    prefill(engine, one, slot=0)
    prefill(engine, two, slot=1)
    before = served.metrics()["prompt_tokens_total"]
    prefill(engine, [*one, 700], slot=0)
    prefill(engine, [*two, 700], slot=1)
    assert served.metrics()["prompt_tokens_total"] - before == 2
    engine.close()


@pytest.mark.parametrize("moment", ["while the prompt is evaluated", "while it writes"])
def test_a_cancel_frees_the_servers_slot(moment: str, served: LlamaServerProcess) -> None:
    engine, cancel = served.connect(), CancelToken()
    writing = moment == "while it writes"
    ids = list(range(300, 330)) if writing else [300 + number % 400 for number in range(1900)]

    def cancel_when_busy() -> None:
        until(lambda: served.busy_slots() == 1)
        cancel.cancel()

    def third(_token: Token) -> bool:
        if writing and len(seen) == 3:
            cancel.cancel()
        seen.append(_token)
        return False

    seen: list[Token] = []
    watcher = threading.Thread(target=cancel_when_busy)
    if not writing:
        watcher.start()
    outcome = engine.generate(ids, slot=0, max_tokens=1500, on_token=third, cancel=cancel)
    assert outcome.finish == "cancelled"
    if not writing:
        watcher.join(PATIENCE)
    until(lambda: served.busy_slots() == 0)
    assert served.metrics()["tokens_predicted_total"] < 1000
    engine.close()


def test_a_server_that_is_started_again(served: LlamaServerProcess, nano: Path) -> None:
    engine = served.connect()
    expected = ids_of(generate(engine, list(range(300, 330)))[0])
    folder, key = served.folder, served.key
    assert served._engine is not None
    served._engine.close()
    served._engine = None
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        generate(engine, list(range(300, 330)))
    again = LlamaServerProcess(read_header(nano), slots=2, window=2048, folder=folder, key=key).start()
    try:
        assert ids_of(generate(engine, list(range(300, 330)))[0]) == expected
    finally:
        engine.close()
        again.close()


def address(served: LlamaServerProcess, **more: object) -> EngineAddress:
    return EngineAddress(
        url="http://localhost",
        socket=str(served.socket),
        key=KeySource("secret", ("test",)),
        **more,  # type: ignore[arg-type]
    )


def settings(served: LlamaServerProcess, model: str = "nano") -> Settings:
    return Settings(model=model, secrets={"test": Secret(served.key)})


def test_it_is_found_out_what_it_is(served: LlamaServerProcess) -> None:
    completer, local = connect(address(served), settings(served)), load(Settings())
    try:
        assert completer.about.engine == f"llama-server at unix:{served.socket}"
        assert completer.about.context_window == 2048
        assert "ids, with the vocabulary of nano" in completer.about.detail
        remote, here = completer.suggest(ASK, CancelToken()), local.suggest(ASK, CancelToken())
        assert remote.text == here.text != ""
        assert remote.joint == pytest.approx(here.joint, abs=2e-3)
        assert remote.prompt is not None
        assert here.prompt is not None
        assert remote.prompt.ids == here.prompt.ids
    finally:
        completer.close()
        local.close()


def vocabulary_of(nano: Path, path: Path, *, swapped: bool = False) -> Path:
    """Write the vocabulary of the model that ships, without weights."""
    writer = GGUFWriter(path, "starcoder2")
    for one in GGUFReader(nano).fields.values():
        if one.name.startswith("GGUF.") or one.name == "general.architecture":
            continue
        value = one.contents()
        if swapped and one.name == "tokenizer.ggml.merges":
            value = value[:100]
        writer.add_key_value(one.name, value, one.types[0], one.types[-1] if len(one.types) > 1 else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_a_vocabulary_alone_is_enough(served: LlamaServerProcess, nano: Path, tmp_path: Path) -> None:
    path = vocabulary_of(nano, tmp_path / "tokens.gguf")
    completer = connect(address(served, vocabulary=str(path)), settings(served))
    try:
        assert "ids, with the vocabulary of tokens" in completer.about.detail
        assert completer.suggest(ASK, CancelToken()).raw
    finally:
        completer.close()


def test_another_vocabulary_is_not_used(served: LlamaServerProcess, nano: Path, tmp_path: Path) -> None:
    path = vocabulary_of(nano, tmp_path / "others.gguf", swapped=True)
    with pytest.raises(EngineRefused, match=r"is not that of nano\.gguf"):
        connect(address(served, vocabulary=str(path)), settings(served))


def test_text_where_a_template_is_asked_for(served: LlamaServerProcess) -> None:
    completer = connect(address(served, template="starcoder2"), settings(served))
    try:
        answer = completer.suggest(ASK, CancelToken())
        assert "text, asked as starcoder2" in completer.about.detail
        assert answer.raw
        assert 0 < answer.joint < 1
    finally:
        completer.close()


def test_a_wrong_key(served: LlamaServerProcess) -> None:
    with pytest.raises(EngineRefused, match="wants a key"):
        connect(address(served), Settings(secrets={"test": Secret("another")}))
