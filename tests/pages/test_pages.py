import re
import tomllib

import pytest

from presqt_daemon.cli.command_line.exits import Exit
from presqt_daemon.cli.pages import TOPICS
from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.targets.base import traits_of
from presqt_daemon.targets.definition import OWN_MODULES
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.units import seconds_from_text
from tests.pages.commands import COMMANDS, options_of
from tests.pages.faults import faults
from tests.pages.names import CODES
from tests.pages.pages import PAGES, ROOT, blocks, first_block, section, text_of

SHARED = {"--config", "--set", "-v", "--verbose", "-h", "--help", "--version"}


@pytest.mark.parametrize("page", PAGES)
def test_all_that_a_page_names_is_there(page: str) -> None:
    assert faults(text_of(page), page) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```sh\npresqt-daemon submitt x.zip\n```\n", "invalid choice"),
        ("```sh\nmkdir a && .venv/bin/presqt-daemon status --jsn\n```\n", "unrecognized"),
        ("```sh\npython -m presqt_daemon --set staging.worker=2 check\n```\n", "no key staging"),
        ("    presqt-daemon check --deposits NAME\n", "unrecognized"),
        ("Say `status --watchful`.", "status has no --watchful"),
        ("Say `presqt-daemon statu`.", "no command statu"),
        ("Say `submit PATH [--titel T]`.", "submit has no --titel"),
        ("Say `verfy TICKET`.", "no command verfy, but verify"),
        ("Say `config schma`.", "invalid choice"),
        ("Say `presqt-daemon [--conig FILE] COMMAND`.", "no command has --conig"),
        ("Say `--dry-runs`.", "no command has --dry-runs"),
        ("Set `staging.worker`.", "no key staging.worker"),
        ("Set `stagin.workers`.", "no key stagin.workers"),
        ("Set `token_fil`.", "no key or name token_fil"),
        ("Set `publishing: never`.", "no key publishing"),
        ("Set `PRESQT_DAEMON__STAGING__WORKER=2`.", "no key for PRESQT_DAEMON__STAGING__WORKER"),
        ("Set `PRESQT_REAL_CASH`.", "nothing reads PRESQT_REAL_CASH"),
        ("An entry `z: {type: zenodo, token_fil: x}`.", "token_fil"),
        ("```yaml\nstaging: {worker: 2}\n```\n", "staging.worker"),
        ('```json\n{"upload_jobs": 1}\n```\n', "nothing writes upload_jobs"),
        ("It ends as `not-zip`.", "no code not-zip"),
        ("It is a warning `zip-normalized`.", "no code zip-normalized"),
        ("See `presqt_daemon/inbox/clam.py`.", "no file presqt_daemon/inbox/clam.py"),
        ("See `house/test_nothing.py`.", "no file house/test_nothing.py"),
        ("See tests/house/test_nothing.py.", "no file tests/house/test_nothing.py"),
        ("See [here](nowhere/README.md).", "a link to nowhere"),
        ("See [here](LICENSE#nothing).", "no heading"),
        ("See [here](https://example).", "no address"),
        ("A `FolderScaner` does it.", "nothing is called FolderScaner"),
    ],
)
def test_a_mistake_of_each_kind_is_found(text: str, said: str) -> None:
    assert any(said in fault for fault in faults(text, "README.md")), faults(text, "README.md")


def test_every_failure_stands_with_its_number_in_the_page_on_tickets() -> None:
    listed: dict[str, int] = {}
    for row in section("presqt_daemon/tickets/README.md", "When a ticket fails").split("\n"):
        cells = row.split("|")
        if len(cells) > 3 and re.match(r" \d", cells[1]):
            numbers = [int(one) for one in re.findall(r"\d+", cells[1])]
            codes = re.findall(r"`([a-z-]+)`", cells[2])
            # one number for all codes of the row, or one for each
            numbers = numbers * len(codes) if len(numbers) == 1 else numbers
            listed.update(zip(codes, numbers, strict=True))
    assert listed == CODES


def test_every_key_of_the_status_stands_in_the_page_on_tickets() -> None:
    rows = section("presqt_daemon/tickets/README.md", "The status file").split("\n")
    listed = [key for row in rows if row.startswith("| `") for key in row.split("|")[1].split("`")]
    assert {key for key in listed if key.strip(" ,")} == set(ProcessInfo.__slots__)


