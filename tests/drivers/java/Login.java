import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.MongoCommandException;
import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bson.Document;

/**
 * Log in as a URI says, and print who the server says it is: `user NAME`, `code N` for an error of the server, or `failed TEXT`.
 *
 * <p>Arguments: the URI, the file of the authority that the client trusts, and a PKCS 12 file of its certificate, each of the last two
 * optional.
 */
public final class Login {
    private static final char[] PASSWORD = "secret".toCharArray();

    private Login() {
    }

    public static void main(String[] arguments) throws Exception {
        MongoClientSettings.Builder settings = MongoClientSettings.builder()
                .applyConnectionString(new ConnectionString(arguments[0]))
                .applyToClusterSettings(builder -> builder.serverSelectionTimeout(5, TimeUnit.SECONDS));
        if (arguments.length > 1) {
            SSLContext context = context(arguments[1], arguments.length > 2 ? arguments[2] : null);
            settings.applyToSslSettings(builder -> builder.enabled(true).context(context));
        }
        System.out.println(login(settings.build()));
        System.exit(0);
    }

    private static String login(MongoClientSettings settings) {
        try (MongoClient client = MongoClients.create(settings)) {
            Document status = client.getDatabase("admin").runCommand(new Document("connectionStatus", 1));
            client.getDatabase("shop").getCollection("orders").find().first();
            StringBuilder names = new StringBuilder();
            for (Document user : status.get("authInfo", Document.class).getList("authenticatedUsers", Document.class)) {
                names.append(user.getString("user"));
            }
            return "user " + names;
        } catch (MongoException error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (cause instanceof MongoCommandException) {
                    return "code " + ((MongoCommandException) cause).getErrorCode();
                }
            }
            return "failed " + error;
        }
    }

    private static SSLContext context(String authority, String certificate) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream file = new FileInputStream(authority)) {
            trusted.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(certificate == null ? null : keys(certificate), trust.getTrustManagers(), null);
        return context;
    }

    private static KeyManager[] keys(String certificate) throws Exception {
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream file = new FileInputStream(certificate)) {
            own.load(file, PASSWORD);
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, PASSWORD);
        return keys.getKeyManagers();
    }
}
