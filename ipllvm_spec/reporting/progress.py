"""Progress of a run while pytest prints its own output: a bar on a terminal, lines in a log.

rich's ``Live`` cannot be used: it takes for granted that all output comes in whole lines, and
pytest's dots do not. rich draws the bar; where it stands is decided by ``screen.Screen``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ipllvm_spec.errors import IpllvmError
from ipllvm_spec.reporting.screen import Screen
from ipllvm_spec.reporting.summary import duration

_BAR_EVERY_S, _BAR_CELLS = 1.0, 10
_LINE_EVERY_S = 15.0
#: A run of hours must not fill a log: after ten minutes one line a minute is enough.
_PATIENT_AFTER_S, _PATIENT_EVERY_S = 600.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands.

    Attributes:
        prompts_done: Prompts answered or found in the store.
        prompts_planned: Prompts of all cells as planned; early decisions make it an upper bound.
            None when that is not known: only some checks were selected, or a search goes on.
        checks_decided: Checks with a verdict.
        checks_total: Checks collected.
        decided_early: Checks decided before all their units were measured.
        note: What is being measured, in a few words.
    """

    prompts_done: int
    prompts_planned: int | None
    checks_decided: int
    checks_total: int
    decided_early: int = 0
    note: str = ""


class Pace:
    """Estimates the time left from the pace of the last minute.

    A run starts with store hits and slows down with longer prompts, so the mean since the start
    would be wrong for most of the run.
    """

    def __init__(self, window_s: float = 60.0) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, now: float, done: int) -> None:
        """Notes how many prompts were done at a time."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - self._window_s:
            self._seen.popleft()

    def left_s(self, planned: int | None) -> float | None:
        """Returns the seconds left, None while there is no pace to judge by."""
        if planned is None or len(self._seen) < 2:
            return None
        (then, before), (now, done) = self._seen[0], self._seen[-1]
        if done >= planned:
            return 0.0
        if done <= before or now <= then:
            return None
        return (planned - done) * (now - then) / (done - before)


class View(Protocol):
    """How a status is shown."""

    def wait_s(self, elapsed_s: float) -> float:
        """Returns the seconds until the next showing."""
        ...

    def show(self, status: Status, *, elapsed_s: float, left_s: float | None) -> None:
        """Shows a status."""
        ...

    def close(self) -> None:
        """Leaves the terminal as if nothing had been shown."""
        ...


class Lines:
    """One plain line now and then, between pytest's own lines: for logs and files."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def wait_s(self, elapsed_s: float) -> float:
        """Returns 15 seconds, later a minute."""
        return _PATIENT_EVERY_S if elapsed_s >= _PATIENT_AFTER_S else _LINE_EVERY_S

    def show(self, status: Status, *, elapsed_s: float, left_s: float | None) -> None:
        """Writes a line of its own."""
        done = f"{status.prompts_done} prompts"
        if status.prompts_planned is not None:
            share = 100 * status.prompts_done // max(status.prompts_planned, 1)
            done = f"{status.prompts_done} of {status.prompts_planned} prompts ({share} %)"
        left = "" if left_s is None else f", about {duration(left_s)} left"
        note = f" ({status.note})" if status.note else ""
        self._screen.line(
            f"[{duration(elapsed_s)}] {done}, "
            f"{status.checks_decided} of {status.checks_total} checks decided, "
            f"{status.decided_early} early{left}{note}"
        )

    def close(self) -> None:
        """Gives pytest its stream back."""
        self._screen.close()


