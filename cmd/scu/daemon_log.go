package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/daemon/logfile"
)

// The daemon's own log takes 40 MB at most.
const (
	daemonLogBytes = 10 << 20
	daemonLogKeep  = 3
)

// logFlags say where and how a daemon logs.
type logFlags struct{ format, level, file string }

func (f *logFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.format, "log-format", "text", "with --foreground: text or json")
	flags.StringVar(&f.level, "log-level", "info", "with --foreground: debug, info, warn or error")
	flags.StringVar(&f.file, "log-file", "", "with --foreground: log to `FILE`, which is rotated, and not to standard error")
}

// daemonLog is the daemon's logger and the file beneath it, if there is one.
type daemonLog struct {
	*slog.Logger
	file *logfile.File
}

// Close closes the file and returns the first failure to write it.
func (l *daemonLog) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// open makes the logger. With a file, this process's standard output and error go there too from now on: that is where
// the Go runtime says why it crashed. They follow when the file is rotated.
func (f *logFlags) open(stderr io.Writer) (*daemonLog, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil || strings.ContainsAny(f.level, "+-") {
		return nil, usageErrorf("--log-level is %q; it is one of debug, info, warn and error", f.level)
	}
	if f.format != "text" && f.format != "json" {
		return nil, usageErrorf("--log-format is %q; it is text or json", f.format)
	}
	log := &daemonLog{}
	out := stderr
	if f.file != "" {
		var err error
		if log.file, err = openDaemonLog(f.file); err != nil {
			return nil, err
		}
		out = log.file
	}
	options := &slog.HandlerOptions{Level: level}
	if f.format == "json" {
		log.Logger = slog.New(slog.NewJSONHandler(out, options))
	} else {
		log.Logger = slog.New(slog.NewTextHandler(out, options))
	}
	return log, nil
}

func openDaemonLog(path string) (*logfile.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the daemon's log: %w", err)
	}
	return logfile.Open(path, logfile.Options{MaxBytes: daemonLogBytes, Keep: daemonLogKeep, Opened: redirectOutput})
}

// redirectOutput makes the file this process's standard output and error.
func redirectOutput(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var duplicateErr error
	err = raw.Control(func(descriptor uintptr) {
		for _, standard := range []*os.File{os.Stdout, os.Stderr} {
			duplicateErr = errors.Join(duplicateErr, unix.Dup3(int(descriptor), int(standard.Fd()), 0))
		}
	})
	if err := errors.Join(err, duplicateErr); err != nil {
		return fmt.Errorf("lead standard output and error to the log: %w", err)
	}
	return nil
}
