"""Progress of a stage: a bar for people, running means in a log for the card."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID


class Meter:
    """Collects named values and reports their means every so many steps."""

    def __init__(self, title: str, *, steps: int, log: Path, every: int = 50) -> None:
        """Opens the log.

        Args:
            title: shown before the bar.
            steps: length of the stage.
            log: JSON-lines file, truncated.
            every: steps between two lines.
        """
        self._title, self._steps, self._every = title, steps, every
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("", encoding="utf-8")
        self._values: dict[str, list[float]] = defaultdict(list)
        self._start = time.monotonic()
        console = Console()
        self._bar = Progress(console=console, disable=not console.is_terminal)
        self._task: TaskID = self._bar.add_task(title, total=steps)
        self._bar.start()

    @property
    def minutes(self) -> float:
        """Minutes since the start."""
        return (time.monotonic() - self._start) / 60

    def log(self, step: int, **values: float) -> None:
        """Notes the values of one step."""
        for name, value in values.items():
            self._values[name].append(value)
        self._bar.advance(self._task)
        if (step + 1) % self._every == 0 or step + 1 == self._steps:
            means = {k: round(sum(v) / len(v), 4) for k, v in self._values.items()}
            line = {"step": step + 1, "minutes": round(self.minutes, 2), **means}
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if self._bar.disable:
                print(self._title, json.dumps(line), flush=True)  # noqa: T201
            self._values.clear()

    def close(self) -> None:
        """Ends the bar."""
        self._bar.stop()
