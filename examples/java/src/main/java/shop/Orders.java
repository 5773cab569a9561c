package shop;

import com.mongodb.client.MongoCollection;
import com.mongodb.client.MongoDatabase;
import com.mongodb.client.model.Accumulators;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import java.util.List;
import org.bson.Document;

/** The orders of a shop. */
public class Orders {
    private final MongoCollection<Document> collection;

    public Orders(MongoDatabase database) {
        collection = database.getCollection("orders");
        collection.createIndex(Indexes.ascending("number"), new IndexOptions().unique(true));
    }

    public void add(int number, String customer, int total) {
        collection.insertOne(new Document("number", number).append("customer", customer).append("total", total));
    }

    public int totalOf(String customer) {
        Document found = collection.aggregate(List.of(
                Aggregates.match(Filters.eq("customer", customer)),
                Aggregates.group(null, Accumulators.sum("total", "$total")))).first();
        return found == null ? 0 : found.getInteger("total");
    }

    public void drop() {
        collection.drop();
    }
}
