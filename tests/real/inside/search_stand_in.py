"""A stand-in for the search engine that InvenioRDM asks: `search_stand_in.py PORT`.

OpenSearch itself is no package of PyPI or Debian. What is kept here is what the records API needs:
documents by index, a search that knows the owner's filter and quoted terms of a query string, the
newest first. `PUT /_late?SECONDS` makes new documents show that much later, as a busy index does.
"""

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_DOCUMENT = re.compile(r"/([^/]+)/(?:_doc|_create)/([^/]+)")
_QUOTED = re.compile(r'([a-z_.]+):"((?:[^"\\]|\\.)*)"')
_ABOUT = {
    "name": "stand-in",
    "cluster_name": "stand-in",
    "tagline": "",
    "version": {
        "distribution": "opensearch",
        "number": "2.19.0",
        "lucene_version": "9",
        "minimum_wire_compatibility_version": "7.10.0",
        "minimum_index_compatibility_version": "7.0.0",
    },
}


class Index:
    """Documents by index and id, each with the moment from which a search shows it."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self.names: set[str] = set()
        self.late = 0.0

    def put(self, name: str, key: str, document: dict[str, Any]) -> None:
        shown = self.documents.pop((name, key), None)
        moment = shown[0] if shown is not None else time.monotonic() + self.late
        self.documents[name, key] = (moment, document)

    def search(self, names: str, body: Any) -> list[dict[str, Any]]:
        wanted = [name.strip("*") for name in names.split(",")]
        now = time.monotonic()
        owners, terms = _conditions(body)
        return [
            {"_index": index, "_id": key, "_score": 1.0, "_version": 1, "_source": document}
            for (index, key), (moment, document) in reversed(self.documents.items())
            if moment <= now
            and any(index.startswith(name) or name in index for name in wanted)
            and all(owner in _at(document, "parent.access.owned_by.user") for owner in owners)
            and (not terms or any(text in _at(document, name) for name, text in terms))
        ]


def _conditions(tree: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """The owners that a query filters by, and the quoted terms of its query string."""
    owners: list[str] = []
    terms: list[tuple[str, str]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            for name, value in node.items():
                if name == "term" and isinstance(value, dict):
                    owner = value.get("parent.access.owned_by.user")
                    owner = owner.get("value") if isinstance(owner, dict) else owner
                    owners += [str(owner)] if owner is not None else []
                if name == "query_string" and isinstance(value, dict):
                    terms += _QUOTED.findall(str(value.get("query")))
                stack.append(value)
    return owners, [(name, re.sub(r"\\(.)", r"\1", text)) for name, text in terms]


def _at(document: Any, path: str) -> set[str]:
    """Every value behind a dotted path."""
    values = [document]
    for part in path.split("."):
        found = [value.get(part) for value in values if isinstance(value, dict)]
        values = [one for value in found for one in (value if isinstance(value, list) else [value])]
    return {str(value) for value in values if value is not None}


def _empty(asked: Any) -> dict[str, Any]:
    """An empty answer to each aggregation."""
    found: dict[str, Any] = {}
    for name, spec in (asked or {}).items():
        inner = spec.get("aggs") or spec.get("aggregations") if isinstance(spec, dict) else None
        found[name] = {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [],
            "doc_count": 0,
            **_empty(inner),
        }
    return found


class Handler(BaseHTTPRequestHandler):
    """Answers each request of the client library well."""

    protocol_version = "HTTP/1.1"
    index = Index()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        status, tree = self._answer(url.path, url.query, content)
        body = b"" if self.command == "HEAD" else json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815  (names of the base)

    def _answer(self, path: str, query: str, content: bytes) -> tuple[int, Any]:
        index = self.index
        if path == "/":
            return 200, _ABOUT
        if path == "/_late":
            index.late = float(query)
            return 200, {}
        if path.endswith(("/_search", "/_count")):
            return 200, self._found(path, json.loads(content or b"{}"))
        if path.endswith("/_bulk"):
            done = {"_index": "x", "_id": "x", "_version": 1, "result": "created", "status": 201}
            return 200, {"took": 1, "errors": False, "items": [{"index": done}]}
        if found := _DOCUMENT.fullmatch(path):
            return self._write(found[1], found[2], content)
        if path.endswith("/_refresh"):
            return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}
        name = path.strip("/")
        if self.command == "HEAD":
            return (200 if name in index.names else 404), {}
        if self.command == "PUT":
            index.names.add(name)
        acknowledged = {"acknowledged": True, "shards_acknowledged": True, "index": name}
        return 200, {**acknowledged, "status": "green"}

    def _write(self, name: str, key: str, content: bytes) -> tuple[int, Any]:
        if self.command == "DELETE":
            self.index.documents.pop((name, key), None)
        elif content:
            self.index.put(name, key, json.loads(content))
        return (200 if self.command == "DELETE" else 201), {
            "_index": name,
            "_id": key,
            "_version": 1,
            "result": "deleted" if self.command == "DELETE" else "created",
            "_shards": {"total": 1, "successful": 1, "failed": 0},
            "_seq_no": 1,
            "_primary_term": 1,
        }

    def _found(self, path: str, body: Any) -> dict[str, Any]:
        rows = self.index.search(path.split("/")[1], body) if path.startswith("/rdm") else []
        start, size = int(body.get("from") or 0), int(body.get("size", 10))
        return {
            "took": 1,
            "timed_out": False,
            "count": len(rows),
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {
                "total": {"value": len(rows), "relation": "eq"},
                "max_score": None,
                "hits": rows[start : start + size],
            },
            "aggregations": _empty(body.get("aggs") or body.get("aggregations")),
        }


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
