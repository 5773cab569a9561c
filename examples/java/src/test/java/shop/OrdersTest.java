package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.mongodb.MongoWriteException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(Secantus.class)
class OrdersTest {
    private static Orders orders;

    // Runs before the first snapshot, so the index and the order stay for all tests.
    @BeforeAll
    static void common() {
        orders = new Orders(Secantus.client().getDatabase("shop"));
        orders.add(1, "ann", 6);
    }

    @Test
    void theTotalOfACustomer() {
        orders.add(2, "ann", 10);
        assertEquals(16, orders.totalOf("ann"));
    }

    @Test
    void nothingOfAnotherTestIsLeft() {
        assertEquals(6, orders.totalOf("ann"));
    }

    @Test
    void aNumberIsUnique() {
        assertThrows(MongoWriteException.class, () -> orders.add(1, "bob", 1));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 20})
    void eachCase(int total) {
        orders.add(3, "bob", total);
        assertEquals(total, orders.totalOf("bob"));
    }

    @Test
    void aDroppedCollectionComesBack() {
        orders.drop();
        assertEquals(0, orders.totalOf("ann"));
    }
}
