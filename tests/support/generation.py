"""Short ways to ask an engine for something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.engine.base import CancelToken, Engine, Evaluation, Generation, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class CancelAfter(CancelToken):
    """Is cancelled when it was looked at `looks` times: the same on a fast machine and on a slow one."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks

    @property
    def cancelled(self) -> bool:
        if self._left <= 0:
            self.cancel()
        self._left -= 1
        return super().cancelled


def prefill(engine: Engine, ids: Sequence[int], cancel: CancelToken | None = None, *, slot: int = 0) -> Evaluation:
    return engine.prefill(ids, slot=slot, cancel=cancel or CancelToken())


def generate(
    engine: Engine,
    ids: Sequence[int],
    count: int = 12,
    *,
    slot: int = 0,
    cancel: CancelToken | None = None,
    on_token: Callable[[Token], bool] = lambda _token: False,
    begin: str = "",
) -> tuple[list[Token], Generation]:
    """Return the tokens handed out, and what the engine says of the generation."""
    tokens: list[Token] = []

    def take(token: Token) -> bool:
        tokens.append(token)
        return on_token(token)

    cancel = cancel or CancelToken()
    return tokens, engine.generate(ids, slot=slot, max_tokens=count, on_token=take, cancel=cancel, begin=begin)


def ids_of(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens]
