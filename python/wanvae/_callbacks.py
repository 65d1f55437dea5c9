"""Python functions that the libraries call, and what is raised in them.

ctypes prints what a callback raises and goes on. So callbacks keep it, and the call that they happened in raises it
when the library has returned. Handlers of signals are harder: Python runs them at the next instruction of the main
thread, which, while the library works, is the first one of a callback, before any `try` of it. So a handler of ours
stands around them meanwhile, and keeps what they raise: the KeyboardInterrupt of a Ctrl-C.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
from collections.abc import Callable, Iterator

from ._library import LOG

logger = logging.getLogger("wanvae")

# Of wan_log_level. The library also logs the errors that it returns: these become exceptions, and are no news.
_LEVELS = {1: logging.DEBUG, 2: logging.WARNING, 3: logging.INFO}

# Whose handlers may raise. Not all that there are: looking at one takes 4 us.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)

_kept = threading.local()


def _keep(exception: BaseException) -> None:
    if getattr(_kept, "exception", None) is None:  # the first one is the cause of others
        _kept.exception = exception


def reraise() -> None:
    """Raises what was kept on this thread."""
    exception = getattr(_kept, "exception", None)
    if exception is not None:
        _kept.exception = None
        raise exception


def keeping(on_exception: object) -> Callable[[Callable], Callable]:
    """A callback returns `on_exception` when something was raised, in it or in a handler of a signal."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def callback(*arguments: object) -> object:
            try:
                result = function(*arguments)
            except BaseException as exception:  # SystemExit is no less wanted
                _keep(exception)
            return result if getattr(_kept, "exception", None) is None else on_exception

        return callback

    return decorate


@keeping(None)
def _log(_context: int | None, level: int, message: bytes) -> None:
    logger.log(_LEVELS.get(level, logging.INFO), "%s", message.decode(errors="replace"))


log = LOG(_log)


class _Handler:
    """Around the handler of a signal."""

    def __init__(self, number: int, previous: Callable) -> None:
        self.number, self.previous, self.keeps = number, previous, True

    def __call__(self, number: int, frame: object) -> None:
        try:
            self.previous(number, frame)
        except BaseException as exception:
            if not self.keeps:
                raise
            _keep(exception)

    def remove(self) -> None:
        if signal.getsignal(self.number) is self:  # a callback may have set another
            signal.signal(self.number, self.previous)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Around a call of a library that calls back: handlers of signals keep what they raise, for check to raise."""
    handlers: list[_Handler] = []
    try:
        if threading.current_thread() is threading.main_thread():  # the others handle no signals
            for number in _SIGNALS:
                if callable(previous := signal.getsignal(number)):
                    handlers.append(_Handler(number, previous))
                    signal.signal(number, handlers[-1])
        yield
    finally:
        for handler in handlers:
            handler.keeps = False
        for handler in handlers:
            handler.remove()
