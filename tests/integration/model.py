"""A queue and a group as simple as can be: what `test_store_machine` compares the engine with."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Model:
    """One topic with one queue and one group. A message is its id; a delivery is named by (id, attempt)."""

    max_attempts: int
    is_ordered: bool
    log: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # scheduled, not in the log yet
    dedup: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)  # acknowledged or dead
    acknowledged: set[str] = field(default_factory=set)
    dead: dict[str, int] = field(default_factory=dict)  # how often each died; more than once after a reset only
    out: set[str] = field(default_factory=set)  # with a consumer
    may_repeat: set[str] = field(default_factory=set)  # Redis forgot that these are out
    epoch: int = 0

    def publish(self, message_id: str, dedup_id: str | None = None) -> str:
        """Returns the id of the message that counts."""
        if dedup_id is not None and dedup_id in self.dedup:
            return self.dedup[dedup_id]
        if dedup_id is not None:
            self.dedup[dedup_id] = message_id
        self.log.append(message_id)
        return message_id

    def schedule(self, message_id: str) -> None:
        self.waiting.append(message_id)

    def move_due(self) -> None:
        self.log += self.waiting
        self.waiting.clear()

    def free(self) -> list[str]:
        """Returns what a receive may give now, in no certain order for a concurrent group."""
        open_ids = [i for i in self.log if i not in self.settled]
        if self.is_ordered:
            open_ids = open_ids[:1]
        return [i for i in open_ids if i not in self.out or i in self.may_repeat]

    def receive(self, message_id: str, attempt: int) -> None:
        assert message_id in self.free(), f"{message_id} is not free"
        assert attempt == self.failures.get(message_id, 0) + 1, (message_id, attempt)
        self.out.add(message_id)
        self.may_repeat.discard(message_id)

    def acknowledge(self, message_id: str, attempt: int) -> bool:
        """Returns True if this delivery counts: now, or because it was acknowledged before."""
        if attempt != self.failures.get(message_id, 0) + 1 or message_id in self.settled - self.acknowledged:
            return False
        self._settle(message_id)
        self.acknowledged.add(message_id)
        return True

    def fail(self, message_id: str, attempt: int) -> bool:
        """Returns True if this delivery is still under way; its message comes again or dies."""
        if message_id in self.settled or attempt != self.failures.get(message_id, 0) + 1:
            return False
        self.failures[message_id] = attempt
        self.out.discard(message_id)
        self.may_repeat.discard(message_id)
        if attempt >= self.max_attempts:
            self._settle(message_id)
            self.dead[message_id] = self.dead.get(message_id, 0) + 1
        return True

    def flush(self) -> None:
        self.may_repeat |= self.out

    def reset(self) -> None:
        """Everything is to be read again; what was out cannot be settled by its old receipts."""
        self.epoch += 1
        for known in (self.settled, self.acknowledged, self.failures, self.out, self.may_repeat):
            known.clear()

    def _settle(self, message_id: str) -> None:
        self.settled.add(message_id)
        self.out.discard(message_id)
        self.may_repeat.discard(message_id)
