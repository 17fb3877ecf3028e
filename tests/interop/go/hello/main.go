package main

import (
	"context"
	"fmt"
	"os"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

func main() {
	servers := primitive.NewPassthroughResolver([]string{os.Args[1]}) // 127.0.0.1:9876

	p, err := rocketmq.NewProducer(producer.WithNsResolver(servers), producer.WithGroupName("shop"))
	check(err)
	check(p.Start())
	result, err := p.SendSync(context.Background(), primitive.NewMessage("hello-go", []byte("hello")).WithTag("greeting"))
	check(err)
	fmt.Println("sent", result.MsgID)

	c, err := rocketmq.NewPushConsumer(
		consumer.WithNsResolver(servers),
		consumer.WithGroupName("greeters-go"),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	check(err)
	greeted := make(chan string)
	listen := func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			greeted <- string(message.Body)
		}
		return consumer.ConsumeSuccess, nil
	}
	check(c.Subscribe("hello-go", consumer.MessageSelector{Type: consumer.TAG, Expression: "greeting"}, listen))
	check(c.Start())
	fmt.Println("received", <-greeted)
	check(c.Shutdown())
	check(p.Shutdown())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
