package role

import (
	"context"
	"encoding/json"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/fault"
)

// Answer makes a bus handler of a typed one.
func Answer[In, Out any](fn func(ctx context.Context, member string, in In) (Out, error)) bus.Handler {
	return func(ctx context.Context, member string, body []byte) ([]byte, error) {
		in, err := Decode[In](body)
		if err != nil {
			return nil, err
		}
		out, err := fn(ctx, member, in)
		if err != nil {
			return nil, err
		}
		return Encode(out)
	}
}

// Decode reads a message.
func Decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fault.Coded(fault.HubUnreadable, err)
	}
	return v, nil
}

// Encode writes a message.
func Encode(v any) ([]byte, error) { return json.Marshal(v) }
