"""The prompt: token ids in the layouts that a family of models was trained on (see `completion.fim`).

    psm   context prefix [path] PRE suffix SUF middle
    spm   context prefix suffix SUF middle [path] PRE

Control tokens are put in as ids; text is encoded by the caller's `chunks`, which knows no control tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from starcoder_lsp.completion.cursor import CLOSERS
from starcoder_lsp.completion.window import Anchor, Chunks, Window, prefix_window, suffix_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.fim import FimTokens, Layout

LayoutChoice = Literal["auto", "spm", "psm"]

_CONTROLS = 8
"""Room kept for control tokens: the most that any layout takes."""
_MIN_BUDGET = 24
_SUFFIX_SHARE = 4
"""A quarter of what the window has goes behind the cursor; what it does not need goes to the front."""


@frozen
class Place:
    """A cursor in a file. `text` has newlines as its only line ends; `offset` is in characters of it."""

    text: str = field(repr=False)
    offset: int
    path: str = ""
    """Relative to the repository, with slashes; for models that are told it."""


@frozen
class Context:
    """What stands in front of the file: ids ready to use, stable between two keystrokes. Empty by default."""

    ids: tuple[int, ...] = ()
    names_path: bool = False
    """Whether the current file is introduced by its path, as its neighbours are."""
    inside_prefix: bool = False
    """Whether it stands behind the prefix token, as part of the file (families that know one file at a time)."""


@frozen
class Prompt:
    """Ids to evaluate, and what they stand for."""

    ids: list[int] = field(repr=False)
    layout: Layout
    prefix: Window = field(repr=False)
    suffix: Window = field(repr=False)
    skipped: str = ""
    """Closing characters between the cursor and the suffix that the prompt leaves out (see `candidates`)."""


def candidates(  # noqa: PLR0913 - what a prompt is made of
    place: Place,
    *,
    tokens: FimTokens,
    budget: int,
    anchor: Anchor,
    chunks: Chunks,
    layout: LayoutChoice = "auto",
    context: Context | None = None,
    skip_closers: bool = False,
) -> list[Prompt]:
    """Return the prompts that may be asked at this place, the preferred first; each has at most `budget` tokens.

    With `skip_closers`, a variant is added whose suffix begins behind the closing characters that stand alone behind the cursor
    on its line: an editor that closes brackets by itself changes the suffix with every bracket typed, and the front of
    an SPM prompt with it; the variant's front stays, and the model writes the closers itself (refining drops them).

    Raises:
        ValueError: `budget` is too small for any prompt (24 tokens).
    """
    context = context or Context()
    path = _path_ids(place, tokens, context, chunks)
    room = budget - len(context.ids) - len(path) - _CONTROLS
    if room < _MIN_BUDGET - _CONTROLS:
        context, path = Context(), ()
        room = budget - _CONTROLS
    if room < _MIN_BUDGET - _CONTROLS:
        raise ValueError(f"A budget of {budget} tokens is too small for a prompt.")
    suffix = suffix_window(place.text, place.offset, room // _SUFFIX_SHARE, chunks)
    # The prefix budget does not depend on the suffix found, or the anchor would move when the suffix changes.
    prefix = prefix_window(place.text, place.offset, room - room // _SUFFIX_SHARE, anchor, chunks)
    layouts = [one for one in _preference(layout) if one in tokens.family.layouts] or list(tokens.family.layouts[:1])
    found = [_assemble(one, context, path, prefix, suffix, tokens, chunks) for one in layouts]
    skipped = closers_behind(place.text, place.offset) if skip_closers and "spm" in layouts else ""
    if skipped:
        behind = suffix_window(place.text, place.offset + len(skipped), room // _SUFFIX_SHARE, chunks)
        found.append(_assemble("spm", context, path, prefix, behind, tokens, chunks, skipped))
    return found


def _preference(layout: LayoutChoice) -> Sequence[Layout]:
    return ("spm", "psm") if layout == "auto" else (layout,)


def closers_behind(text: str, offset: int) -> str:
    """Return the closing characters behind `offset` if nothing else stands there up to the line's end."""
    end = text.find("\n", offset)
    rest = text[offset : end if end >= 0 else len(text)]
    stripped = rest.rstrip(" \t")
    return stripped if stripped and len(stripped) <= _CONTROLS and all(one in CLOSERS for one in stripped) else ""


def _path_ids(place: Place, tokens: FimTokens, context: Context, chunks: Chunks) -> tuple[int, ...]:
    if not context.names_path or not place.path:
        return ()
    return tuple(token for _piece, ids in chunks(place.path + tokens.family.after_path) for token in ids)


def _assemble(  # noqa: PLR0913 - the parts of a prompt
    layout: Layout,
    context: Context,
    path: Sequence[int],
    prefix: Window,
    suffix: Window,
    tokens: FimTokens,
    chunks: Chunks,
    skipped: str = "",
) -> Prompt:
    head = [] if tokens.bos is None else [tokens.bos]
    inner_context = list(context.ids) if context.inside_prefix else []
    head += [] if context.inside_prefix else context.ids
    space = [one for _piece, ids in chunks(tokens.family.before_prefix) for one in ids] if tokens.family.before_prefix else []
    inside = tokens.family.path_inside_prefix
    outer, inner = ([], [*path, *inner_context]) if inside else (list(path), inner_context)
    if layout == "psm":
        body = [tokens.prefix, *inner, *space, *prefix.ids, tokens.suffix, *suffix.ids, tokens.middle]
    else:
        body = [tokens.prefix, tokens.suffix, *suffix.ids, tokens.middle, *inner, *space, *prefix.ids]
    return Prompt(head + outer + body, layout, prefix, suffix, skipped)
