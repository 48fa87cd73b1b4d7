"""Shares one output stream between pytest's terminal reporter and the progress thread."""

from __future__ import annotations

import io
import os
import re
import shutil
import threading
from typing import Any, TextIO

from rich.cells import cell_len

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class Screen:
    """Stands in for the stream of pytest's terminal reporter, from construction to ``close``.

    pytest writes parts of lines (dots), and its output is captured at the level of file descriptors
    while a test runs without xdist. So everything goes through here, under one lock, to a duplicate
    of the descriptor that capturing does not touch.

    Args:
        reporter: pytest's terminal reporter.
    """

    def __init__(self, reporter: Any) -> None:  # the reporter's class is not public API
        self._reporter = reporter
        self._writer = reporter._tw
        self._theirs: TextIO = self._writer._file
        self._mine = _duplicate(self._theirs)
        self._lock = threading.RLock()
        self._column = 0
        self._footer = ""
        self._closed = False
        self._theirs.flush()
        self._writer._file = self

    @property
    def encoding(self) -> str:
        """Encoding of the stream."""
        return self._mine.encoding or "utf-8"

    def is_terminal(self) -> bool:
        """Whether the stream is a terminal that understands cursor movement."""
        return self._theirs.isatty() and os.environ.get("TERM", "") not in ("", "dumb")

    def isatty(self) -> bool:
        """Whether pytest's stream is a terminal."""
        return self._theirs.isatty()

    def width(self) -> int:
        """Returns the columns of the terminal now; a window can be resized at any time."""
        return shutil.get_terminal_size((80, 24)).columns

    def write(self, text: str) -> int:
        """Writes pytest's text; a footer makes room first and follows at once."""
        with self._lock:
            self._erase_footer()
            self._mine.write(text)
            plain = _ESCAPES.sub("", text)
            tail = re.split(r"[\r\n]", plain)[-1]
            self._column = cell_len(tail) + (self._column if tail == plain else 0)
            self._draw_footer()
            self._mine.flush()
            return len(text)

    def flush(self) -> None:
        """Flushes the stream."""
        with self._lock:
            self._mine.flush()

    def line(self, text: str) -> None:
        """Writes a line of its own without breaking the reporter's account of where it is."""
        with self._lock:
            if self._closed:
                return
            if self._column:
                self._writer.line()
            state = self._reporter.currentfspath
            verbose = self._reporter.verbosity > 0
            if verbose and isinstance(state, str):
                # A test runs and its name was already printed: print it again for its result.
                self._writer.line(text)
                self._writer.write(state)
            elif verbose and state is not None:
                # In this state the reporter begins whatever comes next with a line break.
                self._writer.write(text)
            else:
                self._writer.line(text)
            self._writer.flush()

    def footer(self, text: str) -> None:
        """Draws one row under the cursor's row and puts the cursor back.

        Args:
            text: At most ``width() - 1`` cells; may hold colours but no cursor movement.
        """
        with self._lock:
            if not self._closed:
                self._footer = text
                self._draw_footer()
                self._mine.flush()

    def close(self) -> None:
        """Removes the footer and gives the reporter its own stream back."""
        with self._lock:
            if self._closed:
                return
            self._erase_footer()
            self._footer = ""
            self._mine.flush()
            self._writer._file = self._theirs
            self._closed = True
            if self._mine is not self._theirs:
                self._mine.close()

    def _erase_footer(self) -> None:
        if self._footer:
            # Everything after the cursor, which stands at the end of what pytest wrote.
            self._mine.write("\x1b[J")

    def _draw_footer(self) -> None:
        at = self._column % self.width()
        # At the very edge a terminal's cursor is on neither row: the next write brings it back.
        if self._footer and (at or not self._column):
            right = f"\x1b[{at}C" if at else ""
            # The line break scrolls when the cursor is on the last row; going up undoes the rest.
            self._mine.write(f"\n\r\x1b[2K{self._footer}\x1b[1A\r{right}")


def _duplicate(file: TextIO) -> TextIO:
    """Opens the same output a second time; the file itself where that is impossible."""
    try:
        descriptor = os.dup(file.fileno())
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return file
    # newline="" would change nothing on POSIX; errors must never stop a run half way.
    return open(descriptor, "w", encoding=file.encoding, errors="replace")  # noqa: PTH123
