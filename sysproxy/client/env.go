package client

import (
	"context"
	"errors"
)

// ErrNoServer says that nothing says where the server is.
var ErrNoServer = errors.New("RUMP_SERVER not set")

// DialEnv connects to the server that the environment names: RUMP__PARSEDSERVER, or RUMP_SERVER. If o has no Retry,
// RUMPHIJACK_RETRYCONNECT says what happens when the connection is lost.
func DialEnv(ctx context.Context, getenv func(string) string, o Options) (*Client, error) {
	url := getenv("RUMP__PARSEDSERVER")
	if url == "" {
		url = getenv("RUMP_SERVER")
	}
	if url == "" {
		return nil, ErrNoServer
	}
	if o.Retry == (Retry{}) {
		var err error
		if o.Retry, err = ParseRetry(getenv("RUMPHIJACK_RETRYCONNECT")); err != nil {
			return nil, err
		}
	}
	return Dial(ctx, url, o)
}
