"""What a restored database needs before it goes on.

Owns: the statements of `sql/restore.sql`, which make the rows of `offset_gap`. Must not know: why somebody restored.
Called by: engine.restoration.
"""

from . import queries, session

_SQL = queries.load("restore")


def go_on(*, offset_count: int, epoch_count: int, id_count: int) -> tuple[int, int]:
    """Moves every queue, cursor and id ahead; returns how many queues and cursors there are.

    Effects: needs a transaction; locks all cursors, then all queues, each in order.
    """
    with session.cursor() as cur:
        cur.execute(_SQL["lock_cursors"])
        cur.execute(_SQL["open_gaps"], {"offset_count": offset_count})
        queue_count = cur.rowcount
        cur.execute(_SQL["pass_gaps"], {"epoch_count": epoch_count})
        cursor_count = cur.rowcount
        cur.execute(_SQL["skip_ids"], {"id_count": id_count, "offset_count": offset_count})
    return queue_count, cursor_count
