"""Files of a hub or of any address, over the network. The only home of huggingface_hub.

It brings proxies (HTTPS_PROXY, NO_PROXY), mirrors (HF_ENDPOINT), tokens (`hf auth login`, HF_TOKEN) and retries. Its
`hf_hub_download` begins again after a process ended (since 1.0), so the file is fetched by `http_get` into one of ours.

Nothing here is imported before a person asked for a file: see `opened`.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from attrs import frozen

from starcoder_lsp.errors import FetchFailed, Offline, SourceGated, SourceNotThere
from starcoder_lsp.hub.source import HubFile, WebFile
from starcoder_lsp.models.licences import Licence, licence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self  # of the standard library since Python 3.11

_CHUNK: Final = 1 << 18
"""Bytes that are read before they are written and reported: of 10 MB, a slow line would show nothing for seconds."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_TRUE: Final = {"1", "on", "yes", "true"}


@frozen
class RemoteFile:
    """What the other side says of a file."""

    source: HubFile | WebFile
    url: str
    bytes: int | None
    etag: str | None
    sha256: str | None
    """Known for large files of a hub."""
    commit: str | None = None
    licence: Licence | None = None
    """None where the other side says nothing."""


def require_network(what: str, *, offline: bool = False) -> None:
    """Raise Offline where the network is forbidden; no connection is made."""
    if offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise Offline(what)


def look_up(source: HubFile | WebFile, *, offline: bool = False) -> RemoteFile:
    """Ask for a file's size, checksum and licence; none of its bytes is fetched.

    Raises HubError: Offline, SourceNotThere, SourceGated or FetchFailed.
    """
    require_network(str(source), offline=offline)
    with opened(source):
        from huggingface_hub import get_hf_file_metadata  # noqa: PLC0415 - see the module

        url = _url(source)
        found = get_hf_file_metadata(url, retry_on_errors=False)
        licence = _licence(source)
    etag = found.etag
    stated = source.sha256 if isinstance(source, HubFile) else None
    sha256 = etag if etag and _SHA256.fullmatch(etag) else stated
    return RemoteFile(source, url, found.size, etag, sha256, found.commit_hash, licence)


def fetch(file: RemoteFile, target: IO[bytes], have: int, report: Callable[[int], None]) -> None:
    """Append the file to `target`, which has its first `have` bytes. An exception from `report` ends it.

    `report` is told how many bytes there are, some times a second. A server that cannot go on in the middle begins
    again, and so does the count.

    Raises:
        FetchFailed: the connection failed, five times in a row without a byte, or the file ended early.
        SourceNotThere, SourceGated: as in `look_up`.
        OSError: the disk.
    """
    with opened(file.source):
        from huggingface_hub import constants  # noqa: PLC0415 - see the module
        from huggingface_hub.file_download import http_get  # noqa: PLC0415

        headers = _headers()
        headers["Accept-Encoding"] = "identity"  # counted are the bytes of the file
        constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
        counted = _Counted(target)
        bar: Any = _bar(target, report)
        http_get(file.url, counted, resume_size=have, headers=headers, expected_size=file.bytes, tqdm_class=bar)  # type: ignore[arg-type] # of an IO it needs what `_Counted` has


def read_range(file: RemoteFile, start: int, end: int) -> bytes:
    """Return bytes `start` up to, not including, `end`. Raises FetchFailed where the server has no ranges."""
    with opened(file.source):
        from huggingface_hub.utils import get_session, hf_raise_for_status  # type: ignore[attr-defined] # noqa: PLC0415 - documented there

        headers = {**_headers(), "Range": f"bytes={start}-{end - 1}"}
        with get_session().stream("GET", file.url, headers=headers, follow_redirects=True) as response:
            hf_raise_for_status(response)
            if response.status_code != 206 and start:  # noqa: PLR2004 - Partial Content
                raise FetchFailed(f"{file.source} cannot be read in part: its server has no ranges.")
            found = b""
            for chunk in response.iter_bytes():
                found += chunk
                if len(found) >= end - start:
                    break
        return found[: end - start]


