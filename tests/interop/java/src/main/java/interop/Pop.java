package interop;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;

/**
 * Consumes and leaves the sharing of queues to the server: Pop TOPICS GROUP COUNT FAILURES, topics separated by commas.
 * The first FAILURES deliveries of each message fail. Prints GOT for each delivery, and ends after COUNT of them, when its
 * standard input does.
 * What only clients from 5.0 on have is called by its name.
 */
public final class Pop {
    public static void main(String[] args) throws Exception {
        int failures = Integer.parseInt(args[3]);
        CountDownLatch left = new CountDownLatch(Integer.parseInt(args[2]));
        DefaultMQPushConsumer consumer = Client.consumer(args[1]);
        DefaultMQPushConsumer.class.getMethod("setClientRebalance", boolean.class).invoke(consumer, false);
        Object inner = consumer.getDefaultMQPushConsumerImpl();
        // Waits after a failed delivery; the first of the client's own is ten seconds.
        java.lang.reflect.Field waits = inner.getClass().getDeclaredField("popDelayLevel");
        waits.setAccessible(true);
        Arrays.fill((int[]) waits.get(inner), 1);
        for (String topic : args[0].split(",")) {
            consumer.subscribe(topic, "*");
        }
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> Client.say("GOT", m.getTopic(), m.getQueueId(), m.getReconsumeTimes(), m.getMsgId(),
                new String(m.getBody(), StandardCharsets.UTF_8)));
            boolean fails = messages.get(0).getReconsumeTimes() < failures;
            messages.forEach(m -> left.countDown());
            return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Client.say("STARTED");
        Client.await(left);
        while (System.in.read() >= 0) {
            continue; // acknowledgements go out after the listener returned, and nothing here says when
        }
        consumer.shutdown();
        System.exit(0);
    }
}
