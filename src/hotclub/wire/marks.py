"""How what belongs to a house is known from outside."""

GROUP = "hotclub-"  #: how the names of our control groups begin


def group(place: str, house: str) -> str:
    """The control group of a house, as a folder in `place`: what is in it is ours, whatever its environment says."""
    return f"{place}/{GROUP}{house}"
