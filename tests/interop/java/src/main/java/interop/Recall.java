package interop;

import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends two messages for later and recalls the first twice: Recall TOPIC. Prints SENT for each, then RECALLED or REFUSED.
 * Clients before 5.3.2 have no recall, so it is called by its name.
 */
public final class Recall {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = Client.producer("recall-producer");
        String handle = null;
        for (String text : new String[] {"unwanted", "wanted"}) {
            Message message = new Message(args[0], text.getBytes(StandardCharsets.UTF_8));
            message.setDelayTimeLevel(2);
            SendResult result = producer.send(message);
            String own = (String) SendResult.class.getMethod("getRecallHandle").invoke(result);
            handle = handle == null ? own : handle;
            Client.say("SENT", text, result.getMsgId());
        }
        for (String asked : new String[] {handle, handle, handle.substring(8)}) {
            try {
                Object id = DefaultMQProducer.class.getMethod("recallMessage", String.class, String.class)
                    .invoke(producer, args[0], asked);
                Client.say("RECALLED", id);
            } catch (InvocationTargetException error) {
                Client.say("REFUSED", error.getCause().getClass().getSimpleName());
            }
        }
        producer.shutdown();
    }
}
