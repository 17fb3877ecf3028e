"""A way to PostgreSQL that breaks at the word: before it arrives, or when it was obeyed but nobody hears so."""

import contextlib
import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SOCKET_NAME = ".s.PGSQL.5432"
When = Literal["before", "after"]


@dataclass(slots=True)
class CuttingProxy:
    """Listens in `folder` and passes everything on to the socket in `server`, until `cut` was called."""

    folder: Path
    server: Path
    _word: bytes = b""
    _when: When = "before"
    cut_count: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))

    def start(self) -> None:
        self._listener.bind(os.fspath(self.folder / SOCKET_NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def cut(self, word: bytes, when: When) -> None:
        """Breaks the next connection whose client says `word`."""
        self._word, self._when = word, when

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(os.fspath(self.server / SOCKET_NAME))
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if self._word and self._word in data:
                    self._word = b""
                    self.cut_count += 1
                    self._break(client, server, data)
                    return
                server.sendall(data)
        _close(client, server)

    def _break(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        if self._when == "before":
            _close(server, client)
            return
        # The client hears nothing more; the server obeys, which is certain once it closes after our end of file.
        client.shutdown(socket.SHUT_RDWR)
        server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                with contextlib.suppress(OSError):
                    client.sendall(data)
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
