package role

import (
	"context"

	"github.com/meneki/meneki/internal/identity"
)

// FirstRun returns the link by which the first administrator signs in; "" once
// there is one, and where nobody needs to sign in.
func FirstRun(ctx context.Context, people *identity.Service, open bool, url string) (string, error) {
	if open || url == "" {
		return "", nil
	}
	token, created, err := people.FirstRun(ctx)
	if err != nil || !created {
		return "", err
	}
	return SignInLink(url, token), nil
}

// SignInLink is where a one-time token signs its person in.
func SignInLink(url, token string) string { return url + "/sign-in/" + token }

// UserLine is a person in a list.
type UserLine struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Login  string `json:"login"`
	Role   string `json:"role"`
	Member string `json:"member,omitempty"`
}
