"""What `check` and `status --workers` find about daemons, an engine of many hosts, its workers."""

from collections.abc import Iterator, Mapping

from presqt_daemon.cli.check.rows import (
    CheckRow,
    ok,
    print_rows,
    warning,
    without_os_errors,
    wrong,
)
from presqt_daemon.cli.output.show import Row, pen, print_json, shown
from presqt_daemon.cli.tickets.find import all_infos
from presqt_daemon.config import Config
from presqt_daemon.leases.heartbeat import TornHeartbeatError, read_heartbeat
from presqt_daemon.leases.standbys import find_standbys
from presqt_daemon.schemas.json_values import tree_from_value
from presqt_daemon.system.host import host_of, pid_of
from presqt_daemon.tickets.locks import is_held
from presqt_daemon.tickets.process_info import ProcessInfo, tree_from_info
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.units import counted
from presqt_daemon.workers.engines.report import HostReport, report_host, shown_to_hosts
from presqt_daemon.workers.engines.starts import EngineDownError, TellsOfHosts, open_engine
from presqt_daemon.workers.limits.grant import Grant, settings_marks, short_mark
from presqt_daemon.workers.limits.tokens import Tokens

AT_WORK_COLUMNS = ("host", "process", "engine", "epoch", "ticket", "drop", "message")


def check_daemons(config: Config) -> Iterator[CheckRow]:
    """A row on the daemon that serves these folders, and one for each that stands by."""
    yield ok("daemon", _running(config))
    for instance in find_standbys(config.mediafiles, config.engine_options.lease_ttl):
        yield ok("standby", f"stands by: {_named(instance)}")


def _running(config: Config) -> str:
    if not is_held(config.mediafiles):
        return "is not running now"
    try:
        beat = read_heartbeat(config.mediafiles)
    except (TornHeartbeatError, OSError):
        beat = None
    known = beat is not None and not beat.is_released
    return f"is running: {_named(beat.instance)}" if known and beat else "is running"


def _named(instance: str) -> str:
    return f"pid {pid_of(instance)} on {host_of(instance)}"


def check_engine(config: Config, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """A row on the engine and one for each worker; none where this host does all itself."""
    engine = open_engine(config)
    if engine is None:
        return
    what = f"engine {config.engine}"
    try:
        if not isinstance(engine, TellsOfHosts):
            yield warning(what, "it does not tell of its hosts")
            return
        # what every run would be given, as far as a host may refuse it
        tokens = Tokens(config.targets, dict(environment))
        marks = {name: short_mark(tokens.mark_of(one)) for name, one in config.targets.items()}
        grant = Grant(settings=settings_marks(config), marks=marks)
        with shown_to_hosts(config.mediafiles) as shown_file:
            found = engine.on_every_host(report_host, config.mediafiles, grant, shown_file)
        yield ok(what, f"{config.engine_options.address}, {counted(len(found), 'worker')}")
        if not config.uploads_folder.is_dir():
            # made by the daemon; until then no host can see it
            yield warning(what, "ask again once the daemon has made mediafiles")
            return
        for address, report in sorted(found.items()):
            yield _row(address, report)
    except EngineDownError as down:
        yield wrong(what, str(down))
    finally:
        engine.shutdown(wait=False)


def _row(address: str, report: HostReport | str) -> CheckRow:
    if isinstance(report, str):
        return wrong(f"worker {address}", report)
    what = f"worker {report.host} {address}"
    if report.problems:
        return wrong(what, "; ".join(report.problems))
    return ok(what, f"version {report.version}, sees mediafiles, may start workers")


def print_workers(config: Config, environment: Mapping[str, str], *, as_json: bool) -> None:
    """Show which host works on what, the daemons, and the hosts of an engine where there is one."""
    at_work = [
        info
        for _folder, info in all_infos(Uploads(config.mediafiles))
        if isinstance(info, ProcessInfo) and info.is_open and info.host is not None
    ]
    at_work.sort(key=lambda info: (info.host or "", info.received_at))
    daemons = list(without_os_errors("daemon", check_daemons(config)))
    hosts = list(check_engine(config, environment))
    if as_json:
        print_json(
            {
                "tickets": [tree_from_info(info) for info in at_work],
                "daemons": tree_from_value(daemons),
                "engine": tree_from_value(hosts),
            }
        )
        return
    if at_work:
        pen().print_table(AT_WORK_COLUMNS, list(map(_row_at_work, at_work)))
    else:
        print("no ticket is being worked on")
    print_rows([*daemons, *hosts])


def _row_at_work(info: ProcessInfo) -> Row:
    return (
        shown(info.host or ""),
        str(info.function_process_id or ""),
        info.engine or "",
        str(info.epoch),
        info.ticket_number,
        shown(info.source_file),
        shown(info.message),
    )
