package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Goes on when a name server and broker dies: Carry produce TOPIC, or Carry consume TOPIC GROUP.
 * Begins at the name server NAMESRV and then knows all of NAMESRVS. Both go on until their standard input ends. A
 * producer sends one message after another, tries each until it is stored, prints SENT for each and AGAIN for each try
 * that failed; only then does it ask where its topic is. A consumer prints GOT for each delivery, and for each line it
 * reads HOLDS with the number of queues that are its own.
 */
public final class Carry {
    private static final int NEVER_MILLISECONDS = 24 * 60 * 60 * 1000;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("produce")) {
            produce(args[1]);
        } else {
            consume(args[1], args[2]);
        }
        System.exit(0);
    }

    private static void produce(String topic) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("carry-producer");
        producer.setNamesrvAddr(Client.NAMESRV);
        producer.setPollNameServerInterval(NEVER_MILLISECONDS);
        producer.setSendMsgTimeout(3000);
        producer.start();
        MQClientInstance client = producer.getDefaultMQProducerImpl().getMqClientFactory();
        client.updateTopicRouteInfoFromNameServer(topic); // from the first name server, while it knows no other
        know(client);
        Thread input = new Thread(Carry::awaitEnd);
        input.start();
        for (int i = 0; input.isAlive(); i++) {
            boolean isSent = false;
            while (!isSent) {
                try {
                    producer.send(new Message(topic, ("m-" + i).getBytes(StandardCharsets.UTF_8)));
                    isSent = true;
                } catch (Exception error) {
                    Client.say("AGAIN", i);
                    Thread.sleep(200);
                    askAgain(client, topic);
                }
            }
            Client.say("SENT", "m-" + i);
            Thread.sleep(20);
        }
        producer.shutdown();
    }

    private static void askAgain(MQClientInstance client, String topic) {
        try {
            client.updateTopicRouteInfoFromNameServer(topic);
        } catch (IllegalStateException error) {
            // Client 5.x says so when the name server it picked is the dead one; the next time it picks another.
            Client.say("NOBODY", error.getMessage());
        }
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
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        while (lines.readLine() != null) {
            Set<MessageQueue> held =
                consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet();
            Client.say("HOLDS", held.stream().filter(queue -> queue.getTopic().equals(topic)).count());
        }
        consumer.shutdown();
    }

    private static void awaitEnd() {
        try {
            while (System.in.read() >= 0) {
                continue;
            }
        } catch (IOException error) {
            Client.say("BROKE", error);
        }
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
