// Programs written against the public API of RocketMQ's Go client: `interop PROGRAM ARGUMENT…`.
//
// Each prints lines of words with tabs between them. The name server's address is in NAMESRV, an access key, if there
// is one, in ACCESS_KEY and SECRET_KEY.
package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var programs = map[string]func(arguments []string) error{
	"send":    send,
	"consume": consume,
	"fail":    fail,
	"poll":    poll,
	"pull":    pull,
}

const patience = 200 * time.Second

var saying sync.Mutex

func main() {
	rlog.SetLogLevel("warn") // to standard error
	program, found := programs[os.Args[1]]
	if !found {
		say("FAILED", "no such program")
		os.Exit(2)
	}
	if err := program(os.Args[2:]); err != nil {
		say("FAILED", err)
		os.Exit(1)
	}
}

func nameServers() primitive.NsResolver {
	return primitive.NewPassthroughResolver([]string{os.Getenv("NAMESRV")})
}

func credentials() primitive.Credentials {
	return primitive.Credentials{AccessKey: os.Getenv("ACCESS_KEY"), SecretKey: os.Getenv("SECRET_KEY")}
}

func say(words ...interface{}) {
	saying.Lock()
	defer saying.Unlock()
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = fmt.Sprint(word)
	}
	fmt.Println(strings.Join(texts, "\t"))
}

// tell prints what a consumer got, in the columns the Java programs use.
func tell(message *primitive.MessageExt) {
	colour := message.GetProperty("colour")
	say("GOT", message.Topic, message.Queue.QueueId, message.QueueOffset, message.GetTags(), message.GetKeys(), colour,
		message.ReconsumeTimes, message.MsgId, string(message.Body))
}

// countdown closes `done` when as many steps were taken as it was made for.
type countdown struct {
	mutex sync.Mutex
	left  int
	done  chan struct{}
}

func newCountdown(count int) *countdown {
	return &countdown{left: count, done: make(chan struct{})}
}

func (c *countdown) step() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.left--
	if c.left == 0 {
		close(c.done)
	}
}

func (c *countdown) wait() error {
	select {
	case <-c.done:
		return nil
	case <-time.After(patience):
		c.mutex.Lock()
		defer c.mutex.Unlock()
		return fmt.Errorf("%d are missing", c.left)
	}
}
