"""What only the controlling process does: engines, progress, records, reports of one run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import product

import pytest

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import PlanReport, Stats
from ipllvm_spec.engine.cells import Cell, caption_cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.engine.wire import EngineAddress
from ipllvm_spec.errors import IpllvmError, StoreError
from ipllvm_spec.reporting import allure as allure_view
from ipllvm_spec.reporting import allure_results
from ipllvm_spec.reporting.plan import plan_text
from ipllvm_spec.reporting.progress import Progress, Status, for_pytest
from ipllvm_spec.reporting.summary import JudgeStats, RunStats, render_summary
from ipllvm_spec.settings import RunSettings
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.records import MERGED, clear_records, merge_records, read_records


class Controller:
    """Owns the engines of a run and everything that is made of its results.

    Args:
        config: pytest's configuration.
        settings: Options of the run.
    """

    def __init__(self, config: pytest.Config, settings: RunSettings) -> None:
        self._config = config
        self._settings = settings
        self._group: EngineGroup | None = None
        self._client: EngineClient | None = None
        self._progress: Progress | None = None
        self._session: pytest.Session | None = None
        self._planned: PlanReport | None = None
        self._size = 0
        self._began = time.monotonic()
        self._stats: RunStats | None = None
        self._records: tuple[Record, ...] = ()
        self._decided: set[str] = set()
        self._early = 0
        self._crashed: dict[str, str] = {}
        self._problem = ""

    def start(self) -> EngineAddress:
        """Starts the engines and waits until they listen.

        Raises:
            StoreError: When the store cannot be opened.
            UsageError: When a device or the run directory cannot be used.
            EngineError: When an engine dies while starting.
        """
        settings = self._settings
        self._group = EngineGroup.start(
            store=settings.store,
            run_dir=settings.run_dir,
            devices=settings.devices,
            run_id=settings.run_id,
            lock=settings.lock,
            judge=settings.judging.judge,
        )
        clear_records(settings.run_dir)
        self._client = EngineClient(self._group.address)
        return self._group.address

    def plan(self, cases: Iterable[Case]) -> str:
        """Returns what would be measured, as text, without loading a model.

        Raises:
            DataError: When a benchmark's data are missing.
            ModelError: When a model cannot be identified.
        """
        assert self._client is not None
        chosen = self._measured(cases)
        judging = self._settings.judging
        report = self._client.plan(_cells(chosen, judging))
        return plan_text(report, chosen, judging=judging)

    def show_progress(self, session: pytest.Session) -> None:
        """Starts the progress display; the plan behind its total is made on the first look."""
        self._session = session
        self._progress = for_pytest(self._config, self._status)
        if self._progress is not None:
            self._progress.start()

    def saw(self, report: pytest.TestReport) -> None:
        """Notes a finished phase of a check."""
        crash = allure_results.crash_message(report)
        if crash is not None:
            self._crashed[report.nodeid] = crash
        if report.when == "teardown":
            self._decided.add(report.nodeid)
            self._early += dict(report.user_properties).get("ipllvm.decided_early") is True

    def finish(self) -> bool:
        """Merges records, completes the Allure results and stops the engines.

        Returns:
            Whether everything could be written; the summary says what could not.
        """
        try:
            self._records = read_records(self._settings.run_dir)
            self._stats = self._read_stats()
            merge_records(self._settings.run_dir, self._records)
            folder = allure_view.results_dir(self._config)
            if folder is not None:
                self._finish_allure(folder)
        except StoreError as error:
            self._problem = str(error)
        except OSError as error:
            self._problem = (
                f"the results are not complete: {error}\n  -> free some space and run again"
            )
        finally:
            self.stop()
        return not self._problem

    def stop(self) -> None:
        """Stops progress and engines; may be called again."""
        if self._progress is not None:
            self._progress.stop()
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._group is not None:
            self._group.stop()
            self._group = None

    def summary(self, *, width: int, colour: bool) -> str:
        """Returns the verdict table and what the run cost."""
        problem = f"\n{self._problem}\n" if self._problem else ""
        if self._stats is None:
            return problem
        return render_summary(self._records, self._stats, width=width, colour=colour) + problem

    def _status(self) -> Status:
        assert self._client is not None
        assert self._session is not None
        if self._planned is None:
            suite = load_suite()
            cases = [case for claim in suite.claims for case in self._settings.cases(claim)]
            self._planned = self._client.plan(_cells(self._measured(cases), self._settings.judging))
            self._size = len(cases)
        stats = self._client.stats()
        # Known to the controller only once the workers have collected.
        collected = self._session.testscollected or self._size
        # A search asks more than any plan says; from then on only the checks tell what is left.
        known = collected == self._size and stats.done < self._planned.prompts
        return Status(
            prompts_done=stats.done,
            prompts_planned=self._planned.prompts if known else None,
            checks_decided=len(self._decided),
            checks_total=collected,
            decided_early=self._early,
            note=next((engine.current for engine in stats.engines if engine.current), ""),
        )

    def _measured(self, cases: Iterable[Case]) -> list[Case]:
        """Leaves out what will be skipped: by its options, or for want of its reference."""
        assert self._client is not None
        asked = [case for case in cases if not case.skip]
        others = {case.against.model for case in asked if case.against is not None}
        missing = {model for model in others if self._client.unavailable(model)}
        return [c for c in asked if c.against is None or c.against.model not in missing]

    def _read_stats(self) -> RunStats | None:
        folder = allure_view.results_dir(self._config)
        assert self._client is not None
        try:
            stats = self._client.stats()
        except IpllvmError:
            # The engines are gone for good: the reason is on the screen already.
            return None
        return RunStats(
            prompts=stats.prompts,
            hits=stats.hits,
            misses=stats.misses,
            wall_s=time.monotonic() - self._began,
            store=str(self._settings.store),
            records=str(self._settings.run_dir / MERGED),
            allure=folder,
            judge=self._judge_stats(stats),
        )

    def _judge_stats(self, stats: Stats) -> JudgeStats | None:
        judge = self._settings.judging.judge
        if judge is None:
            return None
        return JudgeStats(
            model=judge.model,
            calls=stats.total("judge_calls"),
            hits=stats.total("judge_hits"),
            unreadable=stats.total("judge_unreadable"),
            prompt_tokens=stats.total("judge_prompt_tokens"),
            reply_tokens=stats.total("judge_reply_tokens"),
            price=self._settings.judging.price,
        )

    def _finish_allure(self, folder: str) -> None:
        here = self._config.invocation_params.dir / folder
        for nodeid, message in self._crashed.items():
            allure_results.write_broken_result(here, nodeid=nodeid, message=message)
        packages = ("ipllvm-spec", "torch", "transformers", "datasets", "pytest")
        environment = {name: version(name) for name in packages}
        environment["profile"] = self._settings.profile
        environment["device"] = ", ".join(self._settings.devices)
        environment["judge"] = self._settings.judging.sentence()
        allure_results.finish_results(
            here, environment=environment, models=self._settings.model_refs()
        )


def _cells(cases: Sequence[Case], judging: Judging) -> list[tuple[Cell, int | None]]:
    """Returns every cell of some cases once; what a search draws is not known beforehand.

    Nothing is measured where nobody could score it.
    """
    cells: dict[Cell, int | None] = {}
    for case in cases:
        for benchmark in case.benchmarks:
            if judging.on(case.source(benchmark)).unscored(get_benchmark(benchmark, case.mode)):
                continue
            for model, condition in product(case.models(), case.conditions()):
                cell = Cell(
                    model=model,
                    benchmark=benchmark,
                    source=case.source(benchmark),
                    mode=case.mode,
                    intervention=condition.intervention,
                    repeat=condition.repeat,
                    asked="similarity" if case.similarity else "question",
                )
                captions = caption_cell(cell)
                for one in (captions, cell) if captions is not None else (cell,):
                    cells[one] = case.units
    return list(cells.items())
