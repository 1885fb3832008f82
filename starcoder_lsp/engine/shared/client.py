"""The `Engine` that a window sees where one process serves all: asks cross, what slots hold is known here already.

Nothing is read while the window rests: what the process tells of its slots waits in the connection until the next plan.
A process that died is started again, by whichever window asks first, and what was asked is asked again: a generation
writes the same tokens (greedy decoding), and those that were handed out already are not handed out twice.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field

from starcoder_lsp.engine.base import UNBEGUN, CancelToken, EngineInfo, Evaluation, Generation, Token, check_prompt
from starcoder_lsp.engine.shared.connection import Connection, Gone
from starcoder_lsp.engine.shared.joining import NotShared
from starcoder_lsp.engine.shared.messages import Ask, BadMessage, Cancel, Done, Failed, Holds, Keep, Log, Urge, Wrote
from starcoder_lsp.engine.shared.slots import Slot
from starcoder_lsp.engine.states.known import Known
from starcoder_lsp.errors import BadTokens, Cancelled, EngineClosed, EngineFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.engine.base import OnToken
    from starcoder_lsp.engine.shared.joining import Joined, Joiner
    from starcoder_lsp.engine.shared.messages import Message

log = logging.getLogger(__name__)

_PAUSES_S: Final = (0.0, 0.5, 2.0)
"""Before each new try of an ask whose process died: what kills it every time must not do so without end."""


@define(eq=False)
class _Taking:
    """Hands out the tokens of one ask, each once."""

    on_token: OnToken
    cancel: CancelToken
    taken: list[int] = field(factory=list)
    over: bool = False
    """No more are wanted."""
    error: BaseException | None = None

    def take(self, wrote: Wrote) -> None:
        if self.over or self.cancel.cancelled:
            return
        if wrote.index < len(self.taken):
            self.over = wrote.id != self.taken[wrote.index]  # a near tie fell the other way: what was written stays
            return
        self.taken.append(wrote.id)
        others = tuple(Token(one.id, one.piece, one.logprob) for one in wrote.others)
        try:
            self.over = self.on_token(Token(wrote.id, wrote.piece, wrote.logprob, others))
        except BaseException as error:  # noqa: BLE001 - raised once the process has ended the work
            self.over, self.error = True, error


@define(eq=False)
class SharedEngine:
    """See the module, and `Engine`."""

    joiner: Joiner
    info: EngineInfo
    _connection: Connection | None
    _slots: list[Slot]
    _known: Known | None
    """The states that the process keeps: it reads them where they help, so they count here too."""
    _evaluated: dict[int, Sequence[int]] = field(factory=dict)
    """What the last prefill for each slot evaluated, or found evaluated."""
    _asked: int = 0
    _closed: bool = False

    @classmethod
    def over(cls, joiner: Joiner, joined: Joined) -> SharedEngine:
        """Return the engine over a connection."""
        return cls(joiner, _info(joined), joined.connection, _empty(joined), _known(joined))

    # ---- Engine ------------------------------------------------------------------------------------------------------

    def cached(self, slot: int) -> Sequence[int]:
        """See `Engine.cached`."""
        self._catch_up()
        return self._slots[slot].ids

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`; what another window uses counts only where it is most of `ids` (see `slots`)."""
        self._catch_up()
        if self._known is None:
            return self._slots[slot].worth(ids)
        held = [one.worth(ids) for one in self._slots]
        return self._known.worth(ids, max(held)) or held[slot]

    def keep(self, slot: int) -> None:
        """See `Engine.keep`: what was evaluated here last, wherever the process put it."""
        if self._closed:
            raise EngineClosed
        ids = self._evaluated.get(slot)
        if self._connection is None or ids is None:
            return
        try:
            self._connection.send(Keep(list(ids)))
        except Gone:
            self._lose()

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`. Ids that are all cached cost no call."""
        self._check(ids)
        self._evaluated[slot] = ids
        self._catch_up()
        if self._slots[slot].worth(ids) == len(ids):
            return Evaluation(cached=len(ids), evaluated=0, ms=0.0, completed=True)
        taking = _Taking(lambda _token: True, cancel)
        return self._perform(Ask(0, cancel.lane, slot, ids=list(ids)), taking, cancel).prefill

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
        others: bool = False,
    ) -> Generation:
        """See `Engine.generate`."""
        self._check(ids)
        taking = _Taking(on_token, cancel)
        ask = Ask(0, cancel.lane, slot, max(1, max_tokens), begin, others, list(ids))
        outcome = self._perform(ask, taking, cancel)
        if taking.error is not None:
            raise taking.error
        if taking.over:
            return evolve(outcome, generated=len(taking.taken), finish="stop")
        return outcome

    def close(self) -> None:
        """Leave the process to the others. Idempotent."""
        self._closed = True
        self._lose()

    # ---- asks --------------------------------------------------------------------------------------------------------

    def _check(self, ids: Sequence[int]) -> None:
        if self._closed:
            raise EngineClosed
        check_prompt(ids, self.info.context_window)

    def _perform(self, ask: Ask, taking: _Taking, cancel: CancelToken) -> Generation:
        """Ask until it is answered. Raises EngineFailed where the process dies of it each time."""
        for pause in _PAUSES_S:
            if not _wait(pause, cancel):
                return UNBEGUN
            self._catch_up()
            try:
                return self._once(self._connection or self._join(cancel), ask, taking, cancel)
            except (Gone, BadMessage):
                self._lose()
            except Cancelled:
                return UNBEGUN
        raise EngineFailed(f"The engine process ended {len(_PAUSES_S)} times in the middle of its work.")

    def _once(self, connection: Connection, ask: Ask, taking: _Taking, cancel: CancelToken) -> Generation:
        self._asked += 1
        number, told = self._asked, False

        def send(message: Message) -> None:
            try:
                connection.send(message)
            except Gone:
                connection.abort()  # the thread that waits for the end hears of it

        with cancel.calling(lambda: send(Cancel(number)), lambda: send(Urge(number, cancel.lane))):
            try:
                connection.send(evolve(ask, number=number, lane=int(cancel.lane)))
            except OverflowError:
                raise BadTokens("A token id has more than 32 bits.") from None
            if cancel.cancelled:
                send(Cancel(number))  # it may have overtaken the ask
            while True:
                message = connection.receive()
                if isinstance(message, Wrote) and message.number == number:
                    taking.take(message)
                elif isinstance(message, Done) and message.number == number:
                    return self._ended(message, taking, cancel)
                elif isinstance(message, Failed) and message.number == number:
                    raise (BadTokens if message.kind == "BadTokens" else EngineFailed)(message.message)
                else:
                    self._hear(message)
                if (taking.over or cancel.cancelled) and not told:  # looked at between chunks, as by an engine
                    told = True
                    send(Cancel(number))

    @staticmethod
    def _ended(done: Done, taking: _Taking, cancel: CancelToken) -> Generation:
        prefill = Evaluation(done.cached, done.evaluated, done.ms, done.completed)
        if done.finish == "cancelled" and not (taking.over or cancel.cancelled):
            raise Gone  # the process is about to end
        finish = "cancelled" if cancel.cancelled and not taking.over else done.finish
        return Generation(prefill, done.generated, done.decode_ms, finish)

    # ---- the process -------------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Hear what was told since the last ask."""
        if self._connection is None:
            return
        try:
            for message in self._connection.arrived():
                self._hear(message)
        except (Gone, BadMessage):
            self._lose()

    def _hear(self, message: Message) -> None:
        if isinstance(message, Holds):
            if not 0 <= message.slot < len(self._slots):
                raise BadMessage
            before = self._slots[message.slot].ids[: message.keep]
            self._slots[message.slot] = Slot([*before, *message.ids], message.mine)
        elif isinstance(message, Log):
            log.log(message.level, "Engine process %d: %s", self.info.process, message.message)

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.close()
        self._slots = [Slot() for _ in self._slots]
        if not self._closed:
            log.warning("The engine process %d has ended; it is started again.%s", self.info.process, self.joiner.words)

    def _join(self, cancel: CancelToken) -> Connection:
        """Join the process again, or the one in its place. Raises Cancelled, EngineFailed."""
        try:
            joined = self.joiner.join(cancel)
        except NotShared as error:
            raise EngineFailed(str(error)) from error
        info = _info(joined)
        if (info.slots, info.context_window) != (self.info.slots, self.info.context_window):
            joined.connection.close()
            raise EngineFailed("The engine process came back with other slots than before: the model is loaded again.")
        self.info, self._slots, self._connection = info, _empty(joined), joined.connection
        self._known = _known(joined)
        log.info("The engine process is %d now.", info.process)
        return joined.connection


def _info(joined: Joined) -> EngineInfo:
    one = joined.welcome
    name = f"{one.engine}, shared"
    return EngineInfo(name, one.context_window, one.slots, one.detail, process=one.process, states=one.states)


def _known(joined: Joined) -> Known | None:
    return None if joined.welcome.states is None else Known(joined.welcome.states)


def _empty(joined: Joined) -> list[Slot]:
    return [Slot() for _ in range(joined.welcome.slots)]


def _wait(seconds: float, cancel: CancelToken) -> bool:
    """Wait; False where the work is cancelled before the end."""
    end = time.monotonic() + seconds
    while not (cancelled := cancel.cancelled) and (left := end - time.monotonic()) > 0:
        time.sleep(min(0.05, left))
    return not cancelled
