"""The table of a run: each figure, and the ratios that carry over to other machines."""

from typing import Any

Figures = dict[str, dict[str, float]]

_ROWS = (
    ("copy_ceiling", "COPY into a plain table, 1000 rows a commit"),
    ("echo", "bare ASGI echo, 64 connections"),
    ("send_unary", "send, one message a request, 64 connections"),
    ("pgmq_send_unary", "pgmq.send, 64 clients"),
    ("send_batch", "send, 100 messages a request, 16 connections"),
    ("pgmq_send_batch", "pgmq.send_batch(100), 4 clients"),
    ("receive_ack", "receive(32) and acknowledge, 16 connections"),
    ("pgmq_read_delete", "pgmq.read(32) and delete, 16 clients"),
    ("end_to_end", "end to end at 1,000/s, 8 long-polling consumers"),
    ("send_unary_backlog", "send, one a request, with the backlog waiting"),
    ("remoting_unary_64", "remoting: send, one a request, 64 connections"),
    ("remoting_unary_64_signed", "remoting: the same, each signed with an access key"),
    ("remoting_unary_256", "remoting: send, one a request, 256 connections"),
    ("remoting_pipelined", "remoting: send, one a request, 4 connections with 64 under way"),
    ("remoting_batch", "remoting: send, batches of 100, 16 connections"),
    ("remoting_pull_32", "remoting: pull(32), 8 queues, progress said with each"),
    ("remoting_pull_256", "remoting: pull(256), 8 queues, progress said with each"),
    ("disk", "the disk alone: 8 KiB written and synced, 100 times a second"),
    ("remoting_end_to_end", "remoting: end to end at 1,000/s, 8 waiting pulls"),
    ("remoting_java", "remoting: Java's producer, 64 threads on one connection"),
    ("rabbitmq_quorum", "RabbitMQ: quorum queue with confirms, 64 connections"),
    ("rocketmq_sync_flush", "Apache RocketMQ, SYNC_FLUSH: the same producer"),
)
_RATIOS = (
    ("send_unary", "pgmq_send_unary", 1.3),
    ("send_unary", "echo", 0.6),
    ("send_batch", "copy_ceiling", 0.5),
    ("receive_ack", "pgmq_read_delete", 1.0),
    ("send_unary_backlog", "send_unary", 0.85),
    ("remoting_unary_64", "pgmq_send_unary", 1.7),
    ("remoting_unary_64", "rabbitmq_quorum", 1.2),
    ("remoting_java", "rocketmq_sync_flush", 1.0),
)


def table(machine: dict[str, Any], figures: Figures) -> str:  # Any: texts and numbers
    """Returns the run as Markdown."""
    lines = [
        "# Benchmark",
        "",
        f"{machine['cpus']} CPUs shared by clients, server and database; Python {machine['python']};"
        f" {machine['system']}.",
        "Messages of 1 KiB, every send answered after its commit with fsync on. Compare ratios, not figures.",
        "",
        "| measurement | messages/s | p50 ms | p99 ms |",
        "|---|---:|---:|---:|",
    ]
    for name, label in _ROWS:
        if name in figures:
            found = figures[name]
            times = [f"{found[unit]:.1f}" if unit in found else "" for unit in ("p50_ms", "p99_ms")]
            if "mean_ms" in found:
                times[0] = f"{found['mean_ms']:.1f} (mean)"
            lines.append(f"| {label} | {found['per_second']:,.0f} | {times[0]} | {times[1]} |")
    lines += ["", "| ratio | found | expected |", "|---|---:|---:|"]
    for ours, theirs, expected in _RATIOS:
        if ours in figures and theirs in figures:
            ratio = figures[ours]["per_second"] / figures[theirs]["per_second"]
            lines.append(f"| {ours} / {theirs} | {ratio:.2f} | ≥ {expected} |")
    return "\n".join(lines) + "\n"
