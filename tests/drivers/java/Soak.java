import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.event.ServerHeartbeatFailedEvent;
import com.mongodb.event.ServerHeartbeatSucceededEvent;
import com.mongodb.event.ServerMonitorListener;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.bson.Document;

/** Reads and writes for a while, and counts the heartbeats: the streaming monitor checks that each reply answers the one before it. */
public final class Soak {
    private Soak() {
    }

    public static void main(String[] arguments) throws InterruptedException {
        long end = System.nanoTime() + Long.parseLong(arguments[1]) * 1_000_000_000L;
        AtomicInteger succeeded = new AtomicInteger();
        AtomicInteger failed = new AtomicInteger();
        AtomicBoolean closing = new AtomicBoolean();
        ServerMonitorListener listener = new ServerMonitorListener() {
            @Override
            public void serverHeartbeatSucceeded(ServerHeartbeatSucceededEvent event) {
                succeeded.incrementAndGet();
            }

            @Override
            public void serverHeartbeatFailed(ServerHeartbeatFailedEvent event) {
                // Closing the client interrupts the heartbeat that is under way.
                if (!closing.get()) {
                    failed.incrementAndGet();
                    System.err.println("heartbeat failed: " + event.getThrowable());
                }
            }
        };
        MongoClientSettings settings = MongoClientSettings.builder()
                .applyConnectionString(new ConnectionString(arguments[0]))
                .applyToServerSettings(builder -> builder.addServerMonitorListener(listener)
                        .heartbeatFrequency(1, TimeUnit.SECONDS))
                .build();
        int rounds = 0;
        try (MongoClient client = MongoClients.create(settings)) {
            MongoCollection<Document> collection = client.getDatabase("java").getCollection("soak");
            collection.drop();
            while (System.nanoTime() < end) {
                collection.insertOne(new Document("_id", rounds).append("n", rounds % 10));
                long found = 0;
                for (Document ignored : collection.find(new Document("n", rounds % 10)).batchSize(2).limit(7)) {
                    found++;
                }
                if (found != Math.min(7, rounds / 10 + 1)) {
                    throw new IllegalStateException("round " + rounds + " found " + found);
                }
                rounds++;
                Thread.sleep(5);
            }
            closing.set(true);
        }
        System.out.println(rounds + " rounds, " + succeeded + " heartbeats, " + failed + " failed");
        System.exit(failed.get() == 0 && succeeded.get() > 0 ? 0 : 1);
    }
}
