package interop;

import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Reads a topic twice from its beginning with a lite pull consumer: Pull TOPIC GROUP COUNT. Prints GOT for each. */
public final class Pull {
    private static final int SEEK_TRIES = 5;

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[2]);
        DefaultLitePullConsumer consumer = Client.puller(args[1]);
        consumer.setAutoCommit(false);
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(args[0]);
        Client.say("QUEUES", queues.size());
        consumer.assign(queues);
        for (String round : new String[] {"first", "again"}) {
            for (MessageQueue queue : queues) {
                seek(consumer, queue);
            }
            int got = 0;
            long deadline = System.currentTimeMillis() + Client.PATIENCE_SECONDS * 1000 / 2;
            while (got < count && System.currentTimeMillis() < deadline) {
                List<MessageExt> messages = consumer.poll(500);
                for (MessageExt message : messages) {
                    Client.say("GOT", round, new String(message.getBody(), StandardCharsets.UTF_8));
                    got++;
                }
            }
        }
        consumer.commitSync();
        consumer.shutdown();
    }

    /** The client gives the question for the first offset six seconds, which a busy machine may need for less. */
    private static void seek(DefaultLitePullConsumer consumer, MessageQueue queue) throws MQClientException {
        for (int left = SEEK_TRIES; ; left--) {
            try {
                consumer.seekToBegin(queue);
                return;
            } catch (MQClientException error) {
                if (left == 1) {
                    throw error;
                }
            }
        }
    }
}
