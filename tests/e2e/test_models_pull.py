"""`starcoder-lsp models pull` and its neighbours, as people run them, against a hub that the tests start."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.identity import model_key
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.models.memory import human
from tests.support.local_hub import Hub, local_hub, proxied_hub
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

REPO, FILE = "someone/code-GGUF", "code.gguf"
NAME = f"hf:{REPO}/{FILE}"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def content() -> bytes:
    return shipped_model().read_bytes()


@pytest.fixture
def hub(content: bytes) -> Iterator[Hub]:
    with local_hub() as hub:
        hub.files[f"{REPO}/{FILE}"] = content
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def environment(hub: Hub, folder: Path, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    kept.pop("HF_TOKEN", None)
    return {
        **kept,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DOWNLOAD_TIMEOUT": str(int(PATIENCE_S)),  # what the hub holds back may take long on a slow machine
        "STARCODER_LSP_MODELS": str(folder),
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
    }


class Models:
    """Runs `starcoder-lsp models …`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "starcoder_lsp", "models", *words],
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, **more: str) -> tuple[int, str, str]:
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err


@pytest.fixture
def models(environment: dict[str, str]) -> Models:
    return Models(environment)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


def test_a_model_is_fetched_checked_and_listed(models: Models, folder: Path, content: bytes, hub: Hub) -> None:
    status, out, err = models("pull", NAME)
    assert (status, out.strip()) == (0, str(folder / FILE)), err
    assert human(len(content)) in err
    assert "Apache 2.0" in err
    assert (folder / FILE).read_bytes() == content
    assert parts(folder) == []
    assert {"code", "nano"} == {row["name"] for row in json.loads(models("list", "--json")[1])}
    asked = len(hub.requests)
    status, out, err = models("pull", NAME)
    assert (status, out.strip(), len(hub.requests)) == (0, str(folder / FILE), asked), "what is there is not asked for"


