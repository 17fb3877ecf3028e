"""RocketMQ's SQL92 dialect for filters: text to tokens, tokens to a condition, a condition about one message."""
