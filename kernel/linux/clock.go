//go:build linux

package linux

import (
	"context"
	"time"
)

// clock is the wall clock.
type clock struct{}

// Now implements kernel.Clock.
func (clock) Now() time.Time { return time.Now() }

// Sleep implements kernel.Clock.
func (clock) Sleep(ctx context.Context, d time.Duration) error {
	return fail("sleep", "", d.String(), sleep(ctx, d))
}

func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
