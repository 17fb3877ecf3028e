"""WebSockets: what browsers are told while they look at a page."""
