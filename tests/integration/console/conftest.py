import pytest

from tests.integration.console.shop import Shop, open_shop
from tests.integration.three_people import People


@pytest.fixture
def shop(people: People) -> Shop:
    return open_shop(people)
