package interop;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/**
 * Fails every delivery with a client that sends the message itself to %RETRY%GROUP:
 * Resend TOPIC GROUP MOST orderly|concurrent TIMES. Concurrent members do that when request 36 fails, which it does here.
 * Prints TRY for each delivery and goes on after TIMES of them until its standard input ends.
 */
public final class Resend {
    public static void main(String[] args) throws Exception {
        CountDownLatch left = new CountDownLatch(Integer.parseInt(args[4]));
        DefaultMQPushConsumer consumer =
            new DefaultMQPushConsumer(args[1], new NoSendBack(), new AllocateMessageQueueAveragely());
        consumer.setNamesrvAddr(Client.NAMESRV);
        consumer.setMaxReconsumeTimes(Integer.parseInt(args[2]));
        consumer.subscribe(args[0], "*");
        if (args[3].equals("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                tell(messages, left);
                context.setSuspendCurrentQueueTimeMillis(100);
                return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                tell(messages, left);
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            });
        }
        consumer.start();
        Client.await(left);
        Client.say("FAILED");
        while (System.in.read() >= 0) {
            continue;
        }
        consumer.shutdown();
        System.exit(0);
    }

    private static void tell(List<MessageExt> messages, CountDownLatch left) {
        for (MessageExt message : messages) {
            Client.say("TRY", message.getTopic(), message.getReconsumeTimes(), message.getMsgId());
            left.countDown();
        }
    }

    private static final class NoSendBack implements RPCHook {
        @Override
        public void doBeforeRequest(String address, RemotingCommand request) {
            if (request.getCode() == 36) {
                throw new IllegalStateException("the network is down");
            }
        }

        @Override
        public void doAfterResponse(String address, RemotingCommand request, RemotingCommand response) {}
    }
}
