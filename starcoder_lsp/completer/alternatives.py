"""Other suggestions for who asks by hand: another first token each, then the likeliest continuation of that.

They share the whole prompt with the suggestion: only the first token of each is evaluated, and what is decoded of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer.writing import Writing
    from starcoder_lsp.engine.base import Token

_TRIES = 2
"""So many first tokens are tried for each suggestion that is wanted: some lead to the same text, or to nothing."""


def alternatives(
    main: Writing, wanted: int, again: Callable[[], Writing], go_on: Callable[[Sequence[int], Writing], bool]
) -> tuple[str, ...]:
    """Return up to `wanted` texts that are different from that of `main` and from each other, the likelier first.

    Args:
        main: the suggestion, written.
        wanted: how many others.
        again: makes a new writing at the same place.
        go_on: generates behind the prompt and these ids, into a writing; False once that was cancelled.
    """
    index = next((index for index, token in enumerate(main.tokens) if token.others), None)
    if index is None:
        return ()
    before = main.tokens[:index]
    found = [main.text]
    for first in main.tokens[index].others[: _TRIES * wanted]:
        if len(found) > wanted:
            break
        writing = again()
        if not _feed(writing, before, first) and not go_on([*(token.id for token in before), first.id], writing):
            break
        text = writing.text
        if text and not any(one.startswith(text) for one in found):
            found.append(text)
    return tuple(found[1:])


def _feed(writing: Writing, before: Sequence[Token], first: Token) -> bool:
    """Let a writing take what is not generated again; True if it has enough.

    The first token was chosen, whatever its probability: the gate judges what follows from it.
    """
    return any(writing.take(token) for token in (*before, evolve(first, logprob=0.0)))
