package interop;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.remoting.RPCHook;

/** What every program needs: the name server's address, an access key if one is given, and a bound on waiting. */
final class Client {
    static final String NAMESRV = System.getenv("NAMESRV");
    /** What a program waits for as long as nothing else is said; a machine may be slow. */
    static final int PATIENCE_SECONDS = 200;
    private static final int API_MILLISECONDS = 20000;

    static {
        // The clients' threads would keep a program alive whose main thread has failed.
        Thread.currentThread().setUncaughtExceptionHandler((thread, error) -> {
            say("BROKE", error);
            System.exit(1);
        });
    }

    private Client() {}

    static RPCHook hook() {
        String key = System.getenv("ACCESS_KEY");
        return key == null ? null : new AclClientRPCHook(new SessionCredentials(key, System.getenv("SECRET_KEY")));
    }

    static DefaultMQProducer producer(String group) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group, hook());
        producer.setNamesrvAddr(NAMESRV);
        producer.setSendMsgTimeout(60000);
        producer.setMqClientApiTimeout(API_MILLISECONDS);
        producer.start();
        return producer;
    }

    static DefaultMQPushConsumer consumer(String group) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group, hook(), new AllocateMessageQueueAveragely());
        consumer.setNamesrvAddr(NAMESRV);
        consumer.setMqClientApiTimeout(API_MILLISECONDS);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        // Let the listener at work finish, so that its message counts as done.
        consumer.setAwaitTerminationMillisWhenShutdown(60000);
        return consumer;
    }

    static DefaultLitePullConsumer puller(String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group, hook());
        consumer.setNamesrvAddr(NAMESRV);
        consumer.setMqClientApiTimeout(API_MILLISECONDS);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        return consumer;
    }

    static synchronized void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) {
            line.append(line.length() == 0 ? "" : "\t").append(word);
        }
        System.out.println(line);
        System.out.flush();
    }

    static void await(CountDownLatch latch) throws Exception {
        if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            say("TIMEOUT", latch.getCount());
            System.exit(1);
        }
    }
}
