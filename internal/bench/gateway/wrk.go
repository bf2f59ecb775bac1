package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed wrk.lua
var script []byte

var errSpent = errors.New("wrk ran out of tokens: what it sent after that is no measure of anything")

// A load is what wrk is to do.
type load struct {
	threads, connections int
	lasting              time.Duration // whole seconds
}

// A supply is a file of tokens, one a line, and whether they are sent again after the last.
type supply struct {
	file  string
	again bool
}

// counted is what wrk says at its end. Times are in microseconds.
type counted struct {
	Requests int64 `json:"requests"`
	Micros   int64 `json:"micros"`
	P50      int64 `json:"p50"`
	P99      int64 `json:"p99"`
	Connect  int64 `json:"connect"` // the errors, as wrk counts them
	Read     int64 `json:"read"`
	Write    int64 `json:"write"`
	Timeout  int64 `json:"timeout"`
	Status   int64 `json:"status"` // answers above 399
	Spent    int64 `json:"spent"`  // requests for which there was no token left
}

// wrk loads what listens at address. Anything but good answers is an error.
func (l load) wrk(ctx context.Context, dir, address string, s supply) (counted, error) {
	file := filepath.Join(dir, "wrk.lua")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return counted{}, err
	}
	mode := "once"
	if s.again {
		mode = "again"
	}
	threads := strconv.Itoa(l.threads)
	cmd := exec.CommandContext(ctx, "wrk", //nolint:gosec // numbers, and files of our own
		"-t", threads, "-c", strconv.Itoa(l.connections), "-d", fmt.Sprintf("%ds", int(l.lasting.Seconds())),
		"-s", file, "http://"+address+path, s.file, mode, threads)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return counted{}, errors.Join(fmt.Errorf("wrk: %w: %s", err, out), ctx.Err())
	}
	c, err := readCounted(out)
	if err != nil {
		return counted{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	return c, c.wrong()
}

// readCounted reads the last line of what wrk printed.
func readCounted(out []byte) (counted, error) {
	out = bytes.TrimSpace(out)
	last := out[bytes.LastIndexByte(out, '\n')+1:]
	d := json.NewDecoder(bytes.NewReader(last))
	d.DisallowUnknownFields()
	var c counted
	if err := d.Decode(&c); err != nil {
		return counted{}, fmt.Errorf("the last line is not what the script prints: %w", err)
	}
	return c, nil
}

// wrong says what of it was not as it should be.
func (c counted) wrong() error {
	var spent error
	if c.Spent > 0 {
		spent = errSpent
	}
	if bad := c.Connect + c.Read + c.Write + c.Timeout + c.Status; bad > 0 {
		return errors.Join(spent, fmt.Errorf("of %d requests: %d answers that are no success, %d connections not made, %d reads, %d writes that failed, %d answers late",
			c.Requests, c.Status, c.Connect, c.Read, c.Write, c.Timeout))
	}
	if spent == nil && (c.Requests == 0 || c.Micros == 0) {
		return errors.New("no request was answered")
	}
	return spent
}

// rate is requests in a second.
func (c counted) rate() float64 { return float64(c.Requests) / (float64(c.Micros) / 1e6) }
