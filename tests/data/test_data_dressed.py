"""Numbers with signs and commas are told from names."""

import pytest

from burnish.data.dressed import dressed


@pytest.mark.parametrize("text", ["$1,912.70", "30%", "1,73", "1.622,73 €", "-£5", "(12.5)", "1 000 000", "1'000.5"])
def test_what_people_write_for_people_is_a_number(text):
    assert dressed([text])


@pytest.mark.parametrize("text", ["", "1.2.3", "12-34", "A12", "2025-09-30", "1,2,3", "$", "10:30"])
def test_codes_dates_and_names_are_none(text):
    assert not dressed([text])


def test_one_name_among_them_is_enough():
    assert not dressed(["1", "$2", "blue"])
    assert not dressed([])
