"""The prompt: token ids in the layouts that a family of models was trained on (see `completion.fim`).

    psm   context prefix [path] PRE suffix SUF middle
    spm   context prefix suffix SUF middle [path] PRE

Control tokens are put in as ids; text is encoded by the caller's `chunks`, which knows no control tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from starcoder_lsp.completion.cursor import CLOSERS
from starcoder_lsp.completion.window import Anchor, Chunks, Window, encoded, prefix_window, suffix_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completion.fim import FimTokens, Layout

LayoutChoice = Literal["auto", "spm", "psm"]

_CONTROLS = 8
"""Room kept for control tokens: the most that any layout takes."""
_LEAST_ROOM = 16
_SUFFIX_SHARE = 4
"""A quarter of what the window has goes behind the cursor."""
_OPEN_REACH = 4096
"""Characters in front of a cursor in which its word is looked for."""
_MOST_CLOSERS = 8
"""More closing characters than this behind a cursor were not put there by an editor."""


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
    begin: str = ""
    """What stands between the prefix window and the cursor: the generation must begin with it."""


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
    open_end: Callable[[str], int] = lambda _text: 0,
) -> list[Prompt]:
    """Return the prompts that may be asked at this place, the preferred first; each has at most `budget` tokens.

    `open_end` says how many characters at the end of a text belong to a word that may go on. The prefix window ends in
    front of them, and the generation begins with them (see `completion.continuation`).

    With `skip_closers`, a variant is added whose suffix begins behind the closing characters that stand alone behind
    the cursor on its line: an editor that closes brackets by itself changes the suffix with every bracket typed, and
    the front of an SPM prompt with it; the variant's front stays, and the model writes the closers itself (refining
    drops them).

    Raises:
        ValueError: `budget` is too small for any prompt (24 tokens).
    """
    context = context or Context()
    path = _path_ids(place, tokens, context, chunks)
    room = budget - len(context.ids) - len(path) - _CONTROLS
    if room < _LEAST_ROOM:
        context, path = Context(), ()
        room = budget - _CONTROLS
    if room < _LEAST_ROOM:
        raise ValueError(f"A budget of {budget} tokens is too small for a prompt.")
    # The prefix's share does not depend on the suffix found, or the anchor would move when the suffix changes.
    behind = room // _SUFFIX_SHARE
    cut = place.offset - open_end(place.text[max(0, place.offset - _OPEN_REACH) : place.offset])
    begin = place.text[cut : place.offset]
    prefix = prefix_window(place.text, cut, room - behind, anchor, chunks)
    suffix = suffix_window(place.text, place.offset, behind, chunks)
    frame = _Frame.of(tokens, context, path, chunks)
    layouts = [one for one in _preference(layout) if one in tokens.family.layouts] or list(tokens.family.layouts[:1])
    found = [Prompt(frame.around(prefix, suffix, one), one, prefix, suffix, begin=begin) for one in layouts]
    skipped = closers_behind(place.text, place.offset) if skip_closers and "spm" in layouts else ""
    if skipped:
        suffix = suffix_window(place.text, place.offset + len(skipped), behind, chunks)
        found.append(Prompt(frame.around(prefix, suffix, "spm"), "spm", prefix, suffix, skipped, begin))
    return found


def _preference(layout: LayoutChoice) -> Sequence[Layout]:
    return ("spm", "psm") if layout == "auto" else (layout,)


def closers_behind(text: str, offset: int) -> str:
    """Return the closing characters behind `offset` if nothing else stands there up to the line's end."""
    end = text.find("\n", offset)
    rest = text[offset : end if end >= 0 else len(text)].rstrip(" \t")
    return rest if len(rest) <= _MOST_CLOSERS and all(one in CLOSERS for one in rest) else ""


def _path_ids(place: Place, tokens: FimTokens, context: Context, chunks: Chunks) -> tuple[int, ...]:
    if not context.names_path or not place.path:
        return ()
    return encoded(place.path + tokens.family.after_path, chunks)


@frozen
class _Frame:
    """What stands around the windows: control tokens, context, path."""

    tokens: FimTokens
    head: tuple[int, ...]
    before_prefix: tuple[int, ...]

    @classmethod
    def of(cls, tokens: FimTokens, context: Context, path: tuple[int, ...], chunks: Chunks) -> _Frame:
        bos = () if tokens.bos is None else (tokens.bos,)
        outer, inner = ((), context.ids) if context.inside_prefix else (context.ids, ())
        outer, inner = (outer, path + inner) if tokens.family.path_inside_prefix else (outer + path, inner)
        space = encoded(tokens.family.before_prefix, chunks) if tokens.family.before_prefix else ()
        return cls(tokens, bos + outer, space + inner)

    def around(self, prefix: Window, suffix: Window, layout: Layout) -> list[int]:
        tokens, before, after = self.tokens, self.before_prefix + prefix.ids, suffix.ids
        if layout == "psm":
            return [*self.head, tokens.prefix, *before, tokens.suffix, *after, tokens.middle]
        return [*self.head, tokens.prefix, tokens.suffix, *after, tokens.middle, *before]