def test_every_command_and_each_of_its_options_stand_in_the_page_on_commands() -> None:
    text = text_of("presqt_daemon/cli/README.md")
    rows = [row for row in text.split("\n") if row.startswith("| `")]
    for command in COMMANDS:
        own = "\n".join(row for row in rows if re.search(rf"`{command}[ `]", row.split("|")[1]))
        assert own, command
        missing = {one for one in options_of(command) - SHARED if not re.search(f"{one}\\b", own)}
        assert not missing, f"{command}: {missing}"


def test_the_readme_and_help_have_the_same_topics_and_no_page_is_without_one() -> None:
    rows = re.findall(r"^\| `(\w+)` \| \[(\S+)\]\((\S+)\)", text_of("README.md"), re.MULTILINE)
    assert all(shown == link for _topic, shown, link in rows)
    assert {topic: link for topic, _shown, link in rows} == {
        topic: page for topic, (page, _about) in TOPICS.items() if topic != "start"
    }
    shown_by_help = {page for page, _about in TOPICS.values()}
    assert {page for page in PAGES if not page.startswith("tests/")} <= shown_by_help
    for page in PAGES:
        assert page == "README.md" or f"({page})" in text_of("README.md"), page


def test_the_readme_is_two_pages() -> None:
    assert len(text_of("README.md").split("\n")) <= 125


@pytest.mark.parametrize("page", PAGES)
def test_what_is_drawn_in_letters_fits_a_terminal(page: str) -> None:
    for picture in blocks(text_of(page), "text"):
        assert max(map(len, picture.split("\n"))) <= 78, picture


def test_the_service_of_the_readme_is_that_of_its_own_page() -> None:
    assert first_block("README.md", "A service") == first_block("systemd/README.md", "Install")


def test_the_exit_codes_of_the_page_are_those_of_the_program() -> None:
    listed = re.findall(r"^\| (\d+) \|", text_of("presqt_daemon/cli/README.md"), re.MULTILINE)
    # a reader of our output that has gone does not see ours
    assert [int(number) for number in listed] == [*sorted(set(Exit) - {Exit.BROKEN_PIPE})]


@pytest.mark.parametrize("page", PAGES)
def test_a_value_told_beside_a_key_is_its_default(page: str) -> None:
    told = re.findall(
        r"`([a-z]+)\.([a-z_]+)`(?: \(|, )(\d+)(?: (s|days?|minutes?|hours?)\b)?", text_of(page)
    )
    for part, key, number, unit in told:
        default = getattr(getattr(Config(), part), key)
        words = f"{number}{unit[:1]}" if unit else None
        wanted = int(number, 8) if words is None else seconds_from_text(words)
        assert wanted == default, f"{part}.{key}"


def test_the_table_of_targets_says_what_their_traits_say() -> None:
    rows = [
        [cell.strip() for cell in row.split("|")[2:-1]]
        for row in text_of("presqt_daemon/targets/README.md").split("\n")
        if re.match(r"\| (parallel puts|a title taken already|empty folders|empty files) ", row)
    ]
    folders, files, puts, titles = rows
    types = ("folder", "osf", "github", "gitlab", "zenodo", "figshare")
    assert set(types) == set(OWN_MODULES)
    for number, kind in enumerate(types):
        traits = traits_of(TargetConfig(name=kind, type=kind))
        taken = traits.title_format.format(title="T", number=1)
        assert titles[number] == f"`{taken}`", kind
        assert kind == "gitlab" or puts[number].split()[0] == str(traits.parallel_puts), kind
        assert (folders[number] == "kept") == (traits.keeps_empty_folders), kind
        assert files[number].startswith("refused") != traits.takes_empty_files, kind


def test_every_suite_stands_in_the_page_on_tests() -> None:
    suites = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/*.py"))}
    assert {name for name in suites if f"`{name}/`" not in text_of("tests/README.md")} == set()


def test_the_rooms_stand_in_the_order_in_which_they_may_import() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = {path.parent.name for path in (ROOT / "presqt_daemon").glob("*/__init__.py")}
    wanted = [set(layer.split(" | ")) & rooms - {"schemas"} for layer in layers]
    rows = re.findall(r"^\| (`.*?) \|", section("presqt_daemon/README.md", "Rooms"), re.MULTILINE)
    listed = [set(re.findall(r"`(\w+)/`", row)) for row in rows]
    assert [row for row in listed if row] == [layer for layer in wanted if layer]
