"""`--full`: whole suites instead of samples. At the end, how many calls the contracts have seen."""

import signal

import pytest

from tests.fakes.contract import TOTALS, told


def pytest_configure() -> None:
    # a run in the background may have been told to ignore ^C, and its children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long suites whole")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    for item in items:
        if item.get_closest_marker("full") is not None:
            item.add_marker(pytest.mark.skip(reason="only with --full"))


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long suites run whole."""
    return bool(request.config.getoption("--full"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = told(TOTALS)
    if line is not None:
        terminalreporter.write_line(line)
