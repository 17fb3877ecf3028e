"""The columns of a line in which a program says what it got, in whatever language it is written."""

QUEUE, OFFSET, TAG, KEYS, COLOUR, TRIES, MESSAGE_ID, BODY = range(2, 10)


def got(lines: list[list[str]]) -> list[list[str]]:
    """Returns the lines about messages."""
    return [line for line in lines if line[0] == "GOT"]
