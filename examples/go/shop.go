// Package shop is a small application on the Go driver.
package shop

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Orders are the orders of a shop.
type Orders struct{ collection *mongo.Collection }

// NewOrders returns the orders in a database, and creates their index.
func NewOrders(ctx context.Context, db *mongo.Database) (*Orders, error) {
	collection := db.Collection("orders")
	_, err := collection.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "number", Value: 1}}, Options: options.Index().SetUnique(true)})
	return &Orders{collection}, err
}

// Add adds an order.
func (o *Orders) Add(ctx context.Context, number int, customer string, total int) error {
	_, err := o.collection.InsertOne(ctx, bson.M{"number": number, "customer": customer, "total": total})
	return err
}

// TotalOf returns the sum of a customer's orders.
func (o *Orders) TotalOf(ctx context.Context, customer string) (int, error) {
	cursor, err := o.collection.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.M{"customer": customer}}},
		{{Key: "$group", Value: bson.M{"_id": nil, "total": bson.M{"$sum": "$total"}}}},
	})
	if err != nil {
		return 0, err
	}
	var found []struct{ Total int }
	if err := cursor.All(ctx, &found); err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].Total, nil
}
