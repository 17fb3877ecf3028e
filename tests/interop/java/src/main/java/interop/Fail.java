package interop;

import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;

/** Fails every delivery of a message until it is dead: Fail TOPIC GROUP TIMES. Prints TRY for each. */
public final class Fail {
    public static void main(String[] args) throws Exception {
        int times = Integer.parseInt(args[2]);
        CountDownLatch left = new CountDownLatch(times);
        DefaultMQPushConsumer consumer = Client.consumer(args[1]);
        consumer.setMaxReconsumeTimes(times - 1);
        consumer.subscribe(args[0], "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> Client.say("TRY", m.getTopic(), m.getReconsumeTimes(), m.getMsgId()));
            context.setDelayLevelWhenNextConsume(1);
            left.countDown();
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        Client.await(left);
        consumer.shutdown();
    }
}
