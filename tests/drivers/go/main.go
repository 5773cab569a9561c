// Log in as a URI says, and print who the server says it is: `user NAME`, `code N` for an error of the server, or `failed TEXT`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

type status struct {
	AuthInfo struct {
		AuthenticatedUsers []struct {
			User string `bson:"user"`
		} `bson:"authenticatedUsers"`
	} `bson:"authInfo"`
}

func login(uri string) (string, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(5 * time.Second))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer func() { _ = client.Disconnect(ctx) }()
	var found status
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "connectionStatus", Value: 1}}).Decode(&found); err != nil {
		return "", err
	}
	if err := client.Database("shop").Collection("orders").FindOne(ctx, bson.D{}).Err(); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return "", err
	}
	name := ""
	for _, user := range found.AuthInfo.AuthenticatedUsers {
		name += user.User
	}
	return name, nil
}

func main() {
	name, err := login(os.Args[1])
	var refused mongo.CommandError
	if err == nil {
		fmt.Println("user", name)
	} else if errors.As(err, &refused) {
		fmt.Println("code", refused.Code)
	} else {
		fmt.Println("failed", err)
	}
}
