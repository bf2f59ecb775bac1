package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of times in /proc on every Linux that Go runs on (USER_HZ).
const tick = 10 * time.Millisecond

// cpuTime is what a process has used of the processors so far, of its own and of the kernel's code.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return readStat(stat)
}

// readStat adds utime and stime, fields 14 and 15 of proc_pid_stat(5). The name, field 2, may hold anything; the last parenthesis
// ends it.
func readStat(stat []byte) (time.Duration, error) {
	_, rest, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("utime in /proc/PID/stat: %w", err)
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stime in /proc/PID/stat: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

// resident is how many bytes of a process are in memory.
func resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return readStatus(status)
}

// readStatus finds VmRSS of proc_pid_status(5), which is in KiB.
func readStatus(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte("VmRSS:"))
		if !ok {
			continue
		}
		number, ok := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
		if !ok {
			return 0, errors.New("VmRSS in /proc/PID/status has another unit")
		}
		kib, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("VmRSS in /proc/PID/status: %w", err)
		}
		return kib << 10, nil
	}
	return 0, errors.New("no VmRSS in /proc/PID/status")
}
