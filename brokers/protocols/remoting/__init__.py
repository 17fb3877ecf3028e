"""The RocketMQ remoting protocol as bytes and values, without sockets."""
