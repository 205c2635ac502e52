"""Run inside InvenioRDM's own environment: users, tokens, where files go, vocabularies.

Prints one token a line, of the users whose addresses are given: `prepare.py FILES USER ...`.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import invenio_rdm_records
import yaml
from flask_security.utils import hash_password
from invenio_access.permissions import system_identity
from invenio_app.factory import create_api
from invenio_db import db
from invenio_files_rest.models import Location
from invenio_oauth2server.models import Token
from invenio_vocabularies.proxies import current_service

SHIPPED = Path(invenio_rdm_records.__file__).parent / "fixtures" / "data" / "vocabularies"
VOCABULARIES = (
    ("resourcetypes", "rsrct", "resource_types.yaml"),
    ("relationtypes", "rlt", "relation_types.yaml"),
    ("contributorsroles", "cor", "roles.yaml"),
    ("descriptiontypes", "dty", "description_types.yaml"),
    ("titletypes", "ttyp", "title_types.yaml"),
    ("licenses", "lic", "licenses.csv"),
    ("languages", "lng", ""),
)
LICENSES = frozenset({"cc-by-4.0", "cc0-1.0", "mit", "apache-2.0", "0bsd"})
"""Of the 419 that are shipped: all would take a minute."""

LANGUAGES = (
    {"id": "eng", "title": {"en": "English"}, "tags": ["individual", "living"]},
    {"id": "deu", "title": {"en": "German"}, "tags": ["individual", "living"]},
)


def rows_of(name: str) -> Iterator[dict[str, Any]]:
    """The entries of a shipped vocabulary."""
    if not name:
        yield from LANGUAGES
    elif name.endswith(".yaml"):
        yield from yaml.safe_load((SHIPPED / name).read_text())
    else:
        with open(SHIPPED / name, encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row["id"] in LICENSES:
                    props = {"url": row["props__url"], "scheme": row["props__scheme"]}
                    yield {"id": row["id"], "title": {"en": row["title__en"]}, "props": props}


def user_with_token(app: Any, address: str) -> str:
    """A confirmed user's personal token."""
    users = app.extensions["security"].datastore
    user = users.create_user(email=address, password=hash_password("pw-123456"), active=True)
    user.confirmed_at = datetime.now(UTC).replace(tzinfo=None)
    db.session.commit()
    token = Token.create_personal("tests", user.id, scopes=["user:email"])
    db.session.commit()
    return str(token.access_token)


def main(files: str, addresses: list[str]) -> None:
    app = create_api()
    with app.app_context():
        db.session.add(Location(name="default", uri=files, default=True))
        db.session.commit()
        for name, prefix, source in VOCABULARIES:
            current_service.create_type(system_identity, name, prefix)
            for row in rows_of(source):
                current_service.create(system_identity, {**row, "type": name})
        for address in addresses:
            print("TOKEN", user_with_token(app, address))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
