package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends messages for later and consumes them: Later TOPIC GROUP KIND…, where KIND is level, or the name of a property and
 * its value. Prints SENT with the recall handle, and DUE with how long after its earliest moment each was stored.
 */
public final class Later {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = Client.producer("later-producer");
        int count = (args.length - 2) / 2;
        CountDownLatch left = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            String kind = args[2 + 2 * i];
            long value = Long.parseLong(args[3 + 2 * i]);
            Message message = new Message(args[0], "later", kind, kind.getBytes(StandardCharsets.UTF_8));
            long earliest = System.currentTimeMillis();
            if (kind.equals("level")) {
                message.setDelayTimeLevel((int) value);
                earliest += value == 1 ? 1000 : 5000;
            } else if (kind.endsWith("_SEC")) {
                put(message, kind, String.valueOf(value));
                earliest += value * 1000;
            } else if (kind.endsWith("DELAY_MS")) {
                put(message, kind, String.valueOf(value));
                earliest += value;
            } else {
                earliest += value;
                put(message, kind, String.valueOf(earliest));
            }
            message.putUserProperty("earliest", String.valueOf(earliest));
            SendResult result = producer.send(message);
            Client.say("SENT", kind, result.getMsgId(), handle(result));
        }
        DefaultMQPushConsumer consumer = Client.consumer(args[1]);
        consumer.subscribe(args[0], "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> {
                long late = m.getStoreTimestamp() - Long.parseLong(m.getUserProperty("earliest"));
                Client.say("DUE", new String(m.getBody(), StandardCharsets.UTF_8), late);
                left.countDown();
            });
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Client.await(left);
        consumer.shutdown();
        producer.shutdown();
    }

    /** Sets what the client offers setters for from 5.0 on; the wire carries it as a property. */
    private static void put(Message message, String name, String value) throws Exception {
        java.lang.reflect.Method put = Message.class.getDeclaredMethod("putProperty", String.class, String.class);
        put.setAccessible(true);
        put.invoke(message, name, value);
    }

    private static Object handle(SendResult result) {
        try {
            return SendResult.class.getMethod("getRecallHandle").invoke(result);
        } catch (ReflectiveOperationException error) {
            return "none"; // this client has no recall yet
        }
    }
}
