package shop

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var (
	client *mongo.Client
	orders *Orders
)

// TestMain starts a server for the tests of this package, and writes what they share.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	uri, stop, err := startServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, "secantusdb:", err)
		return 1
	}
	defer stop()
	ctx := context.Background()
	if client, err = mongo.Connect(options.Client().ApplyURI(uri)); err == nil {
		orders, err = NewOrders(ctx, client.Database("shop"))
	}
	if err == nil {
		err = orders.Add(ctx, 1, "ann", 6)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer client.Disconnect(ctx)
	return m.Run()
}

// startServer starts secantusdb, which ends with this process in any case, and returns its URI.
func startServer() (uri string, stop func(), err error) {
	program := os.Getenv("SECANTUSDB")
	if program == "" {
		program = "secantusdb"
	}
	command := exec.Command(program, "--ephemeral", "--print-uri")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	return strings.TrimSpace(line), stop, err
}

// isolated undoes the writes of a test at its end. Tests that call it cannot run in parallel: the snapshot is one of the whole server.
func isolated(t *testing.T) {
	t.Helper()
	var reply struct{ Snapshot int32 }
	secantusTest(t, bson.D{{Key: "secantusTest", Value: "snapshot"}}, &reply)
	t.Cleanup(func() {
		for _, action := range []string{"restore", "release"} {
			secantusTest(t, bson.D{{Key: "secantusTest", Value: action}, {Key: "snapshot", Value: reply.Snapshot}}, &bson.M{})
		}
	})
}

func secantusTest(t *testing.T, command bson.D, reply any) {
	t.Helper()
	if err := client.Database("admin").RunCommand(context.Background(), command).Decode(reply); err != nil {
		t.Fatal(err)
	}
}
