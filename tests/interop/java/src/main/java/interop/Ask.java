package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.common.message.Message;

/** Asks COUNT times: Ask TOPIC sync|async COUNT TIMEOUT. Each request has a client of its own. Prints REPLY or FAILED. */
public final class Ask {
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[2]);
        long timeout = Long.parseLong(args[3]);
        CountDownLatch left = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            int number = i;
            new Thread(() -> {
                try {
                    DefaultMQProducer producer = Client.producer("interop-asker-" + number);
                    ask(producer, args[0], "question-" + number, args[1].equals("async"), timeout, left);
                } catch (Exception error) {
                    Client.say("FAILED", error);
                    left.countDown();
                }
            }).start();
        }
        Client.await(left);
        System.exit(0); // the clients' threads would keep the program alive
    }

    private static void ask(DefaultMQProducer producer, String topic, String text, boolean isAsync, long timeout,
        CountDownLatch left) throws Exception {
        Message request = new Message(topic, "ask", text.getBytes(StandardCharsets.UTF_8));
        if (!isAsync) {
            try {
                tell(text, producer.request(request, timeout));
            } catch (Exception error) {
                Client.say("FAILED", text, error.getClass().getSimpleName(), error.getCause());
            }
            left.countDown();
            return;
        }
        AtomicBoolean isFirst = new AtomicBoolean(true);
        producer.request(request, new RequestCallback() {
            @Override
            public void onSuccess(Message reply) {
                // Clients of 5.x also call this when the request was sent, with the reply or without one.
                if (reply != null && isFirst.getAndSet(false)) {
                    tell(text, reply);
                    left.countDown();
                }
            }

            @Override
            public void onException(Throwable error) {
                Client.say("FAILED", text, error.getClass().getSimpleName(), error);
                left.countDown();
            }
        }, timeout);
    }

    private static void tell(String text, Message reply) {
        Client.say("REPLY", text, new String(reply.getBody(), StandardCharsets.UTF_8), reply.getTopic(),
            reply.getProperty("colour"), reply.getProperty("PUSH_REPLY_TIME") != null);
    }
}
