"""A long random editing run over a folder full of secrets: none is in any prompt, nor anything of an ignored file."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.errors import Superseded
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.repository.service import Repository
from starcoder_lsp.session import Session
from tests.support.fakes import Ear, until
from tests.support.planted_secrets import PLANTED

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.engine.base import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shipped_model().is_file(), reason="the shipped model is not in this checkout"),
]

EDITS = 150
SETTINGS = Settings(debounce_min=0, debounce_max=0, prefill_while_typing="always", max_tokens=4)
IGNORED = "name_of_an_ignored_file"


@define(eq=False)
class Recorder:
    """Passes everything on to an engine, and keeps the ids it was asked to evaluate."""

    engine: Engine
    prompts: dict[tuple[int, ...], None] = field(factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def prefill(self, ids: list[int], **named: Any) -> Any:
        self.prompts[tuple(ids)] = None
        return self.engine.prefill(ids, **named)

    def generate(self, ids: list[int], **named: Any) -> Any:
        self.prompts[tuple(ids)] = None
        return self.engine.generate(ids, **named)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty modules that use each other, with secrets between their lines; ignored and secret files beside them."""
    root = tmp_path.resolve() / "work"
    (root / "private").mkdir(parents=True)
    (root / ".gitignore").write_text("private/\n*.local.py\n")
    secrets = list(PLANTED.values())
    for number in range(20):
        lines, _secret = secrets[number % len(secrets)]
        more, _other = secrets[(number + 20) % len(secrets)]
        (root / f"part{number}.py").write_text(
            f"from part{(number + 1) % 20} import build_part_{(number + 1) % 20}\n\n{lines}\n\n\n"
            f"def build_part_{number}(size, colour):\n    return size\n\n{more}\n"
        )
    for name in ("private/keys.py", "part0.local.py"):
        (root / name).write_text(f"{IGNORED} = 1\ndef build_part_ignored(): return {IGNORED}\n")
    (root / ".env").write_text("\n".join(lines for lines, _secret in secrets))
    (root / "config.pem").write_text(PLANTED["rsa private key"][0])
    return root


async def test_no_prompt_of_a_long_run_holds_a_secret(folder: Path, tmp_path: Path) -> None:
    recorders: list[Recorder] = []

    def record(*arguments: Any) -> TokenCompleter:
        completer = load(*arguments)
        recorders.append(Recorder(completer.engine))
        completer.engine = recorders[-1]  # type: ignore[assignment]
        completer.planner.reusable = recorders[-1].engine.reusable
        return completer

    session = Session(
        Ear(),
        settings=SETTINGS,
        load_completer=record,
        make_repository=lambda settings, progress: Repository(
            settings, progress=progress, cache_folder=tmp_path / "cache"
        ),
    )
    session.start()
    await until(lambda: session.status.state == "ready", "the load")
    session.set_folders([folder], lambda uri: uri.rpartition("/")[2])
    draw = random.Random(3)  # noqa: S311 - the same at each run
    files = [folder / f"part{number}.py" for number in range(20)] + [folder / ".env", folder / "part0.local.py"]
    texts = {file: file.read_text() for file in files}
    for file, text in texts.items():
        session.open(Snapshot.of(file.as_uri(), 1, "python", text), file.name, str(file))
    await until(lambda: (session.context()["index"] or {})["files"] >= 20, "the scan")  # type: ignore[index]
    for version in range(2, EDITS):
        file = draw.choice(files)
        text = texts[file]
        at = draw.choice([index for index, char in enumerate(text) if char == "\n"])
        written = draw.choice(
            ["\nvalue = build_", "\n    part = 1", " ", "\n" + draw.choice(list(PLANTED.values()))[0]]
        )
        texts[file] = text = text[:at] + written + text[at:]
        session.change(file.as_uri(), version, text)
        try:
            await session.suggest(file.as_uri(), at + len(written), manual=draw.random() < 0.5)
        except Superseded:
            continue
        if version % 10 == 0:
            await until(lambda: session.stats()["idle"], "the rest")
    await until(lambda: session.stats()["idle"], "the rest")
    completer = session.completer
    assert completer is not None
    tokenizer = completer.tokenizer  # type: ignore[attr-defined]
    prompts = [tokenizer.decode_bytes(list(ids)).decode("utf-8", "replace") for ids in recorders[0].prompts]
    session.close()
    assert len(prompts) > EDITS // 2
    assert sum("build_part_" in prompt.partition("value")[0] for prompt in prompts) > EDITS // 4
    for name, (_lines, secret) in PLANTED.items():
        assert not [prompt for prompt in prompts if secret in prompt], name
    beside = [prompt for prompt in prompts if IGNORED in prompt and "part0.local.py" not in prompt]
    assert not beside
