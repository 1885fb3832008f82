"""The LSP4IJ template against LSP4IJ's own words.

The rules come from its documentation (docs/UserDefinedLanguageServer.md, docs/UserDefinedLanguageServerTemplate.md),
its readers (ServerTemplateJsonDeserializer; ExecTaskFactory, which cuts a command in one string at every blank,
whatever the quotes say), its clientSettings.schema.json, and the templates that it ships (flat settings,
`expandConfiguration`).
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from attrs import fields

from starcoder_lsp.config import Settings
from tests.editors.lab import CODE, REPOSITORY, Home, poll

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = REPOSITORY / "editors" / "jetbrains" / "starcoder-lsp"
SYSTEMS = {"windows", "mac", "unix", "default"}
TASKS = {
    "exec": {"id", "name", "command", "workingDir", "timeout", "ignoreStderr", "onFail", "onSuccess"},
    "download": {"id", "name", "url", "github", "maven", "output", "onFail", "onSuccess"},
    "configureServer": {"id", "name", "command", "update"},
}
CLIENT_SETTINGS = {
    "caseSensitive",
    "lineCommentPrefix",
    "blockCommentPrefix",
    "blockCommentSuffix",
    "statementTerminatorCharacters",
    "completion",
    "breadcrumbs",
    "editor",
    "format",
    "workspaceSymbol",
}


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_the_folder_has_the_documented_files_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {
        "template.json",
        "settings.json",
        "settings.schema.json",
        "initializationOptions.json",
        "clientSettings.json",
        "installer.json",
        "README.md",
    }


def test_template() -> None:
    template = load("template.json")
    assert set(template) == {"id", "name", "programArgs", "expandConfiguration", "fileTypeMappings"}
    assert template["id"] == FOLDER.name
    assert set(template["programArgs"]) <= SYSTEMS
    assert "default" in template["programArgs"]
    assert all("starcoder-lsp --stdio" in command for command in template["programArgs"].values())
    for mapping in template["fileTypeMappings"]:
        assert set(mapping) == {"fileType", "languageId"}
        assert set(mapping["fileType"]) <= {"name", "patterns"}
        assert mapping["fileType"]["patterns"]
        assert re.fullmatch(r"[a-z]+", mapping["languageId"])
    patterns = [pattern for mapping in template["fileTypeMappings"] for pattern in mapping["fileType"]["patterns"]]
    assert len(patterns) == len(set(patterns)), "a file must have one language"


def check_command(command: Any, *, quotes_allowed: bool) -> None:
    for words in command.values() if isinstance(command, dict) else [command]:
        if isinstance(words, str):
            assert quotes_allowed or not set(words) & set("\"'"), "LSP4IJ cuts a string at every blank"
        else:
            assert all(isinstance(word, str) for word in words)
    if isinstance(command, dict):
        assert set(command) <= SYSTEMS
        assert "default" in command


def check_tasks(tasks: dict[str, Any]) -> list[str]:
    (kind,) = tasks
    task = tasks[kind]
    assert set(task) <= TASKS[kind], kind
    check_command(task["command"], quotes_allowed=False)
    return [kind, *(found for after in ("onFail", "onSuccess") if after in task for found in check_tasks(task[after]))]


def test_installer() -> None:
    installer = load("installer.json")
    assert set(installer) == {"id", "name", "executeOnStartServer", "properties", "check", "run"}
    assert check_tasks(installer["check"]) == ["exec"]
    assert check_tasks(installer["run"]) == ["exec", "exec", "configureServer"]
    # pip and venv write warnings to stderr, which counts as a failure unless it is ignored.
    assert installer["run"]["exec"]["ignoreStderr"]
    assert installer["run"]["exec"]["onSuccess"]["exec"]["ignoreStderr"]
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(installer)))
    assert used <= set(installer["properties"])
    assert set(re.findall(r"\$([A-Z_]+)\$", json.dumps(installer))) <= {"USER_HOME", "PROJECT_DIR"}


def test_client_settings() -> None:
    assert set(load("clientSettings.json")) <= CLIENT_SETTINGS


def test_the_schema_has_the_server_s_options_and_defaults() -> None:
    schema = load("settings.schema.json")
    assert schema["additionalProperties"] is False
    # private ones belong into the initialization options: the server takes them from nowhere else
    settable = [one for one in fields(Settings) if not one.metadata.get("private", False)]
    assert set(schema["properties"]) == {f"starcoder.{one.metadata['name']}" for one in settable}
    settings = Settings()
    for one in settable:
        described = schema["properties"][f"starcoder.{one.metadata['name']}"]
        assert described["description"].endswith(".")
        value = getattr(settings, one.name)
        if one.name == "gpu_layers":
            assert (described["default"], value) == ("auto", None)
        else:
            assert described["default"] == json.loads(json.dumps(value))


def test_the_settings_are_in_the_schema() -> None:
    assert set(load("settings.json")) <= set(load("settings.schema.json")["properties"])


class Client:
    """Speaks to the server as LSP4IJ does: the same command, options, settings and capability."""

    def __init__(self, home: Home) -> None:
        command = shlex.split(load("template.json")["programArgs"]["default"])
        self._process = subprocess.Popen(
            command, env=home.environment, cwd=home.project, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.warnings: list[str] = []
        self.state = ""
        self._count = 0

    def send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self._process.stdout
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        method, parameters = message.get("method"), message.get("params", {})
        if method == "workspace/configuration":
            expanded = {name.partition(".")[2]: value for name, value in load("settings.json").items()}
            self.send(id=message["id"], result=[expanded for _ in parameters["items"]])
        elif method and "id" in message:
            self.send(id=message["id"], result=None)
        elif method == "window/showMessage":
            self.warnings.append(parameters["message"])
        elif method == "starcoder/status":
            self.state = parameters["state"]
        return message

    def request(self, method: str, params: Any) -> Any:
        self._count += 1
        self.send(id=self._count, method=method, params=params)
        while True:
            message = self.receive()
            if message.get("id") == self._count and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def close(self) -> None:
        self.request("shutdown", None)
        self.send(method="exit")
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(Home(tmp_path / "home"))
    yield client
    client.close()


@pytest.mark.slow
def test_the_template_s_command_answers_as_lsp4ij_asks(client: Client) -> None:
    capabilities = {
        "workspace": {"configuration": True},
        "textDocument": {"inlineCompletion": {"dynamicRegistration": True}},
        "window": {"workDoneProgress": True},
    }
    options = {**load("initializationOptions.json"), "confidence": 0}
    result = client.request(
        "initialize",
        {"processId": None, "rootUri": None, "capabilities": capabilities, "initializationOptions": options},
    )
    assert result["capabilities"]["inlineCompletionProvider"] is not None
    assert not result["capabilities"].get("completionProvider"), "the same suggestion would come twice"
    client.send(method="initialized", params={})
    while client.state not in ("ready", "busy"):
        client.receive()
    document = {"uri": "file:///project/arithmetic.py", "languageId": "python", "version": 1, "text": CODE + "re"}
    client.send(method="textDocument/didOpen", params={"textDocument": document})
    question = {
        "textDocument": {"uri": document["uri"]},
        "position": {"line": CODE.count("\n"), "character": len("    re")},
        "context": {"triggerKind": 1},
    }
    answer = poll("a suggestion", lambda: client.request("textDocument/inlineCompletion", question)["items"])
    assert answer[0]["insertText"]
    assert client.warnings == []
