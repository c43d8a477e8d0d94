// Package protocol is the wire contract of scu: the names of the JSON-RPC methods, their params and results, the
// notifications, and the error codes, as Go types with snake_case JSON fields and RFC 3339 UTC times.
//
// It does no I/O and imports nothing but the standard library, so that every client (command line, kernel, widgets,
// other programs) can share it without drawing in a transport or an engine. What it validates is shape: that a field is
// there, that a number is in its range, that a word is one of those known. Whether a file exists or a model fits a
// device is for other rooms.
//
// Two conventions hold everywhere. A number that may be NaN or infinite has type [Float] and travels as null, with a
// non_finite field beside it, because JSON has no such numbers. Wherever a params type has an id, a job may be named by
// its id or by its name.
package protocol

// Version is the protocol's version, negotiated by initialize. It grows only when an old peer would misread a new one.
const Version = 1

// Limits of the wire, told to clients in the answer to initialize.
const (
	// MaxFrameBytes is the largest JSON-RPC frame either side accepts.
	MaxFrameBytes = 8 << 20
	// MaxListLimit is the largest page of a list method.
	MaxListLimit = 1000
)

// The methods of the daemon.
const (
	MethodInitialize     = "initialize"
	MethodJobCreate      = "job/create"
	MethodJobGet         = "job/get"
	MethodJobList        = "job/list"
	MethodJobWait        = "job/wait"
	MethodJobCancel      = "job/cancel"
	MethodJobRetry       = "job/retry"
	MethodJobPause       = "job/pause"
	MethodJobResume      = "job/resume"
	MethodJobSetPriority = "job/set_priority"
	MethodJobDelete      = "job/delete"
	MethodJobMetrics     = "job/metrics"
	MethodJobEvents      = "job/events"
	MethodJobLogs        = "job/logs"
	MethodJobSubscribe   = "job/subscribe"
	MethodJobUnsubscribe = "job/unsubscribe"
	MethodAdapterList    = "adapter/list"
	MethodAdapterGet     = "adapter/get"
	MethodAdapterDelete  = "adapter/delete"
	MethodQueueStatus    = "queue/status"
	MethodQueuePause     = "queue/pause"
	MethodQueueResume    = "queue/resume"
	MethodDeviceList     = "device/list"
	MethodUsageList      = "usage/list"
	MethodDaemonStatus   = "daemon/status"
	MethodDaemonShutdown = "daemon/shutdown"
	MethodDaemonConfig   = "daemon/config"
)

// The notifications. CancelRequest goes from client to daemon and ends a call, never a job.
const (
	NotifyCancelRequest = "$/cancelRequest"
	NotifyJobEvent      = "job/event"
	NotifyLagged        = "job/lagged"
)
