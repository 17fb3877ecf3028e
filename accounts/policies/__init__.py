"""RAM policies as pure values and rules: read, judged, explained. No database, no Django."""
