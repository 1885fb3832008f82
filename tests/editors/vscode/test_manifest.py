"""The extension's manifest against docs/protocol.md: needs neither Node nor an editor."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.editors.lab import REPOSITORY

EXTENSION = REPOSITORY / "editors" / "vscode"
MANIFEST: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
SETTINGS: dict[str, Any] = {
    name: setting for block in MANIFEST["contributes"]["configuration"] for name, setting in block["properties"].items()
}
START = ["engines", "cache.disk", "cache.folder"]
"""Options that say where code goes: the server takes them only as it starts."""
PROTOCOL = (REPOSITORY / "docs" / "protocol.md").read_text(encoding="utf-8")


def documented_options() -> dict[str, str]:
    """The options of docs/protocol.md and their defaults, as it writes them."""
    table = PROTOCOL.split("## Options", 1)[1]
    options: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", table, re.MULTILINE):
        values = re.findall(r"`([^`]*)`", defaults) or [defaults.strip()]
        options.update(zip(re.findall(r"`([^`]*)`", names), values, strict=True))
    return options


def test_every_option_is_a_setting_with_the_same_default() -> None:
    options = documented_options()
    del options["refresh"]  # a fact about the client, not a choice of its user
    del options["secrets"]  # keys do not stand in settings
    settings = {
        name.removeprefix("starcoder."): "model's own" if setting["default"] is None else json.dumps(setting["default"])
        for name, setting in SETTINGS.items()
        if not name.startswith(("starcoder.server.", "starcoder.trace."))
    }
    assert settings == options


def test_the_extension_passes_every_option_on() -> None:
    source = (EXTENSION / "src" / "config.ts").read_text(encoding="utf-8")
    names = re.search(r"serverOptionNames = \[(.*?)\]", source, re.DOTALL)
    at_start = re.search(r"startOptionNames = \[(.*?)\]", source)
    assert names
    assert at_start
    assert set(re.findall(r"'([\w.]+)'", names[1])) == documented_options().keys() - {"refresh", "secrets", *START}
    assert re.findall(r"'([\w.]+)'", at_start[1]) == START


def test_every_setting_says_what_it_does() -> None:
    assert [name for name, setting in SETTINGS.items() if not setting.get("markdownDescription")] == []


def test_a_workspace_cannot_name_programs_packages_or_models_take_all_cores_or_log_text() -> None:
    sensitive = {name for name in SETTINGS if name.startswith("starcoder.server.")} | {
        "starcoder.model",
        "starcoder.engine",
        "starcoder.engines",
        "starcoder.threads",
        "starcoder.cache.disk",
        "starcoder.cache.folder",
        "starcoder.trace.server",  # these two may write the text of files into a log
        "starcoder.logLevel",
    }
    assert {SETTINGS[name]["scope"] for name in sensitive} == {"machine"}
    restricted = set(MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"])
    assert restricted == sensitive | {"starcoder.lora"}, "a trusted workspace may name adapters of its own"


def test_the_palettes_commands_are_not_the_servers() -> None:
    """VS Code's language client registers the server's commands under their own names."""
    servers = set(re.findall(r"^\| `(starcoder\.\w+)` \|", PROTOCOL, re.MULTILINE))
    ours = {command["command"] for command in MANIFEST["contributes"]["commands"]}
    assert "starcoder.accept" in servers
    assert servers & ours == set()


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (EXTENSION / "package-lock.json").read_text(encoding="utf-8")
