package interop;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Transact TOPIC GROUP ANSWER WORD…: sends a transactional message for each word (commit, rollback, unknown) and then answers
 * checks with ANSWER until it is killed, for its decisions are sent one-way. Prints SENT and CHECK for each.
 */
public final class Transact {
    public static void main(String[] args) throws Exception {
        String answer = args[2];
        Map<String, LocalTransactionState> states = Map.of(
            "commit", LocalTransactionState.COMMIT_MESSAGE,
            "rollback", LocalTransactionState.ROLLBACK_MESSAGE,
            "unknown", LocalTransactionState.UNKNOW);
        TransactionMQProducer producer = new TransactionMQProducer(args[1], Client.hook());
        producer.setNamesrvAddr(Client.NAMESRV);
        producer.setSendMsgTimeout(60000);
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object word) {
                return states.get((String) word);
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                Client.say("CHECK", message.getTopic(), message.getTags(), message.getKeys(), message.getTransactionId(),
                    message.getProperty("TRANSACTION_CHECK_TIMES"), new String(message.getBody(), StandardCharsets.UTF_8));
                return states.get(answer);
            }
        });
        producer.start();
        Client.say("STARTED");
        for (int i = 3; i < args.length; i++) {
            Message message = new Message(args[0], args[i], "key-" + args[i], args[i].getBytes(StandardCharsets.UTF_8));
            TransactionSendResult sent = producer.sendMessageInTransaction(message, args[i]);
            Client.say("SENT", args[i], sent.getSendStatus(), sent.getMsgId(), sent.getTransactionId(), sent.getLocalTransactionState());
        }
        Client.say("READY");
        Thread.currentThread().join();
    }
}
