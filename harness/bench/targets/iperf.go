//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// An iperfReport is what "iperf3 -J" prints, as far as it counts here. The exit status is 0 even where Error says what went
// wrong.
type iperfReport struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			BitsPerSecond float64 `json:"bits_per_second"`
		} `json:"sum_received"`
	} `json:"end"`
}

func parseIperf(out string) (r iperfReport, err error) {
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		return r, fmt.Errorf("iperf3 printed no JSON: %w", err)
	}
	return r, nil
}

// bitsPerSecond is what arrived.
func (r iperfReport) bitsPerSecond() float64 { return r.End.Received.BitsPerSecond }

// refused reports whether nobody listens yet.
func (r iperfReport) refused() bool { return strings.Contains(r.Error, "Connection refused") }

// failure is what went wrong.
func (r iperfReport) failure() error {
	if r.Error == "" {
		return nil
	}
	return fmt.Errorf("iperf3: %s", oneLine(r.Error))
}
