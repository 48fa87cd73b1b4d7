"""Progress: what is shown when, and that a failing poll or a stop leaves nothing behind."""

from __future__ import annotations

import pytest
from rich.text import Text

from ipllvm_spec.errors import EngineError
from ipllvm_spec.reporting.progress import Lines, Pace, Progress, Status, render_bar


class FakeScreen:
    """Collects the lines of a log."""

    def __init__(self):
        self.lines = []
        self.closed = False

    def line(self, text):
        """Takes a line."""
        self.lines.append(text)

    def close(self):
        """Notes that the stream was given back."""
        self.closed = True


def status(done=40, **changes):
    """Returns a status of a run of 100 prompts and 8 checks."""
    values = {
        "prompts_done": done,
        "prompts_planned": 100,
        "checks_decided": 3,
        "checks_total": 8,
        "decided_early": 1,
    }
    return Status(**{**values, **changes})


class Clock:
    """Time that passes when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Returns the time."""
        return self.now


def test_a_log_gets_one_line_every_15_seconds_and_later_one_a_minute():
    """Prompts, checks, early decisions and the time left stand in a line of its own."""
    screen, clock = FakeScreen(), Clock()
    done = iter([20, 50, 80])
    progress = Progress(lambda: status(next(done)), Lines(screen), clock=clock)

    waits = []
    for elapsed in (15, 30, 600):
        clock.now = 100.0 + elapsed
        waits.append(progress.show())

    assert waits == [15.0, 15.0, 60.0]
    assert screen.lines == [
        "[15 s] 20 of 100 prompts (20 %), 3 of 8 checks decided, 1 early",
        "[30 s] 50 of 100 prompts (50 %), 3 of 8 checks decided, 1 early, about 25 s left",
        "[10 min] 80 of 100 prompts (80 %), 3 of 8 checks decided, 1 early, about 6 min 20 s left",
    ]


def test_the_pace_is_that_of_the_last_minute():
    """A thousand store hits in the first second do not promise a quick end."""
    pace = Pace()
    for now, done in ((0, 0), (1, 1000), (61, 1010), (121, 1020)):
        pace.update(now, done)

    assert pace.left_s(1030) == pytest.approx(60.0)


def test_no_pace_no_promise():
    """Neither a first look nor a standstill gives a time; a finished run gives 0."""
    pace = Pace()
    pace.update(0, 5)
    assert pace.left_s(10) is None

    pace.update(10, 5)
    assert pace.left_s(10) is None
    assert pace.left_s(5) == 0.0


def test_a_selection_promises_nothing_about_its_prompts():
    """With -k the plan of the whole suite would show a share and an ETA that are wrong."""
    screen = FakeScreen()
    Lines(screen).show(status(prompts_planned=None), elapsed_s=15.0, left_s=None)
    assert "40 prompts, 3 of 8 checks decided" in screen.lines[0]
    assert " of 100" not in screen.lines[0]
    assert "40 prompts · 3/8 checks" in render_bar(
        status(prompts_planned=None), 15.0, None, width=100
    )
    assert Pace().left_s(None) is None


def test_an_engine_that_restarts_costs_one_showing():
    """A poll that fails shows nothing and is tried again."""
    screen = FakeScreen()
    answers = iter([EngineError("restarting"), status()])

    def poll():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    progress = Progress(poll, Lines(screen))
    assert progress.show() == 15.0
    assert screen.lines == []

    progress.show()
    assert "40 of 100" in screen.lines[0]


def test_the_thread_shows_until_stopped_and_gives_the_stream_back():
    """After stop nothing is shown, whoever asks; stopping twice is harmless."""
    screen = FakeScreen()
    view = Lines(screen)
    view.wait_s = lambda elapsed: 0.01
    shown = []
    progress = Progress(lambda: shown.append(1) or status(), view)

    progress.start()
    while not shown:
        pass
    progress.stop()
    progress.stop()

    count = len(screen.lines)
    progress.show()
    assert len(screen.lines) == count
    assert screen.closed


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_bar_never_wraps(width):
    """One row narrower than the terminal, with at least ten cells of bar."""
    row = render_bar(status(note="mini-llava on mmstar"), 12.0, 20.0, width=width)

    plain = Text.from_ansi(row).plain
    assert "\n" not in row
    assert len(plain) <= width - 1
    assert plain.startswith("━━━")
    assert "40/100" in plain
