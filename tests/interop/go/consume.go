package main

import (
	"context"
	"io"
	"os"
	"strconv"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// consume consumes COUNT messages: consume TOPIC GROUP TAGS clustering|broadcasting|orderly COUNT. It prints GOT for
// each, and stays until its standard input ends.
func consume(arguments []string) error {
	topic, group, tags, way := arguments[0], arguments[1], arguments[2], arguments[3]
	count, err := strconv.Atoi(arguments[4])
	if err != nil {
		return err
	}
	model := consumer.Clustering
	if way == "broadcasting" {
		model = consumer.BroadCasting
	}
	c, err := newPushConsumer(group, consumer.WithConsumerModel(model), consumer.WithConsumerOrder(way == "orderly"))
	if err != nil {
		return err
	}
	left := newCountdown(count)
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: tags}
	listen := func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			tell(message)
			left.step()
		}
		return consumer.ConsumeSuccess, nil
	}
	return run(c, topic, selector, listen, left)
}

// fail fails every delivery of a message until it is dead: fail TOPIC GROUP TIMES. It prints TRY for each, and
// stays until its standard input ends.
func fail(arguments []string) error {
	times, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	c, err := newPushConsumer(arguments[1], consumer.WithMaxReconsumeTimes(int32(times-1)))
	if err != nil {
		return err
	}
	left := newCountdown(times)
	listen := func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			say("TRY", message.Topic, message.ReconsumeTimes, message.MsgId)
			left.step()
		}
		if concurrently, found := primitive.GetConcurrentlyCtx(ctx); found {
			concurrently.DelayLevelWhenNextConsume = 1
		}
		return consumer.ConsumeRetryLater, nil
	}
	return run(c, arguments[0], consumer.MessageSelector{}, listen, left)
}

func newPushConsumer(group string, options ...consumer.Option) (rocketmq.PushConsumer, error) {
	return rocketmq.NewPushConsumer(append(options,
		consumer.WithNsResolver(nameServers()),
		consumer.WithCredentials(credentials()),
		consumer.WithGroupName(group),
		consumer.WithInstance(strconv.Itoa(processID)),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)...)
}

type listener = func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)

func run(
	c rocketmq.PushConsumer, topic string, selector consumer.MessageSelector, listen listener, left *countdown,
) error {
	if err := c.Subscribe(topic, selector, listen); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	say("STARTED")
	if err := left.wait(); err != nil {
		return err
	}
	// The client has no word for "counted as done", and forgets what is under way when it stops.
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return c.Shutdown()
}
