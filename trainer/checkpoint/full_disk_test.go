package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/trainer/durable"
)

// smallDiskVariable names the directory at which a child process mounts a file system of its own.
const smallDiskVariable = "SCU_TEST_SMALL_DISK"

// TestADiskThatFillsUpInTheMiddle has the kernel refuse the bytes of a checkpoint for which there seemed to be room. It runs
// itself again, as a process that sees a small file system.
func TestADiskThatFillsUpInTheMiddle(t *testing.T) {
	if directory := os.Getenv(smallDiskVariable); directory != "" {
		fillDisk(t, directory)
		return
	}
	t.Parallel()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), smallDiskVariable+"="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	output, err := command.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), strings.Contains(string(output), cannotMount):
		t.Skipf("this system lets nobody mount a file system here: %v\n%s", err, output)
	case err != nil || !strings.Contains(string(output), "--- PASS"):
		t.Errorf("%v\n%s", err, output)
	}
}

const cannotMount = "cannot mount"

func fillDisk(t *testing.T, directory string) {
	if err := unix.Mount("none", directory, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf(cannotMount+": %v", err)
	}
	d := open(t, filepath.Join(directory, "job"))
	seemed := true
	d.FreeBytes = func(path string) (int64, error) {
		if seemed {
			seemed = false
			return 1 << 40, nil
		}
		return durable.FreeBytes(path)
	}
	write(t, d, 1, 10)
	large := sample(20)
	for _, vector := range large.Vectors.all() {
		*vector = make([]float32, 32<<10)
	}
	seemed = true
	err := d.Write(large, 1)
	var noRoom *durable.NoRoomError
	if !errors.As(err, &noRoom) || !durable.IsFull(err) || noRoom.Free >= 256<<10 || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(d.Path()); err != nil || len(left) != 1 || left[0].Name() != entryName(10) {
		t.Errorf("the directory holds %v (%v)", left, err)
	}
	if got, damaged, err := d.Newest(); err != nil || len(damaged) > 0 || got == nil || got.State.Step != 10 {
		t.Errorf("read %+v, %v, %v", got, damaged, err)
	}
}
