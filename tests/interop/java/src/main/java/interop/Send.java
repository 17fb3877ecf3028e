package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** Sends in all three modes and as a batch: Send TOPIC. Prints SENT, the mode, the message id and the offset id. */
public final class Send {
    public static void main(String[] args) {
        try {
            run(args[0]);
        } catch (Exception error) {
            Client.say("FAILED", error);
            System.exit(1); // the client's threads would keep the program alive
        }
    }

    private static void run(String topic) throws Exception {
        DefaultMQProducer producer = Client.producer("interop-producer");
        for (int i = 0; i < 3; i++) {
            Message message = message(topic, "sync-" + i);
            message.putUserProperty("colour", "red");
            tell("sync", producer.send(message));
        }
        CountDownLatch sent = new CountDownLatch(3);
        for (int i = 0; i < 3; i++) {
            producer.send(message(topic, "async-" + i), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    tell("async", result);
                    sent.countDown();
                }

                @Override
                public void onException(Throwable error) {
                    Client.say("FAILED", error);
                }
            });
        }
        Client.await(sent);
        for (int i = 0; i < 3; i++) {
            producer.sendOneway(message(topic, "oneway-" + i));
        }
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            batch.add(message(topic, "batch-" + i));
        }
        tell("batch", producer.send(batch));
        // Long enough to travel compressed.
        tell("long", producer.send(message(topic, "long-" + "x".repeat(100_000))));
        producer.shutdown();
    }

    private static Message message(String topic, String text) {
        String tag = text.substring(0, text.indexOf('-'));
        return new Message(topic, tag, "key-" + tag, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void tell(String mode, SendResult result) {
        Client.say("SENT", mode, result.getSendStatus(), result.getMsgId(), result.getOffsetMsgId());
    }
}
