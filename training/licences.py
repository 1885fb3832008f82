"""Which licences may enter the corpus: permissive ones only, decided from a package's own metadata."""

from __future__ import annotations

import re

__all__ = ["permissive"]

# Words that decide. A forbidden word wins over an allowed one, so "MIT or GPL" is refused: cautious on purpose.
_FORBIDDEN = re.compile(
    r"GPL|General Public|LGPL|AGPL|MPL|Mozilla|EPL|Eclipse|CDDL|CC-BY|Creative Commons|Proprietary|SSPL|EUPL|BUSL|"
    r"Commons Clause|non-?commercial",
    re.IGNORECASE,
)
_ALLOWED = re.compile(
    r"\bMIT\b|\bBSD\b|Apache|\bISC\b|ISCL|Python Software Foundation|\bPSF|Unlicense|Zlib|HPND|CC0|0BSD|Expat|"
    r"BSL-1\.0|Boost|Public Domain|MIT-CMU|Repoze|\bZPL\b|Biopython",
    re.IGNORECASE,
)


def permissive(licence: str) -> bool:
    """Whether the text of a licence field names a permissive licence and no other kind.

    >>> permissive("BSD-3-Clause"), permissive("MPL-2.0"), permissive("")
    (True, False, False)
    """
    return bool(_ALLOWED.search(licence)) and not _FORBIDDEN.search(licence)
