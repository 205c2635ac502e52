"""YAML read safely: one document, no tags, no repeated keys, bounded size."""

import contextlib
from collections.abc import Iterator
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_WORD_CHARACTERS = 4096
MAX_BRACKETS = 200
"""The scanner looks ahead over open brackets, at a cost that grows with their square."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_ODD_BREAKS = frozenset("\x85\u2028\u2029")
"""Line ends for YAML 1.1, for an editor a part of the line: what stands behind would be hidden."""


class YamlError(Exception):
    """The text is not YAML that we take; the message says where.

    `problem` and `line` (from 1) are the message's parts, where the parser gave both.
    """

    def __init__(self, message: str, problem: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.problem = problem or message
        self.line = line


class _Loader(yaml.SafeLoader):
    """Refuses what makes a file ambiguous or huge: repeated keys and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(
                None, None, "aliases are not allowed", event.start_mark
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be plain text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key[:40]!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(content: bytes) -> Any:
    """The document's plain values (dict, list, str, int, float, bool, None, date).

    Raises YamlError for text that is not UTF-8, is larger than `MAX_BYTES`, or is no clean YAML.
    """
    text = _text_from(content)
    with _naming_errors():
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe loader)


def lines_from_yaml(content: bytes) -> dict[tuple[str, ...], int]:
    """The line (from 1) on which each key stands, by its path. Raises as `read_yaml` does."""
    text = _text_from(content)
    lines: dict[tuple[str, ...], int] = {}
    with _naming_errors():
        node = yaml.compose(text, Loader=_Loader)
    waiting: list[tuple[tuple[str, ...], Any]] = [((), node)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*path, str(key.value))
                lines[below] = key.start_mark.line + 1
                waiting.append((below, value))
    return lines


def read_yaml_as_text(content: bytes) -> dict[str, str | None] | None:
    """One mapping of plain words, each value as it is written, None for one that is left empty.

    None for a text without a document. It is read event by event and nothing is constructed, so
    no tag has a meaning and the cost grows with the length. Raises YamlError for whatever else.
    """
    text = _text_from(content)
    odd = next((char for char in text if char in _ODD_BREAKS), None)
    if odd is not None:
        raise YamlError(
            f"it holds a character that not everything takes for a line's end ({odd!r})"
        )
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise YamlError("it must hold keys and values, nothing nested")
    with _naming_errors():
        return _flat(yaml.parse(text, Loader=yaml.SafeLoader))


def _flat(events: Iterator[yaml.Event]) -> dict[str, str | None] | None:
    """The words of a stream of events. Raises YamlError."""
    tree: dict[str, str | None] = {}
    for kind in (yaml.StreamStartEvent, yaml.DocumentStartEvent):
        if not isinstance(next(events), kind):
            return None
    first = next(events)
    if isinstance(first, yaml.ScalarEvent) and _word(first) is None:
        _end(events)
        return None
    if not isinstance(first, yaml.MappingStartEvent) or first.tag or first.anchor:
        raise YamlError(f"it must hold keys and values, nothing else{_where(first.start_mark)}")
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            _end(events)
            return tree
        key = _word(event) or ""
        if key in tree:
            raise YamlError(f"the key {key[:40]!r} stands twice{_where(event.start_mark)}")
        value = next(events)
        if isinstance(value, yaml.CollectionStartEvent):
            raise YamlError(f"the value of {key[:40]!r} must be text{_where(value.start_mark)}")
        tree[key] = _word(value)
    raise YamlError("it breaks off")


def _word(event: yaml.Event) -> str | None:
    """A scalar as it is written; None for one left empty. Raises YamlError for whatever else."""
    where = _where(event.start_mark)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise YamlError(f"aliases are not allowed{where}")
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlError(f"a key must be plain text{where}")
    if event.tag:
        raise YamlError(f"tags such as {event.tag[:40]!r} are not allowed{where}")
    if event.style is None and event.value in _NULLS:
        return None
    word: str = event.value
    if len(word) > MAX_WORD_CHARACTERS:
        raise YamlError(f"a value has more than {MAX_WORD_CHARACTERS} characters{where}")
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        raise YamlError(f"a value holds half a character{where}") from None
    return word


def _end(events: Iterator[yaml.Event]) -> None:
    """Nothing may follow. Raises YamlError."""
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            raise YamlError(f"it must be one document{_where(event.start_mark)}")


def _text_from(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise YamlError(f"the file is larger than {MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"the file is not UTF-8 (byte {error.start})") from None


@contextlib.contextmanager
def _naming_errors() -> Iterator[None]:
    """Whatever comes out of the parser ends as YamlError, its constructors' own slips included."""
    try:
        yield
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = (
            getattr(error, "problem", None) or (str(error).splitlines() or ["it is no YAML"])[0]
        )
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise YamlError(f"{problem}{_where(mark)}", problem, line) from None
    except (TypeError, AttributeError, LookupError, OverflowError):
        # what PyYAML's constructors raise for a value that does not fit its tag
        raise YamlError("a value is not what its tag or its escape says") from None


def _where(mark: Any) -> str:
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
