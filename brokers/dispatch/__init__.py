"""The only way from a coroutine to the engine: many waiting callers become few engine calls."""
