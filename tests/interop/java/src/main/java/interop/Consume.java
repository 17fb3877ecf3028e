package interop;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Consumes COUNT messages: Consume TOPIC GROUP TAGS|sql:SQL clustering|broadcasting|orderly COUNT.
 * Prints GOT for each.
 */
public final class Consume {
    public static void main(String[] args) throws Exception {
        String topic = args[0];
        DefaultMQPushConsumer consumer = Client.consumer(args[1]);
        if (args[2].startsWith("sql:")) {
            consumer.subscribe(topic, MessageSelector.bySql(args[2].substring(4)));
        } else {
            consumer.subscribe(topic, args[2]);
        }
        CountDownLatch left = new CountDownLatch(Integer.parseInt(args[4]));
        if (args[3].equals("broadcasting")) {
            Broadcast.choose(consumer);
        }
        if (args[3].equals("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                tell(messages, left);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                tell(messages, left);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        try {
            consumer.start();
        } catch (MQClientException error) {
            Client.say("FAILED", error.getMessage());
            System.exit(1);
        }
        Client.say("STARTED");
        Client.await(left);
        consumer.shutdown();
        System.exit(0); // an orderly consumer of 5.3 leaves a thread behind that keeps the program alive
    }

    private static void tell(List<MessageExt> messages, CountDownLatch left) {
        for (MessageExt message : messages) {
            String body = new String(message.getBody(), StandardCharsets.UTF_8);
            Client.say("GOT", message.getTopic(), message.getQueueId(), message.getQueueOffset(), message.getTags(),
                message.getKeys(), message.getProperty("colour"), message.getReconsumeTimes(), message.getMsgId(), body);
            left.countDown();
        }
    }
}
