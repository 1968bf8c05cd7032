"""`gesture status --watch`: the same again and again, redrawn in a terminal, and in a file told when it changed."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

# Moves to the top left, and clears what is below.
_TOP, _BELOW = "\033[H", "\033[J"
_END_OF_LINE = "\033[K"


def watch(
    look: Callable[[], tuple[str, Any, bool]],
    every: float,
    screen: TextIO = sys.stdout,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Shows what ``look`` sees until all is done, or until Ctrl-C.

    Args:
        look: gives a text, what of it has to differ before a file gets it again, and whether nothing is left to see.
        every: time between two looks [s].
        screen: a terminal, or a file.
        sleep: waits [s].
    """
    told: Any = None
    first = True
    try:
        while True:
            text, essence, done = look()
            if screen.isatty():
                # Drawn over the last one: a screen that is cleared first flickers.
                body = text.replace("\n", f"{_END_OF_LINE}\n")
                screen.write(f"{chr(27) + '[2J' if first else ''}{_TOP}{body}{_END_OF_LINE}\n{_BELOW}")
            elif first or essence != told:
                screen.write(f"{text}\n")
            screen.flush()
            told, first = essence, False
            if done:
                return
            sleep(every)
    except KeyboardInterrupt:  # the usual end of watching
        return
