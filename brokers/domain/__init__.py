"""Plain values and rules of messaging. Imports no Django, no driver, no event loop."""
