"""The RocketMQ remoting door: what unmodified RocketMQ clients speak, on a name server port and a broker port."""
