package taxii

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// add takes an envelope of objects. What is wrong with one of them is its own failure.
func (q *request) add() error {
	if !q.c.CanWrite {
		return ErrForbidden
	}
	if !isTAXII(q.r.Header.Get("Content-Type")) || q.r.Header.Get("Content-Encoding") != "" {
		return problem(http.StatusUnsupportedMediaType, "unsupported media type", "send an envelope as "+MediaType)
	}
	if q.r.ContentLength > q.MaxContent {
		return q.tooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, q.MaxContent))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return q.tooLarge()
	case err != nil:
		return badRequest("the body ends before its length")
	}
	list, err := ParseEnvelope(body)
	if err != nil {
		return err
	}
	st, err := q.Backend.Add(q.ctx, q.root, q.c.ID, list)
	if err != nil {
		return err
	}
	return answer(q.w, http.StatusAccepted, st)
}

func (q *request) tooLarge() error {
	return problem(http.StatusRequestEntityTooLarge, "too large",
		fmt.Sprintf("a body has at most %d bytes (max_content_length of the API root); send several", q.MaxContent))
}

// ParseEnvelope returns the objects of an envelope. Its error is an *Error, of the
// envelope as a whole.
func ParseEnvelope(body []byte) ([]Submission, error) {
	if !json.Valid(body) {
		return nil, badRequest("the body is not JSON")
	}
	var e struct {
		Objects []json.RawMessage `json:"objects"`
		Type    string            `json:"type"`
	}
	if err := json.Unmarshal(body, &e); err != nil || len(e.Objects) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, "not an envelope",
			`the body must be an envelope, {"objects": [...]}, with one object or more`)
	}
	if e.Type == "bundle" {
		return nil, problem(http.StatusUnprocessableEntity, "not an envelope",
			"the body is a STIX bundle; send its objects in an envelope")
	}
	list := make([]Submission, len(e.Objects))
	for i, raw := range e.Objects {
		list[i] = Submission{Raw: raw, ID: fmt.Sprintf("objects[%d]", i)}
		var o struct {
			ID                any `json:"id"`
			Modified, Created any
		}
		if json.Unmarshal(raw, &o) != nil {
			continue
		}
		if id, ok := o.ID.(string); ok && id != "" {
			list[i].ID = id
		}
		for _, v := range []any{o.Modified, o.Created} {
			if s, ok := v.(string); ok && s != "" {
				list[i].Version = s
				break
			}
		}
	}
	return list, nil
}
