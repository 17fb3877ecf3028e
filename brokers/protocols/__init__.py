"""Wire formats: bytes to typed values and back. Imports no Django, no driver, no event loop."""
