"""Warnings about a new resource's description: what it lacks, and what the target did not take."""

from collections.abc import Mapping

from presqt_daemon.metadata.describe import Description
from presqt_daemon.model import Finding, Severity
from presqt_daemon.targets.base import Container
from presqt_daemon.targets.definition import definition_of
from presqt_daemon.targets.left_out import UNDESCRIBED, left_out_in, remarks_in

_NAMES: Mapping[str, tuple[str, str]] = {
    "creators": ("the creators", "`Creator` in bag-info.txt, once for each"),
    "description": ("a description", "`External-Description` in bag-info.txt"),
    "keywords": ("keywords", "`Keywords` in bag-info.txt"),
    "license": ("a licence", "`License` in bag-info.txt"),
    "categories": ("a category", "`Category` in bag-info.txt, by its title or number"),
    "resource_type": ("the kind of resource", "`Resource-Type` in bag-info.txt"),
}


def required_but_missing(target_type: str, description: Description) -> tuple[Finding, ...]:
    """A warning for everything that the target wants before publishing and nobody gave."""
    return tuple(
        _warning(
            "metadata-missing",
            f"The draft lacks {_NAMES[name][0]}, without which it cannot be published: "
            f"fill it in there, or give it with {_NAMES[name][1]}.",
        )
        for name in _required(target_type)
        if not getattr(description, name)
    )


def not_passed_on(
    target_type: str, container: Container, description: Description
) -> tuple[Finding, ...]:
    """Warnings about all that was given and that the new container does not say.

    One for the whole description where the target refused that, else one for each field.
    """
    if not container.is_new:
        return ()
    remarks = tuple(_warning(code, said) for code, said in remarks_in(container.state))
    reason = container.state.get(UNDESCRIBED)
    if reason is not None:
        message = f"The target took the title only, and no description: {reason}"
        return (_warning("metadata-refused", message), *remarks)
    values: dict[str, list[str]] = {}
    for name, value in left_out_in(container.state):
        values.setdefault(name, []).append(value)
    required = _required(target_type)
    found = [
        _warning(
            "metadata-not-passed",
            f"The target has no place for the {_words(name)} {'; '.join(texts)!r}: it is not "
            f"in the new resource{', which cannot be published without' * (name in required)}.",
        )
        for name, texts in values.items()
    ]
    kind = definition_of(target_type)
    taken = None if kind is None else kind.taken
    if taken is not None and (more := [name for name in description.fields() if name not in taken]):
        message = f"The target has no place for: {', '.join(map(_words, more))}."
        found.append(_warning("metadata-not-passed", message))
    return (*found, *remarks)


def _required(target_type: str) -> tuple[str, ...]:
    kind = definition_of(target_type)
    return () if kind is None else kind.required


def _words(name: str) -> str:
    return {"license": "licence", "described_title": "title"}.get(name, name.replace("_", " "))


def _warning(code: str, message: str) -> Finding:
    return Finding(code=code, message=message, severity=Severity.WARNING)
