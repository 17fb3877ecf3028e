"""What may vanish: who holds which messages until when, and who is connected. Redis only; the only room with Lua."""
