"""YAML read safely: one document, no tags, no repeated keys, bounded size."""

from typing import Any

import yaml

MAX_BYTES = 1 << 20
_NULL_TAG = "tag:yaml.org,2002:null"


class YamlError(Exception):
    """The text is not YAML that we take; the message says where."""


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
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _TextLoader(_Loader):
    """Takes no word for a number, a date or a truth value: `0123` and `12:30` stay as written."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        if kind is yaml.ScalarNode and tag != _NULL_TAG:
            return self.DEFAULT_SCALAR_TAG
        return tag


def read_yaml(content: bytes) -> Any:
    """The document's plain values (dict, list, str, int, float, bool, None, date).

    Raises YamlError for text that is not UTF-8, is larger than `MAX_BYTES`, or is no clean YAML.
    """
    return _read(content, _Loader)


def read_yaml_as_text(content: bytes) -> Any:
    """The same with every value as it is written: dict, list, str, and None for what is left empty.

    Raises YamlError as `read_yaml` does.
    """
    return _read(content, _TextLoader)


def _read(content: bytes, loader: type[_Loader]) -> Any:
    if len(content) > MAX_BYTES:
        raise YamlError(f"the file is larger than {MAX_BYTES} bytes")
    try:
        return yaml.load(content.decode("utf-8"), Loader=loader)  # noqa: S506  (a safe loader)
    except UnicodeDecodeError as error:
        raise YamlError(f"the file is not UTF-8 (byte {error.start})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        raise YamlError(f"{problem}{where}") from None
