// Package systemd makes the daemon a service of its user: two unit files, scu.service and scu.socket, and the calls to
// systemctl that put them to use. It knows how to write them and nothing of what the daemon does; systemd's side of the
// protocol (the socket that is handed down, the notice that the daemon is ready) is in packages rpc and main.
//
// # Design
//
// The socket unit listens at the very path that clients dial, so that the first of them starts the service. The service is
// started with the user's manager too, because jobs that were interrupted go on without any client. It lets the daemon end
// its workers by itself, within a time that is enough for their checkpoints, and only then kills what is left. A worker
// that the kernel kills for want of memory does not take the service down: the daemon sees to it.
//
// Installing twice is the same as installing once. Nothing is done for the system's own manager, or where there is none
// for the user: a daemon that the first client starts does as well there.
package systemd
