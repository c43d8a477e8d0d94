package systemd

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// The names of the units.
const (
	ServiceUnit = "scu.service"
	SocketUnit  = "scu.socket"
)

// Service is what the units say.
type Service struct {
	Executable  string        // this program, absolute
	Home        string        // for SCU_HOME; empty leaves it to its default
	Socket      string        // where clients dial, absolute
	StopTimeout time.Duration // for the daemon to end by itself
}

const socketUnit = `# Written by scu daemon install.
[Unit]
Description=Socket of the scu daemon

[Socket]
ListenStream=%s
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`

const serviceUnit = `# Written by scu daemon install.
[Unit]
Description=scu daemon, which fine-tunes language models
Requires=scu.socket
After=scu.socket

[Service]
Type=notify
%sExecStart=%s daemon --foreground
ExecReload=/bin/kill -HUP $MAINPID
# Opening the job store may take long after an update.
TimeoutStartSec=300
# SIGTERM goes to the daemon alone: it lets each worker write a checkpoint. Whatever is left after that is killed.
KillMode=mixed
TimeoutStopSec=%d
Restart=on-failure
RestartSec=2
# A worker that dies for want of memory is the daemon's business.
OOMPolicy=continue

[Install]
WantedBy=default.target
`

// Files are the contents of the unit files by name.
func (s Service) Files() (map[string]string, error) {
	for what, text := range map[string]string{"this program": s.Executable, "SCU_HOME": s.Home, "the socket": s.Socket} {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return nil, fmt.Errorf("the path of %s, %q, holds a character that a unit file cannot: use another path", what, text)
		}
	}
	if strings.ContainsAny(s.Executable, `"'\`) {
		return nil, fmt.Errorf("systemd starts no program whose path holds quotes or backslashes, as %s does: move it", s.Executable)
	}
	environment := ""
	if s.Home != "" {
		environment = "Environment=" + quote("SCU_HOME="+s.Home) + "\n"
	}
	return map[string]string{
		SocketUnit:  fmt.Sprintf(socketUnit, percent(s.Socket)),
		ServiceUnit: fmt.Sprintf(serviceUnit, environment, program(s.Executable), int(s.StopTimeout.Seconds())),
	}, nil
}

// program is the path of ExecStart. The colon keeps a dollar sign in it from being a variable.
func program(path string) string {
	if strings.Contains(path, "$") {
		return ":" + quote(path)
	}
	return quote(path)
}

// quote keeps spaces, quotes and specifiers of systemd's from having a meaning; see systemd.syntax(7).
func quote(text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(percent(text))
	return `"` + text + `"`
}

func percent(text string) string { return strings.ReplaceAll(text, "%", "%%") }
