"""The stream shared by pytest and the progress display: neither spoils the other's output."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ipllvm_spec
from ipllvm_spec.reporting.screen import Screen

pytest_plugins = ["pytester"]


class Emulator:
    """A terminal of a few rows that understands what the screen and pytest send."""

    def __init__(self, rows=6, columns=40):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0

    def feed(self, text):
        """Shows a text."""
        for escape, plain in re.findall(r"\x1b\[([0-9;?]*[A-Za-z])|([\s\S])", text):
            if plain:
                self._plain(plain)
            elif escape[-1] in "ACJK":
                self._move(escape[-1], int(re.sub(r"\D", "", escape) or 0))

    def _plain(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            # The line discipline adds the carriage return.
            self.column = 0
            self._down()
        else:
            if self.column == self.columns:
                self.column = 0
                self._down()
            self.cells[self.row][self.column] = char
            self.column += 1

    def _down(self):
        self.row += 1
        if self.row == self.rows:
            self.cells = [*self.cells[1:], [" "] * self.columns]
            self.row -= 1

    def _move(self, kind, count):
        if kind == "A":
            self.row = max(self.row - max(count, 1), 0)
        elif kind == "C":
            self.column = min(self.column + max(count, 1), self.columns - 1)
        elif kind == "K":
            self.cells[self.row] = [" "] * self.columns
        else:
            self.cells[self.row][self.column :] = [" "] * (self.columns - self.column)
            for below in range(self.row + 1, self.rows):
                self.cells[below] = [" "] * self.columns

    def text(self):
        """Returns what stands on the screen, row by row."""
        return [("".join(line)).rstrip() for line in self.cells]


class Writer:
    """The part of pytest's terminal writer that a screen touches."""

    def __init__(self, file):
        self._file = file

    def write(self, text):
        """Writes."""
        self._file.write(text)

    def line(self, text=""):
        """Writes a line."""
        self._file.write(text + "\n")

    def flush(self):
        """Flushes."""
        self._file.flush()


class Reporter:
    """The part of pytest's terminal reporter that a screen touches."""

    def __init__(self, file, *, verbosity=0, currentfspath=None):
        self._tw = Writer(file)
        self.verbosity = verbosity
        self.currentfspath = currentfspath


def test_a_bar_leaves_pytests_output_as_it_was(monkeypatch):
    """Dots go on where they were, lines scroll, and after close no trace of the bar is left."""
    monkeypatch.setenv("COLUMNS", "40")
    plain, drawn = Emulator(), Emulator()
    file = io.StringIO()
    reporter = Reporter(file)
    screen = Screen(reporter)

    written = ["collected 9 items\n", "\n", "test_x.py ", ".", "\x1b[32m.\x1b[0m", "F", "\n"]
    written += [f"line {number}\n" for number in range(7)] + ["end ", "."]
    for number, text in enumerate(written):
        plain.feed(text)
        reporter._tw.write(text)
        screen.footer(f"BAR {number}")
    drawn.feed(file.getvalue())
    last = f"BAR {len(written) - 1}"
    assert drawn.text()[-1] == last
    assert drawn.text()[:-1] == plain.text()[1:]

    screen.close()
    reporter._tw.write(". done")
    assert reporter._tw._file is file
    after = Emulator()
    after.feed(file.getvalue())
    assert [line for line in after.text() if line] == [
        *(line for line in plain.text()[1:-1]), "end .. done"
    ]  # fmt: skip


def test_a_bar_waits_at_the_edge_of_the_terminal(monkeypatch):
    """Where a terminal's cursor is between two rows nothing is drawn."""
    monkeypatch.setenv("COLUMNS", "40")
    file = io.StringIO()
    reporter = Reporter(file)
    screen = Screen(reporter)

    reporter._tw.write("x" * 40)
    screen.footer("BAR")
    assert "BAR" not in file.getvalue()

    reporter._tw.write("y")
    assert "BAR" in file.getvalue()


@pytest.mark.parametrize(
    ("verbosity", "state", "written", "expected"),
    [
        (0, "test_x.py", "test_x.py ..", "test_x.py ..\nNEWS\n"),
        (0, None, "", "NEWS\n"),
        (
            1,
            "test_x.py::test_a ",
            "test_x.py::test_a ",
            "test_x.py::test_a \nNEWS\ntest_x.py::test_a ",
        ),
        (1, -2, "test_x.py::test_a PASSED", "test_x.py::test_a PASSED\nNEWS"),
    ],
)
def test_a_line_fits_into_every_state_of_the_reporter(verbosity, state, written, expected):
    """Dots, nothing, a running test's name, a finished verbose line: each goes on properly."""
    file = io.StringIO()
    reporter = Reporter(file, verbosity=verbosity, currentfspath=state)
    screen = Screen(reporter)

    reporter._tw.write(written)
    screen.line("NEWS")

    assert file.getvalue() == expected


CONFTEST = """
import time
import pytest
from ipllvm_spec.reporting import progress

progress._LINE_EVERY_S = 0.3

@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    if hasattr(session.config, "workerinput"):
        return (yield)
    shown = progress.for_pytest(session.config, lambda: progress.Status(
        prompts_done=5, prompts_planned=10, checks_decided=1, checks_total=4))
    shown.start()
    try:
        return (yield)
    finally:
        shown.stop()
"""


@pytest.mark.parametrize("options", [["-v", "-p", "no:xdist"], ["-n", "2"]])
def test_lines_stand_alone_in_a_real_run(pytester, monkeypatch, options):
    """With and without xdist, and although tests are captured, each line is whole."""
    monkeypatch.setenv("PYTHONPATH", str(Path(ipllvm_spec.__file__).parents[1]))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import time, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_slow(number):
            print("captured")
            time.sleep(0.4)
        """
    )

    result = pytester.runpytest_subprocess(*options)

    result.assert_outcomes(passed=4)
    news = [line for line in result.outlines if "5 of 10 prompts" in line]
    assert news
    assert all(line.startswith("[") and line.endswith("0 early") for line in news)
    assert "captured" not in result.stdout.str()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX")
def test_a_real_run_on_a_terminal_ends_clean(pytester, monkeypatch):
    """On a pseudo terminal a bar is drawn and erased; pytest's lines are all there."""
    monkeypatch.setenv("PYTHONPATH", str(Path(ipllvm_spec.__file__).parents[1]))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    pytester.makeconftest(CONFTEST.replace("_LINE_EVERY_S = 0.3", "_BAR_EVERY_S = 0.2"))
    pytester.makepyfile("import time\ndef test_slow():\n    time.sleep(1)\n")

    output = _run_on_terminal([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"])

    assert "5/10 prompts" in output
    screen = Emulator(rows=40, columns=90)
    screen.feed(output.replace("\r\n", "\n"))
    shown = "\n".join(screen.text())
    assert "prompts" not in shown
    assert re.search(r"test_a_real_run_on_a_terminal_ends_clean.py \. +\[100%\]", shown)


def _run_on_terminal(command):
    """Runs a command on a pseudo terminal and returns everything it wrote there."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        chunks = []
        # Linux answers with an error, not with nothing, once the other side is closed.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
    os.close(ours)
    assert process.returncode == 0
    return b"".join(chunks).decode("utf-8", "replace")
