package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var processID = os.Getpid()

// poll asks a pull consumer that shares its topic's queues with others for messages until it has COUNT, and
// acknowledges each: poll TOPIC GROUP COUNT. It prints GOT for each.
func poll(arguments []string) error {
	count, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	c, err := newPullConsumer(arguments[1], arguments[0])
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for count > 0 && time.Now().Before(deadline) {
		request, err := c.Poll(context.Background(), time.Second)
		if consumer.IsNoNewMsgError(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, message := range request.GetMsgList() {
			tell(message)
			count--
		}
		c.ACK(context.Background(), request, consumer.ConsumeSuccess)
	}
	return c.Shutdown()
}

// pull reads one queue twice from offset 0, COUNT messages at a time: pull TOPIC GROUP BROKER QUEUE COUNT. It prints
// GOT for each message, and NEXT with the offsets of each answer.
func pull(arguments []string) error {
	queue, err := strconv.Atoi(arguments[3])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(arguments[4])
	if err != nil {
		return err
	}
	c, err := newPullConsumer(arguments[1], arguments[0])
	if err != nil {
		return err
	}
	place := &primitive.MessageQueue{Topic: arguments[0], BrokerName: arguments[2], QueueId: queue}
	for i := 0; i < 2; i++ {
		found, err := c.PullFrom(context.Background(), place, 0, count)
		if err != nil {
			return err
		}
		for _, message := range found.GetMessageExts() {
			tell(message)
		}
		say("NEXT", found.Status, found.NextBeginOffset, found.MinOffset, found.MaxOffset)
	}
	return c.Shutdown()
}

func newPullConsumer(group string, topic string) (rocketmq.PullConsumer, error) {
	c, err := rocketmq.NewPullConsumer(
		consumer.WithNsResolver(nameServers()),
		consumer.WithCredentials(credentials()),
		consumer.WithGroupName(group),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	if err != nil {
		return nil, err
	}
	if err := c.Subscribe(topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}); err != nil {
		return nil, err
	}
	return c, c.Start()
}
