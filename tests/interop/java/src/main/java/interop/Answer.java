package interop;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Answers COUNT requests: Answer TOPIC GROUP COUNT [silent|twice]. Prints GOT, and REPLIED or REFUSED for each reply. */
public final class Answer {
    public static void main(String[] args) throws Exception {
        String how = args.length > 3 ? args[3] : "once";
        DefaultMQProducer producer = Client.producer("interop-answers");
        DefaultMQPushConsumer consumer = Client.consumer(args[1]);
        consumer.subscribe(args[0], "*");
        CountDownLatch left = new CountDownLatch(Integer.parseInt(args[2]));
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                Client.say("GOT", text(message), message.getProperty("CORRELATION_ID"));
                for (int i = 0; i < (how.equals("silent") ? 0 : how.equals("twice") ? 2 : 1); i++) {
                    reply(producer, message);
                }
                left.countDown();
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Client.say("STARTED");
        Client.await(left);
        consumer.shutdown();
        producer.shutdown();
        System.exit(0);
    }

    private static void reply(DefaultMQProducer producer, MessageExt request) {
        try {
            byte[] body = ("answer to " + text(request)).getBytes(StandardCharsets.UTF_8);
            Message reply = MessageUtil.createReplyMessage(request, body);
            reply.putUserProperty("colour", "green");
            Client.say("REPLIED", producer.send(reply, 60000).getSendStatus());
        } catch (Exception error) {
            Client.say("REFUSED", error.getMessage());
        }
    }

    private static String text(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }
}
