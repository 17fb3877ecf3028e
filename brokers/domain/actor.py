"""Who is asking: the value every room below the doors gets instead of a request or a user.

Owns: the identity's facts. Must not know: how it was proven. Called by: doors, console, api make it; catalog reads it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A proven identity. The tenant is `account_id`, taken from the credential and never from a field."""

    account_id: int
    user_id: int | None  # None: the system itself (a job, a timer); negative: a session in a role
    name: str  # "root@main", for audit and for people
    is_root: bool
    source_ip: str = ""
    access_key_id: str = ""  # empty when signed in by session
    is_secure: bool = False  # the request came over TLS
    has_second_factor: bool = False  # shown in this session; never with an access key
    is_fresh: bool = True  # False: a session in which nobody proved who they are in the last minutes

    @property
    def signature(self) -> str:
        """Returns how audit rows name the actor: the login, and the key it used."""
        return f"{self.name} ({self.access_key_id})" if self.access_key_id else self.name
