"""On which thread a handler runs is part of its type.

A handler is one of three. All get the `App`, and the parameters of the message; what they return is the result, what
they raise the error that is answered.

- `Immediate` runs on the loop's thread and is done when it returns: no later message overtakes it. It must not block.
- `Suspending` is a coroutine on the loop's thread. Its first step runs before the next message is looked at.
- `Background` may block, on a file or a folder. `take` and `finish` run on the loop's thread, `work` on a thread of its
  own, and `work` sees only what `take` returned.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starcoder_lsp.server.app import App

Params = TypeVar("Params")
Taken = TypeVar("Taken")
Found = TypeVar("Found")


class Handler(Protocol):
    """What takes a message."""

    def begin(self, app: App, params: Any) -> object:  # noqa: ANN401 - each message has its own
        """Return the result, or the coroutine that will have it."""
        ...


@frozen
class Immediate(Generic[Params]):
    """See the module."""

    run: Callable[[App, Params], object]

    def begin(self, app: App, params: Params) -> object:
        """Run it."""
        return self.run(app, params)


@frozen
class Suspending(Generic[Params]):
    """See the module."""

    run: Callable[[App, Params], Coroutine[Any, Any, object]]

    def begin(self, app: App, params: Params) -> Coroutine[Any, Any, object]:
        """Return its coroutine."""
        return self.run(app, params)


@frozen
class Background(Generic[Params, Taken, Found]):
    """See the module."""

    take: Callable[[App, Params], Taken]
    work: Callable[[Taken], Found]
    finish: Callable[[App, Taken, Found], object]

    def begin(self, app: App, params: Params) -> Coroutine[Any, Any, object]:
        """Take what is needed at once; return the coroutine of the rest."""
        return self._go_on(app, self.take(app, params))

    async def _go_on(self, app: App, taken: Taken) -> object:
        return self.finish(app, taken, await off_the_loop(lambda: self.work(taken)))


async def off_the_loop(work: Callable[[], Found]) -> Found:
    """Return what `work` returns on a daemon thread of its own.

    Not on one of a pool: a network folder that does not answer would keep it for good, and the end of the process wait.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Found] = loop.create_future()

    def settle(result: Found | None, error: BaseException | None) -> None:
        if future.done():  # nobody waits any more
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:  # noqa: BLE001 - raised again where it is awaited
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed
            return

    threading.Thread(target=run, name="background request", daemon=True).start()
    return await future