class Bar:
    """A bar under pytest's output, redrawn every second: for terminals."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def wait_s(self, elapsed_s: float) -> float:  # noqa: ARG002 - a bar does not grow patient
        """Returns one second."""
        return _BAR_EVERY_S

    def show(self, status: Status, *, elapsed_s: float, left_s: float | None) -> None:
        """Draws the bar in the row below the cursor."""
        self._screen.footer(render_bar(status, elapsed_s, left_s, width=self._screen.width()))

    def close(self) -> None:
        """Removes the bar and gives pytest its stream back."""
        self._screen.close()


def render_bar(status: Status, elapsed_s: float, left_s: float | None, *, width: int) -> str:
    """Renders one row with colours, narrower than the terminal so that it never wraps."""
    left = "" if left_s is None else f" · ETA {duration(left_s)}"
    note = f" · {status.note}" if status.note else ""
    planned = "" if status.prompts_planned is None else f"/{status.prompts_planned}"
    text = Text(
        f" {status.prompts_done}{planned} prompts · "
        f"{status.checks_decided}/{status.checks_total} checks · "
        f"{status.decided_early} early · {duration(elapsed_s)}{left}{note}"
    )
    # A narrow terminal loses the end of the text first: the note, then the times.
    text.truncate(max(width - 1 - _BAR_CELLS, 0), overflow="ellipsis")
    cells = max(min(width - 1 - text.cell_len, 3 * _BAR_CELLS), 1)
    row = Table.grid()
    row.add_column(width=cells)
    row.add_column(width=text.cell_len, no_wrap=True)
    if status.prompts_planned is None:
        # Of a selection only the number of checks is known.
        total, completed = status.checks_total, status.checks_decided
    else:
        total, completed = status.prompts_planned, status.prompts_done
    row.add_row(ProgressBar(total=max(total, 1), completed=completed, width=cells), text)
    console = Console(
        width=width - 1, force_terminal=True, color_system="standard", legacy_windows=False
    )
    with console.capture() as capture:
        console.print(row, end="")
    return capture.get().rstrip("\n")


class Progress:
    """Polls a status in a thread of its own and shows it until stopped.

    Args:
        poll: Returns the status; called from the thread. May raise ``IpllvmError`` or
            ``OSError`` while an engine restarts; that showing is left out.
        view: How the status is shown.
        clock: Seconds that only grow.
    """

    def __init__(
        self, poll: Callable[[], Status], view: View, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._poll = poll
        self._view = view
        self._clock = clock
        self._pace = Pace()
        self._begin = clock()
        self._stopping = threading.Event()
        # A daemon: a hung poll must not keep a finished pytest alive.
        self._thread = threading.Thread(target=self._loop, name="ipllvm-progress", daemon=True)

    def start(self) -> None:
        """Starts showing."""
        self._begin = self._clock()
        self._thread.start()

    def stop(self) -> None:
        """Stops showing and cleans the terminal; harmless when called twice or never started."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._thread.is_alive():
                self._thread.join(timeout=2 * _BAR_EVERY_S)
            self._view.close()

    def show(self) -> float:
        """Polls and shows once.

        Returns:
            Seconds until the next showing.
        """
        elapsed = self._clock() - self._begin
        try:
            status = self._poll()
        except (IpllvmError, OSError, EOFError):
            return self._view.wait_s(elapsed)
        self._pace.update(elapsed, status.prompts_done)
        left = self._pace.left_s(status.prompts_planned)
        if not self._stopping.is_set():
            self._view.show(status, elapsed_s=elapsed, left_s=left)
        return self._view.wait_s(elapsed)

    def _loop(self) -> None:
        wait = self._view.wait_s(0.0)
        while not self._stopping.wait(wait):
            wait = self.show()


def for_pytest(config: pytest.Config, poll: Callable[[], Status]) -> Progress | None:
    """Makes the progress that fits how pytest was called; the caller starts and stops it.

    Call it in the controller only, once collection has ended.

    Returns:
        A bar on a terminal, lines elsewhere; None in a debugger, without a terminal reporter, or
        under ``-qq``.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("usepdb", default=False) or reporter.verbosity < -1:
        return None
    screen = Screen(reporter)
    return Progress(poll, Bar(screen) if screen.is_terminal() else Lines(screen))
