package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	files, err := Service{
		Executable: `/opt/my tools/100%/scu`, Home: `/srv/a "b"\c`, Socket: "/run/user/1000/100%/daemon.sock", StopTimeout: 150 * time.Second,
	}.Files()
	if err != nil {
		t.Fatal(err)
	}
	for file, lines := range map[string][]string{
		ServiceUnit: {
			`ExecStart="/opt/my tools/100%%/scu" daemon --foreground`, `Environment="SCU_HOME=/srv/a \"b\"\\c"`, "TimeoutStopSec=150", "Type=notify",
			"KillMode=mixed", "Restart=on-failure", "OOMPolicy=continue", "ExecReload=/bin/kill -HUP $MAINPID",
		},
		SocketUnit: {"ListenStream=/run/user/1000/100%%/daemon.sock", "SocketMode=0600", "DirectoryMode=0700"},
	} {
		for _, line := range lines {
			if !strings.Contains("\n"+files[file], "\n"+line+"\n") {
				t.Errorf("%s has no line %s:\n%s", file, line, files[file])
			}
		}
	}
	files, err = Service{Executable: "/opt/$x/scu", Socket: "/s"}.Files()
	if err != nil || strings.Contains(files[ServiceUnit], "Environment=") || !strings.Contains(files[ServiceUnit], `ExecStart=:"/opt/$x/scu" `) {
		t.Errorf("without a home: %v\n%s", err, files[ServiceUnit])
	}
	for _, wrong := range []Service{{Executable: "/a\nb"}, {Executable: `/a"b`}, {Home: "/a\x00"}, {Socket: "/a\x1b"}} {
		if _, err := wrong.Files(); err == nil {
			t.Errorf("%+v was written", wrong)
		}
	}
}

// TestSystemdTakesTheUnits lets systemd itself read them.
func TestSystemdTakesTheUnits(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed; TestFiles looks at the lines:", err)
	}
	directory := t.TempDir()
	program := filepath.Join(directory, `a strange 100% $name`)
	if err := os.Symlink(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	files, err := Service{Executable: program, Home: directory, Socket: filepath.Join(directory, "daemon.sock"), StopTimeout: time.Minute}.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(tool, "verify", "--user", "--man=no", filepath.Join(directory, ServiceUnit), filepath.Join(directory, SocketUnit))
	command.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+directory)
	// What it says of units that are not ours, such as those of this machine, is not our business.
	answer, err := command.CombinedOutput()
	if err != nil || strings.Contains(string(answer), "scu.") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, answer)
	}
}
