"""Where clients come in. Doors own sockets, timers and sessions, and decide nothing about messages."""
