"""Programs of other languages that tests run: started, listened to while they run, and ended with all they hold."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

RUN_SECONDS = 240
END_SECONDS = 60
# Of what a program complained about, of the lines it said, and of each of them, a failed test shows no more.
SHOWN_COMPLAINT = 20_000
SHOWN_LINES = 60
SHOWN_LINE = 200

Lines = list[list[str]]


class Program:
    """A program that runs. What it says is read at once, so it never waits for its reader; its lines hold tabs."""

    def __init__(
        self, command: Sequence[str], *, errors: Path, cwd: Path | None, environment: Mapping[str, str]
    ) -> None:
        self._command, self._errors = command, errors
        self._said: Lines = []
        self._taken = 0
        self._has_ended = False
        self._news = threading.Condition()
        with errors.open("wb") as complaints:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                errors="replace",
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def has_ended(self) -> bool:
        return self._has_ended

    def next(self, word: str) -> list[str]:
        """Waits for the next line that begins with `word`, and returns the rest of it."""
        deadline = time.monotonic() + RUN_SECONDS
        with self._news:
            while True:
                for line in self._rest():
                    if line[0] == word:
                        return line[1:]
                left = deadline - time.monotonic()
                assert not self._has_ended, f"the program ended without saying {word}; it said: {self.told()}"
                assert left > 0, f"no {word} in {RUN_SECONDS} s; the program said: {self.told()}"
                self._news.wait(left)

    def wait_for(self, word: str) -> None:
        """Waits until the program says `word`."""
        self.next(word)

    def said(self, word: str) -> Lines:
        """Returns the rest of every line up to now that began with `word`, also of those that were waited for."""
        return [line[1:] for line in self._said[:] if line[0] == word]

    def tell(self, line: str) -> None:
        """Gives the program a line to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def lines(self) -> Lines:
        """Ends the program's input, and returns what it said from here to its end; it must not have failed."""
        assert self._end() == 0, self.told()
        return list(self._rest())

    def failure(self) -> Lines:
        """As `lines`, of a program that must fail."""
        assert self._end() == 1, self.told()
        return list(self._rest())

    def kill(self) -> Lines:
        """Ends the program as a crash would, and returns what it said since it was asked last."""
        self._process.kill()
        self._end()
        return list(self._rest())

    def told(self) -> str:
        """Returns what it said and complained about last."""
        complaints = self._errors.read_text(errors="replace")[-SHOWN_COMPLAINT:]
        said = ["\t".join(line)[:SHOWN_LINE] for line in self._said[-SHOWN_LINES:]]
        return "\n".join([" ".join(self._command), "said:", *said, "complained:", complaints])

    def close(self) -> None:
        """Ends the program if it still runs, and lets go of everything."""
        self._process.kill()
        self._process.wait(END_SECONDS)
        self._close_input()
        self._reader.join(END_SECONDS)
        # What the program itself started may still hold the other end, and the reader this one.
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()

    def _end(self) -> int:
        self._close_input()
        code = self._process.wait(RUN_SECONDS)
        self._reader.join(END_SECONDS)
        assert not self._reader.is_alive(), f"the program ended, and its output did not: {self.told()}"
        return code

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # it ended before it had read all
            return

    def _rest(self) -> Iterator[list[str]]:
        while self._taken < len(self._said):
            self._taken += 1
            yield self._said[self._taken - 1]

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                with self._news:
                    self._said.append(line.rstrip("\n").split("\t"))
                    self._news.notify_all()
        finally:
            with self._news:
                self._has_ended = True
                self._news.notify_all()


class Programs:
    """The programs of one test, each with a home of its own in `place`: clients keep offsets and logs there."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._started: list[Program] = []

    def home(self) -> Path:
        """Makes a home for the next program."""
        home = self._place / f"home-{len(self._started)}"
        home.mkdir(exist_ok=True)
        return home

    def start(self, command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> Program:
        """Starts a program."""
        home = self.home()
        program = Program(command, errors=home / "stderr", cwd=cwd, environment={"HOME": str(home), **environment})
        self._started.append(program)
        return program

    @classmethod
    @contextmanager
    def in_folder(cls, place: Path) -> Iterator["Programs"]:
        """Ends what still runs after the block, and prints what all said: pytest shows it when the test failed."""
        programs = cls(place)
        try:
            yield programs
        finally:
            for program in programs._started:
                program.close()
                print(program.told())
