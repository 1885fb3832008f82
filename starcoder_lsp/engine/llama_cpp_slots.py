"""llama.cpp's slots, written to files and read from them through its own private socket.

`POST /slots/N?action=save|restore` is all that is asked there: the library offers no other way. The socket lies in the
private folder (a loopback port on Windows), and each request carries this process's random key.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S: Final = 60.0


class SlotFiles:
    """See `engine.states.shelf.Slots`."""

    def __init__(self, address: Path | str, key: str) -> None:
        """`address`: the socket, or the listener's URL. `key`: of this process's listener."""
        self._address = address
        self._key = key

    def save(self, slot: int, name: str) -> int:
        """Write a slot into a file of the staging folder. Raises EngineFailed."""
        return int(self._post(slot, "save", name)["n_saved"])

    def restore(self, slot: int, name: str) -> int:
        """Read a slot from a file of the staging folder. Raises EngineFailed."""
        return int(self._post(slot, "restore", name)["n_restored"])

    def _post(self, slot: int, action: str, name: str) -> dict[str, Any]:
        connection = _connection(self._address)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            connection.request("POST", f"/slots/{slot}?action={action}", json.dumps({"filename": name}), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineFailed(f"llama.cpp did not {action} a slot: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            said = answer.get("error", {}).get("message", answer) if isinstance(answer, dict) else answer
            raise EngineFailed(f"llama.cpp did not {action} a slot: {said}")
        return dict(answer)


def _connection(address: Path | str) -> http.client.HTTPConnection:
    if not isinstance(address, str):
        return _Unix(str(address))
    url = urlsplit(address)
    return http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=_PATIENCE_S)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE_S)
        self.sock.connect(self._path)
