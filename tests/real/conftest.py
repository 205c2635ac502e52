"""The real server, once for all tests here; where it cannot be had they are skipped and say why."""

from collections.abc import Iterator

import pytest

from tests.real.between import Between
from tests.real.invenio import Invenio, NotAvailable, data_folder, installed
from tests.real.site import RealSite


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[Invenio, Between]]:
    """InvenioRDM, and the proxy before it; its links name the proxy."""
    try:
        with installed() as environment, Between() as proxy:
            invenio = Invenio(data_folder(), environment)
            try:
                invenio.start(proxy.url)
                proxy.behind = invenio.api.removesuffix("/api")
                yield invenio, proxy
            finally:
                invenio.end()
    except NotAvailable as reason:
        pytest.skip(f"no real InvenioRDM here: {reason}")


@pytest.fixture
def account(server: tuple[Invenio, Between]) -> Iterator[RealSite]:
    """The owner's account, without faults left from the test before."""
    invenio, proxy = server
    site = RealSite(invenio, proxy)
    for row in site.drafts():
        site.call("DELETE", f"/records/{row['id']}/draft")
    yield site
    with proxy.lock:
        proxy.faults.clear()
        proxy.requests.clear()
        proxy.largest = None
    invenio.be_late(0)
