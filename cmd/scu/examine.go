package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/shannon-labs/scu/cmd/scu/internal/install"
	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/rpc"
)

const (
	// roomForJobs is how much disk a few jobs with the default model take.
	roomForJobs = 500 << 20
	// memoryForDefault is about what a worker takes with the default model at its default batch.
	memoryForDefault = 3 << 30
)

// examine looks at everything that a job needs, in the order in which things are mended.
func (c *console) examine(ctx context.Context, home string) []finding {
	files := make([]finding, 0, len(install.Required))
	for _, required := range install.Required {
		files = append(files, examineFile(ctx, home, required))
	}
	allThere := true
	for _, f := range files {
		allThere = allThere && f.OK
	}
	findings := []finding{examineHome(home), examineDisk(home), examinePython(ctx, allThere)}
	findings = append(findings, files...)
	return append(findings, c.examineDaemon(ctx, home), examineHugePages(), examineMemory())
}

func examineHome(home string) finding {
	f := finding{Name: "home", Detail: home}
	info, err := os.Stat(home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Detail, f.Fix = home+" does not exist yet", "scu setup"
		return f
	case err != nil:
		f.Detail, f.Fix = err.Error(), "set SCU_HOME to a directory that you may use"
		return f
	case !info.IsDir():
		f.Detail, f.Fix = home+" is not a directory", "set SCU_HOME to a directory"
		return f
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Getuid() {
		f.Detail, f.Fix = fmt.Sprintf("%s belongs to user %d, and you are user %d", home, owner, os.Getuid()), "set SCU_HOME to a directory of your own"
		return f
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		f.Detail, f.Fix = fmt.Sprintf("%s has mode %04o: others may write in it", home, mode), "chmod 700 "+home
		return f
	}
	f.OK, f.Detail = true, fmt.Sprintf("%s, mode %04o", home, info.Mode().Perm())
	return f
}

func examineDisk(home string) finding {
	f := finding{Name: "disk"}
	free, err := install.FreeBytes(existingParent(home))
	if err != nil {
		f.Detail, f.Fix = err.Error(), "set SCU_HOME to a directory on another disk"
		return f
	}
	f.OK, f.Detail = free >= roomForJobs, progress.Bytes(free)+" free"
	if !f.OK {
		f.Detail += ", less than the " + progress.Bytes(roomForJobs) + " that a few jobs take"
		f.Fix = "make room, or set SCU_HOME to a directory on another disk"
	}
	return f
}

// existingParent is path, or the nearest directory above it that exists.
func existingParent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// examinePython looks for what only `scu setup` needs; once everything is installed it may be missing.
func examinePython(ctx context.Context, allThere bool) finding {
	f := finding{Name: "python"}
	python, err := install.Python()
	if err == nil {
		f.Detail, err = install.PipVersion(ctx, python)
	}
	f.OK = err == nil
	if err != nil {
		f.Detail = "no python3 with pip, which `scu setup` needs: " + firstLine(err.Error())
		f.Fix = "apt-get install python3 python3-pip"
		f.OK = allThere
	}
	return f
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func examineFile(ctx context.Context, home string, p install.Package) finding {
	name, _, _ := strings.Cut(p.Destination, "/")
	f := finding{Name: strings.TrimSuffix(name, "s")}
	if p.Name == install.Plugin.Name {
		f.Name = "plugin"
	}
	state, err := install.Check(ctx, home, p)
	switch {
	case err != nil:
		f.Detail = err.Error()
	case state == install.Ready:
		f.OK, f.Detail = true, p.Path(home)
	case state == install.Altered:
		f.Detail = p.Path(home) + " is not the expected file"
	default:
		f.Detail = "the " + p.Title + " is not installed"
	}
	if !f.OK {
		f.Fix = "scu setup"
	}
	return f
}

func (c *console) examineDaemon(ctx context.Context, home string) finding {
	f := finding{Name: "daemon", OK: true, Detail: "not running; the first command that needs it starts it"}
	client, err := c.connectIfRunning(ctx, home)
	if err != nil {
		return finding{Name: "daemon", Detail: err.Error(), Fix: "see " + daemonLogPath(home)}
	}
	if client == nil {
		return f
	}
	defer client.Close()
	status, err := client.DaemonStatus(ctx)
	if err != nil {
		return finding{Name: "daemon", Detail: err.Error(), Fix: "see " + daemonLogPath(home)}
	}
	f.Detail = fmt.Sprintf("version %s, process %d, %s", status.Version, status.PID, rpc.SocketPath(home))
	if status.BuildID != buildID() {
		f.Detail += fmt.Sprintf("; it is of build %s and this command of %s", status.BuildID, buildID())
		f.Fix = "scu daemon stop"
	}
	return f
}

// examineHugePages looks at a mode of the kernel without which training is slower.
func examineHugePages() finding {
	f := finding{Name: "hugepages", OK: true}
	const path = "/sys/kernel/mm/transparent_hugepage/enabled"
	text, err := os.ReadFile(path)
	if err != nil {
		f.Detail = "this kernel tells no mode of transparent huge pages"
		return f
	}
	_, rest, _ := strings.Cut(string(text), "[")
	mode, _, _ := strings.Cut(rest, "]")
	f.Detail = "transparent huge pages: " + mode
	if mode == "never" {
		f.Detail += "; training is slower without them"
		f.Fix = "echo madvise | sudo tee " + path
	}
	return f
}

func examineMemory() finding {
	f := finding{Name: "memory", OK: true}
	available, err := availableMemory()
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Detail = progress.Bytes(available) + " available"
	if available < memoryForDefault {
		f.Detail += ", less than the " + progress.Bytes(memoryForDefault) + " that the default model may take"
		f.Fix = "end other programs, or train with --set micro_batch=1"
	}
	return f
}

// availableMemory is what the kernel can give without swapping, in bytes.
func availableMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read MemAvailable of /proc/meminfo: %w", err)
			}
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo does not tell MemAvailable")
}
