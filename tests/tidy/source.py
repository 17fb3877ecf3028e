"""The files of the repository as the rules see them."""

import ast
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Source:
    """One tracked file: its path from the top of the repository, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix

    def is_under(self, *places: str) -> bool:
        """Returns whether the file is one of `places` or lies in one of them (those ending in a slash)."""
        return any(self.path == place or (place.endswith("/") and self.path.startswith(place)) for place in places)


# A rule looks at one file and returns what is wrong with it, each as "line: what".
Rule = Callable[[Source], list[str]]


def tracked() -> list[Source]:
    """Returns every text file that git tracks or would track."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    sources = []
    for name in sorted(set(listed.stdout.splitlines())):
        path = PROJECT / name
        if not path.is_file():  # deleted and not yet committed
            continue
        try:
            sources.append(Source(name, path.read_text()))
        except UnicodeDecodeError:  # a picture, a font
            continue
    return sources
