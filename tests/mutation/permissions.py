"""Removes every permission check of the source in turn and looks whether the matrix notices.

    python -m tests.mutation.permissions [--door=api|page|remoting|room|part|self|hints …] [--from=NUMBER] [text …]

A text chooses the checks whose path, line or words hold it: `accounts/grants.py:140`. A door may be the beginning of an
operation's name: `--door="api deletePolicy"`.
The matrix is first asked once with every check counted, which tells the operations that pass each of them, and leaves
out those that differ already. Then, for each check, the code without it takes its place in the running functions and
only those operations are asked again, until one cell differs; the world is put right after each.
Ends with the share that was noticed, and 1 when it is below `LEAST_PERCENT`.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

os.environ.setdefault("PYTHONWARNINGS", "ignore")

from tests import conftest
from tests import stack as servers
from tests.mutation import sites
from tests.mutation.sites import Site

LEAST_PERCENT = 95
# Who is asked again: those whose answers a missing check changes.
ASKERS = frozenset({"no policy", "exact", "wildcard", "denied", "lacking", "foreign root", "foreign wildcard"})
OPERATIONS_A_SITE = 30

Ask = Callable[[], None]


def main(parts: list[str]) -> int:
    asked = tuple(part.removeprefix("--door=") for part in parts if part.startswith("--door="))
    paths = [part for part in parts if not part.startswith("--")]
    first = max([1, *(int(part.removeprefix("--from=")) for part in parts if part.startswith("--from="))])
    chosen = [site for site in sites.find() if not paths or any(path in str(site) for path in paths)][first - 1 :]
    began = time.monotonic()
    for site in chosen:  # what nobody has imported yet could not be changed
        importlib.import_module(".".join(site.path.relative_to(sites.PROJECT).with_suffix("").parts))
    with _matrix() as every:
        operations = {name: ask for name, ask in every.items() if not asked or name.startswith(asked)}
        passed = _count(chosen, operations)
        missed = []
        for number, site in enumerate(chosen, first):
            names = [name for name, reached in passed.items() if site.number in reached]
            noticed = _notices(site, [(name, operations[name]) for name in names])
            print(
                f"{number}/{first + len(chosen) - 1} {'noticed by ' + noticed if noticed else 'MISSED'}: {site}",
                flush=True,
            )
            if not noticed:
                missed.append(site)
    share = 100 * (len(chosen) - len(missed)) / max(1, len(chosen))
    print(f"{len(chosen) - len(missed)} of {len(chosen)} removed checks noticed: {share:.1f} %", end=" ")
    print(f"({time.monotonic() - began:.0f} s)")
    for site in missed:
        print(f"missed: {site}")
    return 0 if share >= LEAST_PERCENT else 1


def _count(chosen: list[Site], operations: dict[str, Ask]) -> dict[str, set[int]]:
    from tests.integration.matrix import cells

    found = {}
    cells.ASKERS = ASKERS
    with sites.Changed(chosen, counted=True):
        for name, ask in operations.items():
            sites.take_reached()
            try:
                ask()
            except (Exception, pytest.fail.Exception) as error:
                print(f"left out, for it is not green before anything is removed: {name}: {error}", flush=True)
                cells.LAST_WORLD[0].restore()
                continue
            found[name] = sites.take_reached()
    cells.STOPS = True
    return found


def _notices(site: Site, operations: list[tuple[str, Ask]]) -> str:
    """Returns the name of the first operation that differs without the check, empty when none does."""
    return next((name for name, ask in _likely(site, operations) if _differs(site, name, ask)), "")


def _differs(site: Site, name: str, ask: Ask) -> bool:
    from tests.integration.matrix import cells, world

    world.forget()  # what was asked before must not answer in place of the changed code
    with sites.Changed([site]):
        try:
            ask()
        except (Exception, pytest.fail.Exception) as error:  # an answer that cannot even be read is a difference
            if not isinstance(error, AssertionError | pytest.fail.Exception):
                print(f"  {name}: {type(error).__name__}: {error}")
            return True
        finally:
            cells.LAST_WORLD[0].restore()
    return False


def _likely(site: Site, operations: list[tuple[str, Ask]]) -> list[tuple[str, Ask]]:
    """Those operations first whose name shares a word with the function of the check."""
    words = site.function.lower().replace(".", "_").split("_")
    ranked = sorted(operations, key=lambda one: -sum(word in one[0].lower() for word in words if len(word) > 3))
    return ranked[:OPERATIONS_A_SITE]


@contextmanager
def _matrix() -> Iterator[dict[str, Ask]]:
    """Starts the stores, the world and the doors; gives every operation as something to call."""
    import django.test.utils
    from django.test import override_settings

    from tests.integration.matrix import (
        cells,
        doors,
        rows,
        test_hints,
        test_http,
        test_left_out,
        test_remoting,
        test_rooms,
        test_selves,
        world,
    )
    from tests.integration.matrix import conftest as fixtures

    static = conftest.SESSION_DIR / "static"
    static.mkdir()
    settings = {**fixtures.SETTINGS, **doors.free_ports(), "STATIC_ROOT": static}
    with ExitStack() as stack:
        stack.callback(conftest.pytest_unconfigure)
        stack.enter_context(servers.stores(conftest.SESSION_DIR))
        django.test.utils.setup_test_environment()
        stack.enter_context(servers.test_database())
        stack.enter_context(override_settings(**settings))
        made = world.build()
        cells.LAST_WORLD[:] = [made]
        opened = stack.enter_context(doors.opened())
        found: dict[str, Ask] = {f"api {name}": partial(test_http.test_api, made, opened, name) for name in rows.API}
        for name, method in rows.PAGES:
            found[f"page {name} {method}"] = partial(test_http.test_page, made, opened, name, method)
        for name in test_remoting.ROWS:
            found[f"remoting {name}"] = partial(test_remoting.test_request, made, opened, name)
        for name in test_rooms.ROOMS:
            found[f"room {name}"] = partial(test_rooms.test_room, made, name)
        found["room replying.reply"] = partial(test_rooms.test_a_reply_needs_the_right_to_consume, made, opened)
        choosing = test_rooms.test_only_a_producer_that_may_send_is_asked_about_a_message
        found["room producers.choose"] = partial(choosing, made, opened)
        for name in test_left_out.PARTS:
            found[f"part {name}"] = partial(test_left_out.test_part, made, name)
        found["part server.traffic#own"] = partial(test_left_out.test_traffic_is_that_of_the_account, made)
        found["part quotas.counts"] = partial(test_left_out.test_what_is_counted_for_limits_is_the_accounts, made)
        polling = test_left_out.test_a_poll_for_checks_leaves_out_what_is_denied
        found["part transactions.wait_for_checks"] = partial(polling, made, opened)
        counted = test_left_out.test_how_many_transactions_wait_is_shown_to_who_may_see_messages
        found["part topics.queues"] = partial(counted, made, opened)
        for name in test_selves.OWN_PAGES:
            found[f"self page {name}"] = partial(test_selves.test_page_of_oneself, made, opened, name)
        for name in test_selves.OWN_OPERATIONS:
            found[f"self api {name}"] = partial(test_selves.test_operation_of_oneself, made, opened, name)
        for name in test_selves.PROVED:
            found[f"self proof {name}"] = partial(test_selves.test_root_proves_first_who_it_is, made, opened, name)
        found["hints"] = partial(test_hints.test_watch, made, opened)
        yield found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
