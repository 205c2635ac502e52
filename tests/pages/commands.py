"""Command lines in pages: those of our program, taken apart and read by its own parser."""

import contextlib
import difflib
import io
import re
import shlex
from collections.abc import Iterator

from presqt_daemon.cli.command_line.parser import build_parser

PARSER, COMMANDS = build_parser()
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
ENDS = {"&&", "||", "|", ";", "&", "(", ")"}
REDIRECTIONS = {">", ">>", "<", "2>", "&>"}


def options_of(command: str | None) -> set[str]:
    """What a command takes, the options that stand before it too; None: of all commands."""
    parsers = [PARSER, *(COMMANDS.values() if command is None else [COMMANDS[command]])]
    return {name for parser in parsers for name in parser._option_string_actions}


def calls_in(block: str) -> Iterator[list[str]]:
    """The arguments of each call of our program in a block of shell commands."""
    for line in block.replace("\\\n", " ").split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            words = line.split()  # a text or pattern over several lines
        yield from _calls(words)


def _calls(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if word in ENDS or set(word) <= set(";&|()"):
            arguments = _arguments(command)
            if arguments is not None:
                yield arguments
            command = []
        else:
            command.append(word)


def _arguments(command: list[str]) -> list[str] | None:
    """What our program is given; None where another one is called."""
    cut = next((n for n, word in enumerate(command) if word in REDIRECTIONS), len(command))
    rest = command[:cut]
    while rest and (rest[0] in {"sudo", "nice"} or re.fullmatch(r"[A-Z_]+=.*", rest[0])):
        rest = rest[1:]
    if rest[:1] == ["runuser"] and "--" in rest:
        rest = rest[rest.index("--") + 1 :]
    if rest and rest[0].rpartition("/")[2] == "presqt-daemon":
        return rest[1:]
    if rest[1:3] == ["-m", "presqt_daemon"]:
        return rest[3:]
    return None


def complaint(arguments: list[str]) -> str | None:
    """What the program's own parser says of a call; None where it takes it."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            PARSER.parse_args(arguments)
    except SystemExit as end:
        return None if end.code == 0 else said.getvalue()
    return None


def synopsis_complaint(text: str) -> str | None:
    """What is wrong with a call as texts show it, `submit PATH [--title T]`; None: nothing."""
    words = text.split()
    odd = set(OPTION.findall(text)) - options_of(None)
    if words[0] == "presqt-daemon" and odd:
        return f"no command has {', '.join(sorted(odd))}"
    if words[0] == "presqt-daemon":
        words = words[1:]
        while words and words[0].startswith(("-", "[-")):
            words = words[2 if "FILE" in text or "KEY" in text else 1 :]
        if not words or words[0] == "COMMAND":
            return None
        if words[0] not in COMMANDS:
            return f"there is no command {words[0]}"
    if words[0] not in COMMANDS:
        return None
    unknown = set(OPTION.findall(" ".join(words[1:]))) - options_of(words[0])
    if unknown:
        return f"{words[0]} has no {', '.join(sorted(unknown))}"
    said = complaint(words) or ""
    return said if "invalid choice" in said and not set(text) & set("[|") else None


def meant(word: str) -> str | None:
    """The command that a word is nearly, though it is none."""
    if word in COMMANDS or not re.fullmatch(r"[a-z-]+", word):
        return None
    return next(iter(difflib.get_close_matches(word, COMMANDS, 1, 0.82)), None)
