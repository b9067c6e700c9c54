package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/harness/lockstep"
)

// A loggedRun is what is kept of a lockstep run: a line of JSON in a log.
type loggedRun struct {
	Date        string  `json:"date"` // of the day it ended, as 2026-01-31
	Against     string  `json:"against"`
	Release     string  `json:"release"`        // as uname -r prints it
	What        string  `json:"what,omitempty"` // is asked; "": requests
	Draws       string  `json:"draws"`          // what seeds mean: see lockstep.Draws
	Seed        uint64  `json:"seed"`
	Ops         int     `json:"ops"`
	Sequences   int     `json:"sequences"`
	Succeeded   float64 `json:"succeeded"` // the part of the operations that did
	Unstable    int     `json:"unstable"`
	Differences int     `json:"differences"`

	Answers []backend.AnswerCount `json:"answers"`
}

// whatOf is what a run asks, as a log says it.
func whatOf(what string) string {
	if what == backend.AskRequests {
		return ""
	}
	return what
}

// drawsOf tells the generators apart that draw what is asked.
func drawsOf(what string) string {
	if what == backend.AskPackets {
		return lockstep.PacketDraws()
	}
	return lockstep.Draws()
}

// logFidelity appends a run to a log.
func logFidelity(file string, f backend.Fidelity, r backend.FidelityReport, now time.Time) error {
	line, err := json.Marshal(loggedRun{
		Date: now.UTC().Format(time.DateOnly), Against: f.Against, Release: r.Release,
		What: whatOf(f.What), Draws: drawsOf(f.What),
		Seed: f.Seed, Ops: r.Ops,
		Sequences: r.Sequences, Succeeded: r.Succeeded, Unstable: r.Unstable, Differences: len(r.Findings),
		Answers: r.Answers,
	})
	if err != nil {
		return err
	}
	log, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = log.Write(append(line, '\n'))
	return errors.Join(err, log.Close())
}

// readFidelityLog reads a log; one that is not there has no runs.
func readFidelityLog(file string) (runs []loggedRun, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var r loggedRun
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", file, i+1, err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}
