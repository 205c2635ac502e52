"""`--full`: whole suites instead of samples, and other examples each time instead of the same.

At the end, how many calls the contracts have seen.
"""

import random
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.contract import TOTALS, told

# how fast an example is made or tried says something of the machine, not of the code
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("sample", _ANY_MACHINE, derandomize=True)
settings.register_profile("full", _ANY_MACHINE, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("full" if config.getoption("--full") else "sample")
    # a run in the background may have been told to ignore ^C, and its children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # under nohup; with a handler here, children begin with the default again
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long suites whole")


# suites that start a server or boot a system once: all their tests in one process
ONE_PROCESS = ("real", "systemd", "drops", "cluster", "standby")


# before xdist reads the groups
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        suite = item.path.relative_to(Path(__file__).parent).parts[0]
        if suite in ONE_PROCESS:
            item.add_marker(pytest.mark.xdist_group(suite))
    if config.getoption("--full"):
        return
    alike: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("full") is not None:
            item.add_marker(pytest.mark.skip(reason="only with --full"))
        elif item.get_closest_marker("sampled") is not None:
            alike[item.nodeid.partition("[")[0]].append(item)
    for name, cases in alike.items():
        marker = cases[0].get_closest_marker("sampled")
        assert marker is not None
        # the same ones each time: what fails here fails there
        left_out = random.Random(name).sample(cases, max(0, len(cases) - marker.args[0]))
        for item in left_out:
            item.add_marker(pytest.mark.skip(reason="not in the sample; all with --full"))


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long suites run whole."""
    return bool(request.config.getoption("--full"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Each process that runs tests hands on how many calls its contracts have seen."""
    handed_on = getattr(session.config, "workeroutput", None)
    if handed_on is not None:
        handed_on["contract"] = [[*key, count] for key, count in TOTALS.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Called where the results come together, for each process that has ended."""
    for document, what, count in getattr(node, "workeroutput", {}).get("contract", []):
        TOTALS[document, what] += count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = told(TOTALS)
    if line is not None:
        terminalreporter.write_line(line)
