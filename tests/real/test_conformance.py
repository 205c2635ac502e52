import pytest

from tests.real.site import RealSite
from tests.targets.conformance import Site
from tests.targets.test_zenodo import ZenodoConformance

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]


class TestRealRecords(ZenodoConformance):
    """The suite of all targets, by the real server."""

    @pytest.fixture
    def site(self, account: RealSite) -> Site:
        return account
