package shop

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

func wantTotal(t *testing.T, customer string, want int) {
	t.Helper()
	if total, err := orders.TotalOf(t.Context(), customer); err != nil || total != want {
		t.Errorf("the total of %s is %d, %v; want %d", customer, total, err, want)
	}
}

func TestTheTotalOfACustomer(t *testing.T) {
	isolated(t)
	if err := orders.Add(t.Context(), 2, "ann", 10); err != nil {
		t.Fatal(err)
	}
	wantTotal(t, "ann", 16)
}

func TestNothingOfAnotherTestIsLeft(t *testing.T) {
	isolated(t)
	wantTotal(t, "ann", 6)
}

func TestANumberIsUnique(t *testing.T) {
	isolated(t)
	if err := orders.Add(t.Context(), 1, "bob", 1); !mongo.IsDuplicateKeyError(err) {
		t.Errorf("got %v, want a duplicate key", err)
	}
}

func TestEachCase(t *testing.T) {
	for _, total := range []int{1, 20} {
		t.Run("", func(t *testing.T) {
			isolated(t)
			if err := orders.Add(t.Context(), 3, "bob", total); err != nil {
				t.Fatal(err)
			}
			wantTotal(t, "bob", total)
		})
	}
}

func TestADroppedCollectionComesBack(t *testing.T) {
	isolated(t)
	if err := orders.collection.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if count, err := orders.collection.CountDocuments(t.Context(), bson.M{}); err != nil || count != 0 {
		t.Errorf("%d documents, %v", count, err)
	}
}
