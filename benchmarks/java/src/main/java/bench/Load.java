package bench;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends synchronously from many threads, as RocketMQ's example of a benchmark producer does, whose jar is not published:
 * Load NAMESRV TOPIC THREADS BYTES SECONDS. Prints SENT, the messages a second and their mean milliseconds.
 */
public final class Load {
    private static final int WARM_SECONDS = 5;

    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("benchmark_producer");
        producer.setNamesrvAddr(args[0]);
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.setSendMsgTimeout(30000);
        producer.start();
        byte[] body = new byte[Integer.parseInt(args[3])];
        Arrays.fill(body, (byte) 'x');
        LongAdder count = new LongAdder();
        LongAdder nanoseconds = new LongAdder();
        AtomicLong failures = new AtomicLong();
        for (int i = 0; i < Integer.parseInt(args[2]); i++) {
            Thread thread = new Thread(() -> {
                while (true) {
                    long began = System.nanoTime();
                    try {
                        if (producer.send(new Message(args[1], "a", body)).getSendStatus() != SendStatus.SEND_OK) {
                            failures.incrementAndGet();
                        }
                    } catch (Exception error) {
                        failures.incrementAndGet();
                        System.err.println(error);
                    }
                    nanoseconds.add(System.nanoTime() - began);
                    count.increment();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        Thread.sleep(WARM_SECONDS * 1000L);
        count.reset();
        nanoseconds.reset();
        failures.set(0);
        long start = System.nanoTime();
        Thread.sleep(Long.parseLong(args[4]) * 1000);
        long sent = count.sum();
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf("SENT %.1f %.3f %d%n", sent / seconds, nanoseconds.sum() / 1e6 / Math.max(sent, 1), failures.get());
        System.exit(0);
    }
}
