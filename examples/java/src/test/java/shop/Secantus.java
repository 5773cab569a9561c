package shop;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import org.bson.Document;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Undoes the writes of each test.
 *
 * <p>The server starts with the first use of {@link #client} and ends with this process.
 */
public class Secantus implements BeforeEachCallback, AfterEachCallback {
    private static MongoClient client;
    private Object snapshot;

    /** Returns a client of the server. */
    public static synchronized MongoClient client() {
        if (client == null) {
            client = MongoClients.create(start());
        }
        return client;
    }

    private static String start() {
        String program = System.getenv().getOrDefault("SECANTUSDB", "secantusdb");
        try {
            Process server = new ProcessBuilder(program, "--ephemeral", "--print-uri").redirectError(ProcessBuilder.Redirect.INHERIT).start();
            Runtime.getRuntime().addShutdownHook(new Thread(server::destroy));
            return new BufferedReader(new InputStreamReader(server.getInputStream())).readLine();
        } catch (IOException error) {
            throw new IllegalStateException("secantusdb cannot be started; set SECANTUSDB to its path", error);
        }
    }

    private static Document secantusTest(String action) {
        return new Document("secantusTest", action);
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        snapshot = client().getDatabase("admin").runCommand(secantusTest("snapshot")).get("snapshot");
    }

    @Override
    public void afterEach(ExtensionContext context) {
        client().getDatabase("admin").runCommand(secantusTest("restore").append("snapshot", snapshot));
        client().getDatabase("admin").runCommand(secantusTest("release").append("snapshot", snapshot));
    }
}