def test_ctrl_c_keeps_what_came_and_the_next_pull_goes_on(
    models: Models, folder: Path, content: bytes, hub: Hub
) -> None:
    hub.hold.clear()
    process = models.start("pull", NAME)
    until(lambda: parts(folder) and parts(folder)[0].stat().st_size > len(content) // 3, "half of it", PATIENCE_S)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, "")
    assert "kept" in err
    assert "Traceback" not in err
    [part] = parts(folder)
    have = part.stat().st_size
    assert part.read_bytes() == content[:have]
    assert not (folder / FILE).exists()
    hub.hold.set()
    hub.sent = 0
    assert models("pull", NAME)[0] == 0
    assert (folder / FILE).read_bytes() == content
    assert hub.sent == len(content) - have


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(
    models: Models, folder: Path, content: bytes, hub: Hub
) -> None:
    hub.cut_after = len(content) // 2
    status, _out, err = models("pull", NAME)
    assert status == 0, err
    assert (folder / FILE).read_bytes() == content
    assert len(hub.asked("GET /storage/")) >= 2
    assert hub.sent < len(content) * 1.5


def test_a_server_without_ranges_begins_again(models: Models, folder: Path, content: bytes, hub: Hub) -> None:
    hub.no_ranges = True
    folder.mkdir()
    etag = hashlib.sha256(content).hexdigest()
    (folder / f".{FILE}.{etag[:16]}.part").write_bytes(content[:1000])
    assert models("pull", NAME)[0] == 0
    assert (folder / FILE).read_bytes() == content


def test_what_was_begun_of_another_version_is_not_joined(models: Models, folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / f".{FILE}.0123456789abcdef.part").write_bytes(b"something else")
    assert models("pull", NAME)[0] == 0
    assert (folder / FILE).read_bytes() == content


def test_a_wrong_checksum_is_refused_and_nothing_stays(models: Models, folder: Path, hub: Hub) -> None:
    hub.wrong_checksum = True
    status, out, err = models("pull", NAME)
    assert (status, out) == (2, "")
    assert "SHA-256" in err
    assert not (folder / FILE).exists()
    assert parts(folder) == []


def test_what_is_no_model_is_refused(models: Models, folder: Path, hub: Hub) -> None:
    hub.files[f"{REPO}/{FILE}"] = b"<!DOCTYPE html><html>sorry</html>"
    status, _out, err = models("pull", NAME)
    assert status == 2
    assert "web page" in err
    assert not (folder / FILE).exists()
    assert parts(folder) == []


def test_a_file_that_has_no_room_is_not_begun(models: Models, folder: Path, hub: Hub) -> None:
    hub.states_bytes = 10**15
    status, _out, err = models("pull", NAME)
    assert status == 2
    assert "Make room" in err
    assert hub.asked("GET /storage/") == []
    assert parts(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit to set on files")
def test_a_disk_that_runs_full_is_said_so_and_what_came_is_kept(
    environment: dict[str, str], folder: Path, content: bytes
) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    limit = 3_000_000
    process = subprocess.run(
        [sys.executable, "-m", "starcoder_lsp", "models", "pull", NAME],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 2
    assert "Make room" in process.stderr
    [part] = parts(folder)
    assert part.read_bytes() == content[: part.stat().st_size]
    assert part.stat().st_size > limit // 2
    assert Models(environment)("pull", NAME)[0] == 0


@pytest.mark.parametrize(("words", "more"), [(["--offline"], {}), ([], {"HF_HUB_OFFLINE": "1"})])
def test_offline_makes_no_connection(models: Models, hub: Hub, words: list[str], more: dict[str, str]) -> None:
    status, _out, err = models("pull", NAME, *words, **more)
    assert status == 2
    assert "network is off" in err
    assert models("info", NAME, *words, **more)[0] == 2
    assert hub.requests == []


def test_the_other_commands_make_no_connection(models: Models, hub: Hub) -> None:
    for words in (["list"], ["info", "nano"], ["verify"], ["info", "starcoder2-3b", "--offline"]):
        models(*words)
    assert hub.requests == []


def test_no_hub_at_all_gets_a_sentence(models: Models) -> None:
    status, _out, err = models("pull", NAME, HF_ENDPOINT="http://127.0.0.1:9")
    assert status == 2
    assert "HF_ENDPOINT" in err
    assert "Traceback" not in err


def test_a_mirror_that_redirects_is_followed(models: Models, folder: Path, hub: Hub, content: bytes) -> None:
    with local_hub() as front:
        front.mirror = hub.url
        status, _out, err = models("pull", NAME, HF_ENDPOINT=front.url)
    assert status == 0, err
    assert (folder / FILE).read_bytes() == content
    assert front.requests
    assert hub.asked("GET /storage/")


def test_a_gated_model_wants_a_token(models: Models, folder: Path, hub: Hub) -> None:
    hub.gated = True
    status, _out, err = models("pull", NAME)
    assert status == 2
    assert f"{hub.url}/{REPO}" in err
    assert "HF_TOKEN" in err
    assert models("pull", NAME, HF_TOKEN="wrong")[0] == 2  # noqa: S106 - nobody's
    assert models("pull", NAME, HF_TOKEN=hub.token)[0] == 0
    assert (folder / FILE).exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [(f"hf:{REPO}/none.gguf", "no such file"), ("hf:nobody/none/x.gguf", "no such repository")],
)
def test_what_is_not_there(models: Models, name: str, sentence: str) -> None:
    status, _out, err = models("pull", name)
    assert status == 2
    assert sentence in err


def test_of_two_at_once_one_fetches_and_both_have_it(models: Models, folder: Path, hub: Hub, content: bytes) -> None:
    hub.hold.clear()
    first = models.start("pull", NAME)
    until(lambda: parts(folder), "the first's beginning", PATIENCE_S)
    second = models.start("pull", NAME)
    until(lambda: len(hub.asked(f"HEAD /{REPO}/")) >= 2, "the second's question", PATIENCE_S)
    hub.hold.set()
    for process in (first, second):
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out.strip()) == (0, str(folder / FILE)), err
    assert len(hub.asked("GET /storage/")) == 1
    assert (folder / FILE).read_bytes() == content


def test_a_proxy_is_asked_for_everything(models: Models, folder: Path, content: bytes) -> None:
    with proxied_hub("hub.invalid") as (address, behind):
        behind.files[f"{REPO}/{FILE}"] = content
        status, _out, err = models("pull", NAME, HF_ENDPOINT=behind.url, HTTP_PROXY=address, http_proxy=address)
        assert status == 0, err
        assert behind.asked("GET /storage/")
    assert (folder / FILE).read_bytes() == content


def test_a_licence_is_shown_and_accepted_once(models: Models, folder: Path, hub: Hub, content: bytes) -> None:
    hub.licence = "bigcode-openrail-m"
    status, _out, err = models("pull", NAME)
    assert status == 2
    assert "BigCode OpenRAIL-M" in err
    assert "bigcode-model-license-agreement" in err
    assert hub.asked("GET /storage/") == []
    assert models("pull", NAME, "--accept-licence")[0] == 0
    hub.files[f"{REPO}/other.gguf"] = content
    status, _out, err = models("pull", f"hf:{REPO}/other.gguf")
    assert status == 0, err
    assert (folder / "other.gguf").exists()


def test_a_model_of_the_catalogue_is_used_by_its_name(models: Models, folder: Path, hub: Hub, content: bytes) -> None:
    hub.files["second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf"] = content
    status, out, err = models("pull", "starcoder2-3b")
    assert status == 2
    assert "BigCode" in err
    status, out, err = models("pull", "StarCoder2-3B", "--accept-licence")
    assert (status, out.strip()) == (0, str(folder / "starcoder2-3b-Q4_K_M.gguf")), err
    assert '"model": "starcoder2-3b-Q4_K_M"' in err
    assert "starcoder2-3b-Q4_K_M.gguf" in models("info", "starcoder2-3b")[1]


def test_an_address_is_fetched(models: Models, folder: Path, hub: Hub, content: bytes) -> None:
    status, _out, err = models("pull", f"{hub.url}/storage/{REPO}/{FILE}")
    assert status == 0, err
    assert (folder / FILE).read_bytes() == content


def test_a_header_is_read_from_afar(models: Models, hub: Hub, content: bytes, folder: Path) -> None:
    status, out, err = models("info", NAME, "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert (facts["architecture"], facts["family"]) == ("starcoder2", "starcoder2")
    assert facts["licence"].startswith("Apache")
    assert hub.sent < len(content)
    assert not (folder / FILE).exists()
    here = json.loads(models("info", "nano", "--json")[1])
    assert {key: here[key] for key in ("parameters", "size", "context")} == {
        key: facts[key] for key in ("parameters", "size", "context")
    }


def test_models_of_ollama_and_files_are_taken_over(
    models: Models, folder: Path, tmp_path: Path, content: bytes
) -> None:
    store = tmp_path / "ollama"
    digest = hashlib.sha256(content).hexdigest()
    manifest = store / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1b"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(content)}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    blob = store / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir()
    blob.write_bytes(content)
    status, out, err = models("import", "ollama:tiny:1b", OLLAMA_MODELS=str(store))
    assert (status, out.strip()) == (0, str(folder / "tiny-1b.gguf")), err
    assert (folder / "tiny-1b.gguf").read_bytes() == content
    status, _out, err = models("import", "ollama:huge", OLLAMA_MODELS=str(store))
    assert status == 2
    assert "tiny:1b" in err
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(content)
    assert models("import", str(mine))[0] == 0
    assert (folder / "mine.gguf").read_bytes() == content
    assert models("import", NAME)[0] == 2
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(content[:-5])
    assert models("import", str(broken))[0] == 2
    assert not (folder / "broken.gguf").exists()


def test_a_file_that_changed_is_found_and_can_be_removed(models: Models, folder: Path) -> None:
    assert models("pull", NAME)[0] == 0
    status, out, _err = models("verify")
    assert status == 0
    assert "well" in out
    path = folder / FILE
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    status, out, _err = models("verify", "code")
    assert status == 1
    assert "changed" in out
    assert models("remove", "code")[0] == 1, "nobody was there to say yes"
    assert models("remove", "code", "--yes")[0] == 0
    assert [one.name for one in folder.iterdir()] == []
    assert models("remove", "nano", "--yes")[0] == 2


def test_what_was_kept_of_it_is_removed_with_it(models: Models, folder: Path, tmp_path: Path) -> None:
    assert models("pull", NAME)[0] == 0
    kept = StatesFolder(tmp_path / "cache" / "starcoder-lsp" / "states")
    kept.prepare()
    for path in (folder / FILE, folder / "another.gguf"):
        (kept.of_model(model_key(path)) / "a.state").write_bytes(b"tokens")
    assert models("remove", "code", "--yes", XDG_CACHE_HOME=str(tmp_path / "cache"))[0] == 0
    assert [one.path.parent.name for one in kept.states()] == [model_key(folder / "another.gguf")]


def test_an_interrupted_download_can_be_removed(models: Models, folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / f".{FILE}.0123456789abcdef.part").write_bytes(content[:1000])
    assert models("remove", "code", "--yes")[0] == 0
    assert parts(folder) == []
