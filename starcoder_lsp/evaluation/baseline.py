"""What copying alone achieves: the yardstick that a model has to beat."""

from __future__ import annotations

_LONGEST = 60
_LEAST = 4


def copy_line(before: str, after: str) -> str:
    """Return the line that followed, elsewhere in the file, the longest text that stands in front of the hole.

    The nearest such place before the hole is taken; without one, behind it; without any, nothing is suggested.
    """
    for size in range(min(_LONGEST, len(before)), _LEAST - 1, -1):
        context = before[-size:]
        for text in (before[:-1], after):
            at = text.rfind(context)
            if at >= 0:
                start = at + size
                end = text.find("\n", start)
                return text[start : end if end >= 0 else len(text)] + "\n"
    return ""
