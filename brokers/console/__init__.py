"""The console: HTML pages. A view gets its object through `catalog.access`, calls one function, renders."""
