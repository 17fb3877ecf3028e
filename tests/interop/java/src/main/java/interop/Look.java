package interop;

import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Sends a message and looks it up by id, key and time: Look TOPIC. */
public final class Look {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = Client.producer("interop-producer");
        Message message = new Message(args[0], "look", "look-key", "looked up".getBytes(StandardCharsets.UTF_8));
        SendResult sent = producer.send(message);
        tell("OFFSET-ID", producer.viewMessage(args[0], sent.getOffsetMsgId()));
        tell("UNIQUE-ID", producer.viewMessage(args[0], sent.getMsgId()));
        QueryResult found = producer.queryMessage(args[0], "look-key", 8, 0, System.currentTimeMillis() + 60_000);
        tell("KEY", found.getMessageList().get(0));
        MessageQueue queue = sent.getMessageQueue();
        Client.say("BOUNDS", producer.minOffset(queue), producer.maxOffset(queue), sent.getQueueOffset());
        Client.say("TIME", producer.searchOffset(queue, 0), producer.earliestMsgStoreTime(queue) > 0);
        producer.shutdown();
    }

    private static void tell(String how, MessageExt message) {
        Client.say(how, message.getMsgId(), message.getKeys(), new String(message.getBody(), StandardCharsets.UTF_8));
    }
}
