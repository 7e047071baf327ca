package taxii_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/meneki/meneki/taxii"
)

func serveExample(key []byte) error {
	m := taxii.NewMemory(time.Now)
	m.AddRoot("api", taxii.Root{Title: "Example"},
		taxii.Collection{ID: "91a7b528-80eb-42ed-a74d-c6fbd5a26116", Title: "Indicators", CanRead: true,
			CanWrite: true})
	server, err := taxii.NewServer(taxii.Config{Backend: m, Key: key, Discovery: taxii.Discovery{Title: "Example"}})
	if err != nil {
		return err
	}
	return http.ListenAndServe("localhost:8080", server) // discovery is at /taxii2/
}

var _ = serveExample

func ExampleClient_Read() {
	m := taxii.NewMemory(func() time.Time { return time.Unix(1_800_000_000, 0) })
	m.AddRoot("api", taxii.Root{Title: "Example"},
		taxii.Collection{ID: "91a7b528-80eb-42ed-a74d-c6fbd5a26116", Title: "Indicators", CanRead: true,
			CanWrite: true})
	s, err := taxii.NewServer(taxii.Config{Backend: m, Key: bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := httptest.NewServer(s)
	defer h.Close()

	ctx, c := context.Background(), &taxii.Client{}
	d, err := c.Discover(ctx, h.URL+"/taxii2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	const collection = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
	address := json.RawMessage(`{"type":"ipv4-addr","spec_version":"2.1",` +
		`"id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}`)
	if _, err := c.Add(ctx, d.Default, collection, []json.RawMessage{address}, 0); err != nil {
		fmt.Println(err)
		return
	}
	err = c.Read(ctx, d.Default, collection, taxii.Filter{Types: []string{"ipv4-addr"}}, taxii.Progress{},
		func(objects []json.RawMessage, p taxii.Progress) error {
			fmt.Println(len(objects), "until", p.AddedAfter)
			return nil
		})
	fmt.Println(err)
	// Output:
	// 1 until 2027-01-15T08:00:00.000000Z
	// <nil>
}
