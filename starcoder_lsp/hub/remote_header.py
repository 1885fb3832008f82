"""The header of a GGUF file that is not here, by range requests: a few megabytes of many gigabytes.

What came is written to a file with a hole of the file's full length behind, so that all checks of `models.read` apply.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starcoder_lsp.errors import FetchFailed
from starcoder_lsp.hub import remote
from starcoder_lsp.models.gguf_format import MAGIC, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starcoder_lsp.hub.remote import RemoteFile

_FIRST: Final = 1 << 20
_MOST: Final = 64 << 20
"""No header of a language model is longer: 256,000 tokens and their merges take 12 MB."""


@contextmanager
def header_file(file: RemoteFile) -> Iterator[Path]:
    """Yield a file that has the header of the remote one and its length; gone behind the block. Raises HubError."""
    size = file.bytes or 0
    with tempfile.TemporaryDirectory(prefix="starcoder-lsp-") as folder:
        path = Path(folder) / file.url.rsplit("/", 1)[-1].partition("?")[0]
        with path.open("w+b") as out:
            reach = 0
            while True:
                wanted = min(max(_FIRST, 2 * reach), size or _MOST)
                out.write(remote.read_range(file, reach, wanted))
                out.flush()
                reach = out.tell()
                if reach < wanted or reach >= min(size or _MOST, _MOST) or _is_whole(path):
                    break
            if reach >= _MOST and not _is_whole(path):
                raise FetchFailed(
                    f"{file.source} has a header of more than {_MOST >> 20} MB, so it is no usual GGUF file."
                )
            out.truncate(max(size, reach))
        yield path


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != MAGIC:
            return True  # reading it says what it is instead
        try:
            walk(path, data)
        except (struct.error, OverflowError):
            return False
        return True
