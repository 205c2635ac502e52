"""Objects of one process that a job may be handed by name, as plain data."""

import itertools
import os
import pickle
from typing import Any
from weakref import WeakValueDictionary

_OBJECTS: "WeakValueDictionary[int, SameProcess]" = WeakValueDictionary()
_NUMBERS = itertools.count()


class SameProcess:
    """Pickled, it is a name; what comes out is the very object, and in its own process only.

    Elsewhere UnpicklingError: an engine of other hosts has to be given limits that files serve.
    """

    __slots__ = ("__weakref__", "_number")
    _number: int

    def __reduce__(self) -> tuple[Any, ...]:
        """The name: the process's number, and the object's in it."""
        try:
            number = self._number
        except AttributeError:
            self._number = number = next(_NUMBERS)
            _OBJECTS[number] = self
        return find_object, (os.getpid(), number)


def find_object(pid: int, number: int) -> SameProcess:
    """The object of that name. Raises UnpicklingError where it is not."""
    found = _OBJECTS.get(number) if pid == os.getpid() else None
    if found is None:
        raise pickle.UnpicklingError(f"these are limits of process {pid}, and of no other")
    return found
