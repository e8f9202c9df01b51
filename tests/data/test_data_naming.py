"""Absent columns are named together, up to a number that one can read."""

from burnish.data import naming


def test_a_few_are_named_and_the_rest_is_counted():
    names = [f"sensor {place}" for place in range(naming.NAMED + 3)]

    told = naming.absent(names, ["Sensor 0", "weight"])

    assert told.startswith("'sensor 0' (nearest: 'Sensor 0'); 'sensor 1' (nearest: 'Sensor 0'); ")
    assert told.endswith("; and 3 more")
    assert told.count("'sensor ") == naming.NAMED
    assert naming.absent(["length"], ["weight"]) == "'length'"
