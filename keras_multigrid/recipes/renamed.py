"""Fields of recipes that have another name now: files of before are read as they were meant."""

RENAMED = {"depth": "repeats"}  # from the earlier name to the present one


def with_present_names(fields):
    """Returns the fields of a file, as a dictionary, by their present names."""
    return {RENAMED.get(name, name): value for name, value in fields.items()}


def earlier_name(name):
    """Returns the name that a field had at first."""
    return next((before for before, now in RENAMED.items() if now == name), name)
