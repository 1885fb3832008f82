"""Where engines are, as the user wrote it: `local`, a URL, or an object with a URL and what else must be known.

Pure: nothing is looked up or opened here. An address never holds a key, only where one is found, so that it may be
shown in a status line or a log.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

LOCAL: Final = "local"
"""The model that the settings name, in this process."""

Dialect = Literal["llama-server", "vllm", "openai", "ollama", "tgi", "huggingface"]
DIALECTS: Final[tuple[Dialect, ...]] = ("llama-server", "vllm", "openai", "ollama", "tgi", "huggingface")

_PORTS: Final = {"http": 80, "https": 443}
_MOST_SLOTS: Final = 64


class Secret:
    """A key. Only `reveal` shows it: it prints, compares and logs as dots."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep a key."""
        self._value = value

    def reveal(self) -> str:
        """Return the key itself, for a request's header."""
        return self._value

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same key."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash it as its key."""
        return hash(self._value)


@frozen
class KeySource:
    """Where a key is found when it is needed.

    `env`: an environment variable; `file`: a file's first line; `command`: a program's output, run without a shell;
    `secret`: a name in the option `secrets`, which an editor fills from its secret storage.
    """

    kind: Literal["env", "file", "command", "secret"]
    words: tuple[str, ...]


@frozen(kw_only=True)
class EngineAddress:
    """A server, and how it is asked. None: found out from the server, or not needed."""

    url: str
    """Scheme, host, port and base path, without a slash at the end; for a Unix socket `http://localhost`."""
    socket: str | None = None
    """Path of a Unix socket."""
    dialect: Dialect | None = None
    model: str | None = None
    """The server's name for the model."""
    vocabulary: str | None = None
    """Name or path of a local GGUF file (a vocabulary alone will do) whose tokens are those of the server's model."""
    template: str | None = None
    """How a text engine is asked: a family of `completion.fim`, or `suffix`, where the server has a field for it."""
    key: KeySource | None = None
    ca: str | None = None
    """File of certificate authorities (PEM) to trust instead of the system's."""
    proxy: str | None = None
    """URL of a proxy; empty for none; None for what the environment says (never for this very machine)."""
    slots: int | None = None
    """Of a llama-server: how many of its slots are ours alone; 0: it chooses among them itself."""
    timeout_s: float = 30.0
    """Seconds of silence after which the server is given up."""

    @property
    def shown(self) -> str:
        """Where text goes, for people."""
        return f"unix:{self.socket}" if self.socket else self.url

    @property
    def on_this_machine(self) -> bool:
        """Whether nothing that is sent there leaves this machine."""
        if self.socket:
            return True
        host = urlsplit(self.url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


Place: TypeAlias = "EngineAddress | Literal['local']"


def read_engines(value: object) -> tuple[Place, ...]:
    """Return the engines that an option names, in the order in which they are asked.

    Raises:
        ValueError: what was expected instead, without the value: it might hold a key.
    """
    if isinstance(value, (str, Mapping)):
        value = [value]
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError('a list such as ["http://gpu.local:8000", "local"]')
    places = tuple(_place(one) for one in value)
    if len({LOCAL if one == LOCAL else str(one) for one in places}) < len(places):
        raise ValueError("a list that names each engine once")
    if LOCAL in places[:-1]:
        raise ValueError('a list with "local" at its end: it always answers, so nothing behind it would be asked')
    return places


def _place(value: object) -> Place:
    if isinstance(value, EngineAddress) or value == LOCAL:
        return value
    if isinstance(value, str):
        url, socket = _location(value)
        return EngineAddress(url=url, socket=socket)
    if not isinstance(value, Mapping):
        raise ValueError('a list of "local", URLs, and objects with a "url"')  # noqa: TRY004 - reported as a wrong value
    unknown = sorted(set(map(str, value)) - set(_FIELDS) - {"url"})
    if unknown:
        raise ValueError(f"a list whose objects have only url, {', '.join(_FIELDS)} (not {unknown[0]!r:.40})")
    url, socket = _location(_text(value.get("url"), "url"))
    given: dict[str, Any] = {
        _NAMES.get(name, name): check(value[name]) for name, check in _FIELDS.items() if value.get(name) is not None
    }
    return EngineAddress(url=url, socket=socket, **given)


def _location(url: str) -> tuple[str, str | None]:
    """Return URL and socket of an address as written."""
    if url.startswith("unix:"):
        path = "/" + url.removeprefix("unix:").lstrip("/")
        return "http://localhost", path
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError("a list with addresses such as http://gpu.local:8000 (one cannot be read)") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError('a list of "local" and addresses that begin with http://, https:// or unix:/')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError('a list of addresses without a name, password or "?": a key belongs into "key"')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    end = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{host}{end}{path.removesuffix('/v1')}", None


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'a list whose objects have a text in "{name}"')
    return value.strip()


def _dialect(value: object) -> object:
    if value not in DIALECTS:
        raise ValueError(f'a list whose objects have in "dialect" one of {", ".join(DIALECTS)}')
    return value


def _key(value: object) -> KeySource:
    """Read where a key is found. Nothing of the value is repeated in an error: it could be the key itself."""
    if isinstance(value, Mapping) and len(value) == 1:
        kind, what = next(iter(value.items()))
        if kind == "command" and isinstance(what, list) and what and all(isinstance(word, str) for word in what):
            return KeySource("command", tuple(what))
        if kind in ("env", "file", "secret") and isinstance(what, str) and what.strip():
            return KeySource(kind, (what.strip(),))
    raise ValueError(
        'a list whose objects have in "key" where it is found, never the key: {"env": NAME}, {"file": PATH}, '
        '{"command": [PROGRAM, ARGUMENT]} or {"secret": NAME}'
    )


def _slots(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_SLOTS:
        raise ValueError(f'a list whose objects have in "slots" a whole number from 0 to {_MOST_SLOTS}')
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:  # noqa: PLR2004 - named in the message
        raise ValueError('a list whose objects have in "timeout" seconds, up to 3600')
    return float(value)


def _path(value: object) -> str:
    path = _text(value, "ca")
    if not Path(path).expanduser().is_absolute():
        raise ValueError('a list whose objects have in "ca" a whole path, from / or ~')
    return path


def _proxy(value: object) -> str:
    if value == "":
        return ""
    proxy = _text(value, "proxy")
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise ValueError('a list whose objects have in "proxy" an address that begins with http:// or https://, or ""')
    return proxy


_FIELDS: Final[dict[str, Callable[[object], object]]] = {
    "dialect": _dialect,
    "model": lambda value: _text(value, "model"),
    "vocabulary": lambda value: _text(value, "vocabulary"),
    "template": lambda value: _text(value, "template"),
    "key": _key,
    "ca": _path,
    "proxy": _proxy,
    "slots": _slots,
    "timeout": _seconds,
}
_NAMES: Final = {"timeout": "timeout_s"}