@contextmanager
def opened(source: HubFile | WebFile) -> Iterator[None]:
    """Turn what huggingface_hub and its HTTP client raise into errors of ours; the disk's stay."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_UPDATE_CHECK", "1")
    import httpx2  # noqa: PLC0415 - huggingface_hub's own client
    from huggingface_hub import errors  # noqa: PLC0415 - see the module

    try:
        yield
    except errors.GatedRepoError as error:
        raise SourceGated(
            f"{source} is given only to who accepted its conditions at {_page(source)}. Do so, make a token there "
            "(Settings, Access Tokens), and set HF_TOKEN to it or run `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise SourceNotThere(
            f"{source}: there is no such repository at {_page(source)}, or it is private (then set HF_TOKEN)."
        ) from error
    except (errors.EntryNotFoundError, errors.RevisionNotFoundError) as error:
        raise SourceNotThere(f"{source}: the repository has no such file or revision; see {_page(source)}.") from error
    except errors.OfflineModeIsEnabled as error:
        raise Offline(str(source)) from error
    except errors.HfHubHTTPError as error:
        raise _of_status(source, error) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchFailed(f"{source} could not be fetched: {str(error) or type(error).__name__}. {_AGAIN}") from error
    except OSError as error:
        if error.errno is None:  # huggingface_hub's own, not the disk's: fewer bytes came than were announced
            raise FetchFailed(f"{source} came only in part. {_AGAIN}") from error
        raise


_AGAIN: Final = (
    "Look at the network, HTTPS_PROXY and HF_ENDPOINT; what came is kept, and the same command goes on from there."
)


def _of_status(source: HubFile | WebFile, error: Exception) -> SourceGated | SourceNotThere | FetchFailed:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    if status in {401, 403}:
        return SourceGated(
            f"{source}: the server refuses it (HTTP {status}). Set HF_TOKEN to a token that may read it."
        )
    if status in {404, 410}:
        return SourceNotThere(f"{source} is not there (HTTP {status}).")
    return FetchFailed(f"{source} could not be fetched: the server answers HTTP {status}. {_AGAIN}")


def _headers() -> dict[str, str]:
    """The token, and who asks."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # noqa: PLC0415 - documented there

    headers: dict[str, str] = build_hf_headers(library_name="starcoder-lsp")
    return headers


def _url(source: HubFile | WebFile) -> str:
    if isinstance(source, WebFile):
        return source.url
    from huggingface_hub import hf_hub_url  # noqa: PLC0415 - see the module

    return hf_hub_url(source.repo, source.file, revision=source.revision)


def _page(source: HubFile | WebFile) -> str:
    if isinstance(source, WebFile):
        return source.url
    from huggingface_hub.constants import ENDPOINT  # noqa: PLC0415 - see the module

    return f"{ENDPOINT}/{source.repo}"


def _licence(source: HubFile | WebFile) -> Licence | None:
    """Of the catalogue, or what the repository's card says; a mirror without the API says nothing."""
    if isinstance(source, WebFile):
        return None
    if source.known is not None:
        return source.known.licence
    from huggingface_hub import HfApi  # noqa: PLC0415 - see the module
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    try:
        card = HfApi().model_info(source.repo, revision=source.revision).card_data
    except HfHubHTTPError:
        return None
    said: dict[str, Any] = card.to_dict() if card is not None else {}  # type: ignore[no-untyped-call] # untyped library
    name = said.get("license_name") if said.get("license") == "other" else said.get("license")
    return licence_of(str(name), str(said.get("license_link") or _page(source))) if name else None


class _Counted:
    """What `http_get` needs of a file; the file itself stays ours."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.write, self.seek, self.tell, self.truncate = file.write, file.seek, file.tell, file.truncate


def _bar(target: IO[bytes], report: Callable[[int], None]) -> type:
    """Return a class with the methods of a tqdm bar that `http_get` calls, which reports where the file ends."""

    class Bar:
        def __init__(self, *_arguments: object, **_options: object) -> None:
            self.update(0)

        def update(self, _count: float = 0) -> None:
            report(target.tell())

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            return None

        def close(self) -> None:
            return None

    return Bar
