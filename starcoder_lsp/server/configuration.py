"""Settings from the editor: initializationOptions first, the configuration section `starcoder` over them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types

from starcoder_lsp.config import Settings, apply_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.server.protocol import StarcoderServer

log = logging.getLogger(__name__)

SECTION = "starcoder"
_PATIENCE_S = 2.0


class Configuration:
    """Keeps the editor's options, and reports what is wrong with them, each problem once."""

    def __init__(self, server: StarcoderServer, base: Settings) -> None:
        """`base` are the settings of the command line; options of the editor win over them."""
        self._server = server
        self._base = base
        self._initial: object = None
        self._reported: set[str] = set()
        self.settings = base

    def initialize(self, options: object) -> Settings:
        """Take `initializationOptions`; problems are reported once the client is initialized."""
        self._initial = options
        self.settings, _problems = apply_options(self._base, options)
        return self.settings

    async def initialized(self) -> Settings:
        """Report problems, ask for the section where the client has one, and for news of it."""
        _settings, problems = apply_options(self._base, self._initial)
        self._report(problems)
        workspace = self._server.client_capabilities.workspace
        changes = workspace.did_change_configuration if workspace else None
        if changes is not None and changes.dynamic_registration:
            registration = types.Registration(
                id="starcoder-configuration",
                method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                register_options={"section": SECTION},
            )
            self._server.client_register_capability(types.RegistrationParams(registrations=[registration]))
        return await self.pull()

    async def pull(self, pushed: object = None) -> Settings:
        """Ask the client for the section; where it cannot be asked, take what it pushed."""
        workspace = self._server.client_capabilities.workspace
        section: object = pushed
        if workspace is not None and workspace.configuration:
            request = self._server.workspace_configuration_async(
                types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
            )
            try:
                answer = await asyncio.wait_for(request, _PATIENCE_S)
                section = answer[0] if answer else None
            except Exception as error:  # noqa: BLE001 - a client that does not answer keeps its initial options
                log.warning("The client did not answer workspace/configuration (%s).", type(error).__name__)
        settings, _known = apply_options(self._base, self._initial)
        self.settings, problems = apply_options(settings, section, trusted=False)
        self._report(problems)
        return self.settings

    def _report(self, problems: list[str]) -> None:
        for problem in problems:
            if problem not in self._reported:
                self._reported.add(problem)
                message = f"starcoder-lsp: {problem} It was ignored."
                self._server.window_show_message(
                    types.ShowMessageParams(type=types.MessageType.Warning, message=message)
                )


def section_of(settings: object) -> Mapping[str, object] | None:
    """Return the section in what `workspace/didChangeConfiguration` pushes: inside it, or the whole of it."""
    if not isinstance(settings, dict):
        return None
    inner = settings.get(SECTION, settings if SECTION not in settings else None)
    return inner if isinstance(inner, dict) else None
