package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// send sends in all three modes, as a batch, compressed, and in order by a sharding key: send TOPIC. It prints SENT,
// the mode, the status, the message id, the offset id and the queue.
func send(arguments []string) error {
	p, err := rocketmq.NewProducer(
		producer.WithNsResolver(nameServers()),
		producer.WithCredentials(credentials()),
		producer.WithGroupName("interop-go-producer"),
		producer.WithSendMsgTimeout(60*time.Second),
		producer.WithQueueSelector(producer.NewHashQueueSelector()),
	)
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	topic, ctx := arguments[0], context.Background()
	for i := 0; i < 3; i++ {
		message := newMessage(topic, fmt.Sprintf("sync-%d", i))
		message.WithProperty("colour", "red")
		if err := sendOne(ctx, p, "sync", message); err != nil {
			return err
		}
	}
	if err := sendAsync(ctx, p, topic); err != nil {
		return err
	}
	for i := 0; i < 3; i++ {
		if err := p.SendOneWay(ctx, newMessage(topic, fmt.Sprintf("oneway-%d", i))); err != nil {
			return err
		}
	}
	batch := make([]*primitive.Message, 10)
	for i := range batch {
		batch[i] = newMessage(topic, fmt.Sprintf("batch-%d", i))
	}
	if err := sendOne(ctx, p, "batch", batch...); err != nil {
		return err
	}
	// Long enough to travel compressed.
	if err := sendOne(ctx, p, "long", newMessage(topic, "long-"+strings.Repeat("x", 100_000))); err != nil {
		return err
	}
	for i := 0; i < 5; i++ {
		message := newMessage(topic, fmt.Sprintf("keyed-%d", i)).WithShardingKey("one")
		if err := sendOne(ctx, p, "keyed", message); err != nil {
			return err
		}
	}
	return p.Shutdown()
}

func sendOne(ctx context.Context, p rocketmq.Producer, mode string, messages ...*primitive.Message) error {
	result, err := p.SendSync(ctx, messages...)
	if err != nil {
		return err
	}
	tellSent(mode, result)
	return nil
}

func sendAsync(ctx context.Context, p rocketmq.Producer, topic string) error {
	sent := newCountdown(3)
	for i := 0; i < 3; i++ {
		answered := func(_ context.Context, result *primitive.SendResult, err error) {
			if err != nil {
				say("FAILED", err)
				return
			}
			tellSent("async", result)
			sent.step()
		}
		if err := p.SendAsync(ctx, answered, newMessage(topic, fmt.Sprintf("async-%d", i))); err != nil {
			return err
		}
	}
	return sent.wait()
}

func newMessage(topic string, text string) *primitive.Message {
	tag := text[:strings.Index(text, "-")]
	return primitive.NewMessage(topic, []byte(text)).WithTag(tag).WithKeys([]string{"key-" + tag})
}

func tellSent(mode string, result *primitive.SendResult) {
	status := "SEND_OK"
	if result.Status != primitive.SendOK {
		status = fmt.Sprint(result.Status)
	}
	say("SENT", mode, status, result.MsgID, result.OffsetMsgID, result.MessageQueue.QueueId)
}
