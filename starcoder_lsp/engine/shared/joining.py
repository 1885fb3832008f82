"""From a place to a connection with the process there: started if there is none, greeted, believed only with proof."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from attrs import define, field

from starcoder_lsp.engine.shared import greeting
from starcoder_lsp.engine.shared.connection import Connection, Gone
from starcoder_lsp.engine.shared.messages import BadMessage, Challenge, Greeting, Log, Refused, Welcome
from starcoder_lsp.engine.shared.place import Place, is_alive
from starcoder_lsp.errors import Cancelled, EngineFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.engine.shared.messages import Message
    from starcoder_lsp.engine.shared.place import Card

log = logging.getLogger(__name__)

_POLL_S: Final = 0.02
_STARTS: Final = 3
"""Processes that end before they listen: then it is given up."""
_START_S: Final = 30.0
"""How long a process may take until it listens; the model is loaded behind that."""
_GREETING_S: Final = 5.0
"""How long a program on the socket may say nothing where the process that should be there is dead."""
_LAST_WORDS: Final = 2000
"""Characters of a dead process's stderr that go into the log."""

_MAIN: Final = "import sys; sys.path[:] = {path!r}; from starcoder_lsp.cli import main; main()"
"""Where this process finds its modules, the other does; the folder that it was started in is none of the places."""


class NotShared(Exception):  # noqa: N818 - reads as what happened
    """No process can be joined or started here: a sentence for the log. An engine of one's own will do."""


@define(eq=False)
class Joined:
    """A connection, and what the process said of itself."""

    connection: Connection
    welcome: Welcome


@define(eq=False)
class Joiner:
    """Joins the process at `place`; where there is none, starts it with `arguments` of the command line."""

    place: Place
    arguments: Sequence[str]
    _process: subprocess.Popen[bytes] | None = None
    _told: set[int] = field(factory=set)
    """Processes with other settings that were named in the log."""

    def join(self, cancel: CancelToken) -> Joined:
        """Return a connection once the model is loaded there.

        Raises:
            NotShared: none can be joined or started.
            EngineFailed: the process could not load the model; its own sentence.
            Cancelled: `cancel` was set.
        """
        starts, until = 0, time.monotonic() + _START_S
        while True:
            card = self.place.read()
            joined = None if card is None else self._try(card, cancel)
            if joined is not None:
                return joined
            if cancel.cancelled:
                raise Cancelled("another model was chosen")
            if self._process is None or self._process.poll() is not None:
                if starts == _STARTS:
                    raise NotShared(f"The engine process ended before it could be joined.{self.words}")
                starts += 1
                self._start()
            if time.monotonic() > until:
                raise NotShared(f"The engine process did not listen within {_START_S:.0f} s.{self.words}")
            time.sleep(_POLL_S)

    def _try(self, card: Card, cancel: CancelToken) -> Joined | None:
        """Return a connection; None where nobody listens, or who did has gone."""
        try:
            connection = Connection(self.place.connect(card))
        except OSError:
            return None
        try:
            with cancel.calling(connection.abort):
                welcome = self._greet(connection, card)
        except BaseException as error:
            connection.close()
            if isinstance(error, Gone) and not cancel.cancelled:
                return None
            if isinstance(error, Gone):
                raise Cancelled("another model was chosen") from error
            raise
        return Joined(connection, welcome)

    def _greet(self, connection: Connection, card: Card) -> Welcome:
        nonce = greeting.make_nonce()
        challenge = self._next(connection, card)
        if not isinstance(challenge, Challenge):
            raise _foreign(self.place)
        connection.send(Greeting(greeting.prove(card.token, greeting.WINDOW, challenge.nonce), nonce))
        answer = self._next(connection, card)
        if isinstance(answer, Refused) and answer.stranger:
            if self.place.read() != card:
                raise Gone  # another process took the place just now
            raise NotShared("The engine process does not know this window's token.")
        if isinstance(answer, Refused):
            raise EngineFailed(answer.message)
        if not isinstance(answer, Welcome) or not greeting.proves(answer.proof, card.token, greeting.PROCESS, nonce):
            raise _foreign(self.place)
        return answer

    def _next(self, connection: Connection, card: Card) -> Message:
        """Return the next message that is no line of a log; a process that loads a model says nothing for long."""
        since = time.monotonic()
        try:
            while True:
                message = connection.receive() if connection.readable(1.0) else None
                if isinstance(message, Log):
                    log.log(message.level, "Engine process %d: %s", card.process, message.message)
                elif message is not None:
                    return message
                elif time.monotonic() - since > _GREETING_S and not is_alive(card.process):
                    raise _foreign(self.place)
        except BadMessage:
            raise _foreign(self.place) from None

    def _start(self) -> None:
        for other in self.place.others():
            if other.process not in self._told:
                self._told.add(other.process)
                log.info(
                    "The engine process %d (%s, version %s) serves other settings; this one gets a process of its own.",
                    other.process,
                    other.model,
                    other.version,
                )
        command = [sys.executable, "-c", _MAIN.format(path=sys.path), "engine", *self.arguments]
        try:
            with self.place.open_words() as words:
                process = self._process = subprocess.Popen(  # noqa: S603 - this program
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    cwd=self.place.folder,
                    start_new_session=True,  # a signal to this window's group, or its terminal's end, is none to it
                    creationflags=_DETACHED if sys.platform == "win32" else 0,
                )
        except OSError as error:
            raise NotShared(f"The engine process could not be started: {error}.") from error
        log.info("Started the engine process %d.", process.pid)
        threading.Thread(target=process.wait, name="engine process", daemon=True).start()

    @property
    def words(self) -> str:
        """What a dead process said on stderr, as the end of a sentence; nothing where it said nothing."""
        try:
            text = self.place.words.read_text("utf-8", "replace")[-_LAST_WORDS:].strip()
        except OSError:
            text = ""
        return f" It said: {text}" if text else ""


_DETACHED: Final = 0x08000000 | 0x00000200
"""CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP."""


def _foreign(place: Place) -> NotShared:
    return NotShared(f"The program that listens for {place.card} is none of the engine processes of this one.")
