package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/** Sends and consumes one message with tracing on: Trace TOPIC GROUP. Prints SENT with the id, and GOT. */
public final class Trace {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("traced-producer", Client.hook(), true, null);
        producer.setNamesrvAddr(Client.NAMESRV);
        producer.setSendMsgTimeout(60000);
        producer.start();
        byte[] body = "traced".getBytes(StandardCharsets.UTF_8);
        Client.say("SENT", producer.send(new Message(args[0], "t", "trace-key", body)).getMsgId());

        DefaultMQPushConsumer consumer =
            new DefaultMQPushConsumer(args[1], Client.hook(), new AllocateMessageQueueAveragely(), true, null);
        consumer.setNamesrvAddr(Client.NAMESRV);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args[0], "*");
        CountDownLatch got = new CountDownLatch(1);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            Client.say("GOT", messages.get(0).getMsgId());
            got.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Client.await(got);
        System.in.read(); // traces leave a few seconds later, and some not at all when their client does
        consumer.shutdown();
        producer.shutdown();
        System.exit(0);
    }
}
