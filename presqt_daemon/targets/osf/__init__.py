"""The Open Science Framework: a new deposit is a project (a node); files lie in `osfstorage`.

A configuration and a token come in; a `Target` and its `Traits` go out (of `target`). `DEFINITION`
says what is known without either. Called by `targets.base` and `targets.definition`.

Sources: developer.osf.io (nodes; a GUID of a node or a file, with a storage provider behind a
colon), api/nodes/serializers.py (`NodeSerializer.title`).
"""

import re

from presqt_daemon.targets.definition import Definition, IdForm

TITLE_LENGTH = 512
"""Characters of a project's title."""

PART_OF_ID = r"[A-Za-z0-9_-]+"
"""What a GUID and the name of a storage provider are made of."""

DEFINITION = Definition(
    service="OSF",
    ids=IdForm(
        pattern=re.compile(rf"{PART_OF_ID}(:{PART_OF_ID})?"),
        words="letters and digits as in abc12, or abc12:osfstorage",
    ),
    longest_title=TITLE_LENGTH,
    taken=frozenset({"title", "description", "keywords"}),
)
