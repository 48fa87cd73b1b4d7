"""Pytest hooks and options of the suite; the only file with ``pytest_*`` functions.

The controller (the process that the user started) owns engines, progress, records and reports;
workers of pytest-xdist only ask. Without xdist the one process is both, through the same code.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from ipllvm_spec.benchmarks.judging import CONCURRENCY, choose_judging
from ipllvm_spec.engine.wire import EngineAddress
from ipllvm_spec.errors import IpllvmError, JudgeError
from ipllvm_spec.reporting import allure as allure_view
from ipllvm_spec.settings import ADDRESS, SETTINGS, RunSettings, new_run_id, split_list
from ipllvm_spec.spec.cases import Case

CONTROLLER = pytest.StashKey["Controller"]()

_WORKER_KEY = "ipllvm"

if TYPE_CHECKING:
    from ipllvm_spec.controller import Controller


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the suite's options."""
    group = parser.getgroup("ipllvm", "properties of vision-language models")
    add = group.addoption
    add("--models", action="append", metavar="NAME|PATH[,...]", help="models to judge")
    add("--benchmarks", action="append", metavar="NAME[=PATH][,...]", help="benchmarks to use")
    add("--profile", default="default", help="how much to measure: smoke, default or paper")
    add("--mode", metavar="NAME", help="protocol mode of the benchmarks: standard or paper")
    add("--units", type=int, metavar="N", help="measure only the first N units a benchmark")
    add("--data", default="published", choices=["published", "twin"], help="data for --models PATH")
    add("--device", action="append", metavar="DEV[,...]", help="one engine each (default: auto)")
    add("--run-dir", default="reports", help="folder for store, records and logs")
    add("--lock", default="ipllvm.lock", help="commits of fetched models and benchmarks")
    add("--plan", action="store_true", help="say what would be measured, load no model, stop")
    add(
        "--strict-undecided",
        action="store_true",
        help="INCONCLUSIVE fails; otherwise it is a skip with its reason",
    )
    # There is no option for the key: command lines can be read by every user of a machine.
    judge = parser.getgroup("ipllvm judge", "a judge model; its key is read from IPLLVM_JUDGE_KEY")
    add = judge.addoption
    add("--judge-url", metavar="URL", help="base of an OpenAI-compatible server (IPLLVM_JUDGE_URL)")
    add("--judge-model", metavar="NAME", help="name of the judge model there (IPLLVM_JUDGE_MODEL)")
    add("--judge-concurrency", type=int, default=CONCURRENCY, metavar="N", help="calls at once")
    add("--judge-price", metavar="IN/OUT", help="price of a million tokens, for --plan")
    add("--judge-proxy", action="store_true", help="score by a rule in the judge's place, labelled")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keeps ``--plan`` in one process: there is nothing to distribute."""
    if config.getoption("plan") and config.pluginmanager.hasplugin("xdist"):
        config.option.numprocesses = 0


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Checks the options once; a worker takes the controller's."""
    config.addinivalue_line("markers", "claim(id): the declared claim that a check decides")
    allure_view.protect_results(config)
    handed = getattr(config, "workerinput", {}).get(_WORKER_KEY)
    if handed is not None:
        config.stash[SETTINGS] = RunSettings.from_text(handed["settings"])
        config.stash[ADDRESS] = EngineAddress.from_json(handed["address"])
        return
    try:
        config.stash[SETTINGS] = _settings(config).checked()
    except IpllvmError as error:
        raise pytest.UsageError(str(error)) from None


