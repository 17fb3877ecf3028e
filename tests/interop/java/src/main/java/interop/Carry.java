package interop;

import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/**
 * Goes on when a name server and broker dies: Carry produce TOPIC COUNT, or Carry consume TOPIC GROUP.
 * Begins at the name server NAMESRV and then knows all of NAMESRVS. A producer prints SENT for each message and tries
 * each until it is stored; a consumer prints GOT for each delivery until its standard input ends.
 */
public final class Carry {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("produce")) {
            produce(args[1], Integer.parseInt(args[2]));
        } else {
            consume(args[1], args[2]);
        }
        System.exit(0);
    }

    private static void produce(String topic, int count) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("carry-producer");
        hurry(producer);
        producer.setSendMsgTimeout(3000);
        producer.start();
        know(producer.getDefaultMQProducerImpl().getMqClientFactory());
        for (int i = 0; i < count; i++) {
            boolean isSent = false;
            while (!isSent) {
                try {
                    producer.send(new Message(topic, ("m-" + i).getBytes(StandardCharsets.UTF_8)));
                    isSent = true;
                } catch (Exception error) {
                    Client.say("AGAIN", i);
                    Thread.sleep(200);
                }
            }
            Client.say("SENT", "m-" + i);
            Thread.sleep(20);
        }
        producer.shutdown();
    }

    private static void consume(String topic, String group) throws Exception {
        DefaultMQPushConsumer consumer = Client.consumer(group);
        hurry(consumer);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(m -> Client.say("GOT", new String(m.getBody(), StandardCharsets.UTF_8)));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        know(consumer.getDefaultMQPushConsumerImpl().getmQClientFactory());
        Client.say("STARTED");
        while (System.in.read() >= 0) {
            continue;
        }
        consumer.shutdown();
    }

    /** Looks for other routes every second instead of every half minute. */
    private static void hurry(ClientConfig client) {
        client.setNamesrvAddr(Client.NAMESRV);
        client.setPollNameServerInterval(1000);
        client.setHeartbeatBrokerInterval(1000);
    }

    /** What the client does when the list of name servers it reads from time to time has changed. */
    private static void know(MQClientInstance client) {
        client.getMQClientAPIImpl().updateNameServerAddressList(System.getenv("NAMESRVS"));
    }
}
