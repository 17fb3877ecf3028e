"""Steady, gentle traffic with failures in it, so that the first look at the console is alive (`MQ_DEMO=1`).

It is a client like any other: it knows the HTTP API and an access key, and nothing of the broker's insides.
"""