def _settings(config: pytest.Config) -> RunSettings:
    here = config.invocation_params.dir
    return RunSettings(
        models=split_list(config.getoption("models")),
        benchmarks=split_list(config.getoption("benchmarks")),
        profile=config.getoption("profile"),
        units=config.getoption("units"),
        mode=config.getoption("mode"),
        data=config.getoption("data"),
        devices=split_list(config.getoption("device") or ["auto"], unique=False),
        run_dir=(here / config.getoption("run_dir")).resolve(),
        strict_undecided=config.getoption("strict_undecided"),
        lock=(here / config.getoption("lock")).resolve(),
        run_id=new_run_id(),
        judging=choose_judging(
            os.environ,
            url=config.getoption("judge_url"),
            model=config.getoption("judge_model"),
            concurrency=config.getoption("judge_concurrency"),
            proxy=config.getoption("judge_proxy"),
            price=config.getoption("judge_price"),
        ),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One check for each case of the claim; ids are sorted strings, the same everywhere."""
    marker = metafunc.definition.get_closest_marker("claim")
    if marker is None:
        return
    try:
        keys = [case.key for case in metafunc.config.stash[SETTINGS].cases(marker.args[0])]
    except IpllvmError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("case", keys, ids=keys, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drops claims without a case under these options and orders checks by model.

    An engine that can hold one model at a time swaps rarely when checks come model by model.
    """
    models = list(config.stash[SETTINGS].model_refs())
    checks = [item for item in items if item.get_closest_marker("claim") is not None]
    # pytest keeps a claim without any case as one item with a placeholder for its parameter.
    empty = [item for item in checks if _key(item) is None]
    if empty:
        config.hook.pytest_deselected(items=empty)
    decided = sorted(
        (item for item in checks if item not in empty),
        key=lambda item: models.index(str(_key(item)).rpartition(":")[0]),
    )
    items[:] = [item for item in items if item not in checks] + decided


def _key(item: pytest.Item) -> str | None:
    key = item.callspec.params["case"]  # type: ignore[attr-defined]
    return key if isinstance(key, str) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Names versions, models, data and where results go: a typo shows here first."""
    return config.stash[SETTINGS].header()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Starts the engines before xdist starts its workers."""
    config = session.config
    if ADDRESS in config.stash or config.option.collectonly or config.option.help:
        return
    if not _selects_properties(config):
        return
    # Imported here, because a worker that only asks needs neither progress nor reports.
    from ipllvm_spec.controller import Controller

    controller = Controller(config, config.stash[SETTINGS])
    config.stash[CONTROLLER] = controller
    config.pluginmanager.register(_Watcher(controller), "ipllvm-watcher")
    try:
        config.stash[ADDRESS] = controller.start()
    except IpllvmError as error:
        controller.stop()
        raise pytest.UsageError(str(error)) from None


def _selects_properties(config: pytest.Config) -> bool:
    """Whether the paths on the command line can hold checks of properties."""
    base = config.invocation_params.dir
    folders = [(base / argument.partition("::")[0]).resolve() for argument in config.args]
    suite = (config.rootpath / "properties").resolve()
    return any(folder == suite or suite in folder.parents for folder in folders) or any(
        folder in suite.parents for folder in folders
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands a worker the settings and the engines' address, never a model."""
    stash = node.config.stash
    if ADDRESS in stash:
        node.workerinput[_WORKER_KEY] = {
            "settings": stash[SETTINGS].to_text(),
            "address": stash[ADDRESS].to_json(),
        }


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With ``--plan`` prints the plan instead of running anything."""
    controller = session.config.stash.get(CONTROLLER, None)
    if controller is None:
        return None
    if session.config.getoption("plan"):
        cases = [_case(item) for item in session.items if item.get_closest_marker("claim")]
        try:
            text = controller.plan(cases)
        except IpllvmError as error:
            raise pytest.UsageError(str(error)) from None
        _write(session.config, text)
        return True
    controller.show_progress(session)
    return None


def _case(item: pytest.Item) -> Case:
    marker = item.get_closest_marker("claim")
    assert marker is not None
    return item.config.stash[SETTINGS].case(marker.args[0], str(_key(item)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows an error that is the user's to read as its message, without a traceback."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, IpllvmError):
        report.longrepr = f"{type(call.excinfo.value).__name__}: {call.excinfo.value}"
        if isinstance(call.excinfo.value, JudgeError):
            # Every later check would meet the same refusal: stop, and keep what was measured.
            item.session.shouldstop = str(call.excinfo.value)
    return report


class _Watcher:
    """Shows the controller every report; registered in the controlling process only."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts decided checks for the progress line."""
        self._controller.saw(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Merges the workers' records, finishes the Allure results, stops the engines."""
    controller = session.config.stash.get(CONTROLLER, None)
    if controller is not None and not controller.finish():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the verdict table and what the store saved."""
    controller = config.stash.get(CONTROLLER, None)
    if controller is not None and not config.getoption("plan"):
        colour = terminalreporter.hasmarkup
        terminalreporter.write(
            controller.summary(width=terminalreporter._tw.fullwidth, colour=colour)
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves no engine behind, however the session ended."""
    controller = config.stash.get(CONTROLLER, None)
    if controller is not None:
        controller.stop()


def _terminal(config: pytest.Config) -> Any:
    return config.pluginmanager.get_plugin("terminalreporter")


def _write(config: pytest.Config, text: str) -> None:
    terminal = _terminal(config)
    terminal.ensure_newline()
    terminal.write_line(text)
