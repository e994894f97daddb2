import pytest
from tests.keeper.houses import House


@pytest.fixture
def make_house(tmp_path):
    houses = []

    def make(**options):
        houses.append(House(tmp_path, **options))
        return houses[-1]

    yield make
    for each in houses:
        each.close()


@pytest.fixture
def home(make_house):
    return make_house()
