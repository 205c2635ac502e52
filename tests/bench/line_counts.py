"""What can be counted in the package without running it."""

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Files, code lines without blanks, comments and docstrings, classes, and flat folders."""

    files: int
    code_lines: int
    classes: int
    repeated_classes: tuple[str, ...]
    largest_folder: str
    largest_folder_files: int


def count(package: Path) -> Counts:
    """The counts of a package's folder."""
    files = sorted(package.rglob("*.py"))
    classes: Counter[str] = Counter()
    lines = 0
    for path in files:
        text = path.read_text()
        tree = ast.parse(text)
        classes.update(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
        lines += len(_code_lines(text) - set(_docstring_lines(tree)))
    folders = Counter(str(path.parent.relative_to(package)) for path in files)
    ((folder, most),) = folders.most_common(1)
    return Counts(
        files=len(files),
        code_lines=lines,
        classes=len(classes),
        repeated_classes=tuple(sorted(name for name, uses in classes.items() if uses > 1)),
        largest_folder=folder,
        largest_folder_files=most,
    )


def _code_lines(text: str) -> set[int]:
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    return found


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    """Strings that stand as statements: docstrings, and those below a name."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            assert node.end_lineno is not None
            yield from range(node.lineno, node.end_lineno + 1)
