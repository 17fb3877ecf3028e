"""The hot HTTP routes as bare ASGI: send, batch, receive, ack, nack, extend. Management is Django's."""
