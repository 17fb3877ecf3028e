"""One command that runs the whole product on one machine.

Owns: the embedded PostgreSQL and Redis servers, and the supervisor over them and the product's own processes.
Must not know: anything of brokers or accounts beyond the commands that start them.
Called by: `make run` (`python -m mqconsole.local`), the test fixtures and the benchmarks.
"""
