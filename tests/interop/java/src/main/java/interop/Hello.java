package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

public final class Hello {
    public static void main(String[] args) throws Exception {
        String namesrv = args.length > 0 ? args[0] : "127.0.0.1:9876";

        DefaultMQProducer producer = new DefaultMQProducer("hello-producer");
        producer.setNamesrvAddr(namesrv);
        producer.start();
        byte[] body = "hello".getBytes(StandardCharsets.UTF_8);
        System.out.println(producer.send(new Message("hello", "new", "order-1001", body)).getSendStatus());

        CountDownLatch done = new CountDownLatch(1);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("hello-workers");
        consumer.setNamesrvAddr(namesrv);
        consumer.subscribe("hello", "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> System.out.println(new String(m.getBody(), StandardCharsets.UTF_8)));
            done.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        done.await(30, TimeUnit.SECONDS);
        consumer.shutdown();
        producer.shutdown();
    }
}
