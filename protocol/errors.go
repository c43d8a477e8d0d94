package protocol

import "fmt"

// JSON-RPC error codes: those of JSON-RPC 2.0, those that LSP added, and one of ours that covers every refusal whose
// reason is the request itself; the reason's [ErrorCode] is then in the error's data.
const (
	RPCParseError       = -32700
	RPCInvalidRequest   = -32600
	RPCMethodNotFound   = -32601
	RPCInvalidParams    = -32602
	RPCInternal         = -32603
	RPCNotInitialized   = -32002
	RPCRequestCancelled = -32800
	RPCRefused          = -32001
)

// ErrorCode names a kind of failure, for programs. People read the message and the hint.
type ErrorCode string

// The kinds of failure.
const (
	CodeInvalidConfig    ErrorCode = "invalid_config"
	CodeDatasetInvalid   ErrorCode = "dataset_invalid"
	CodeModelNotFound    ErrorCode = "model_not_found"
	CodeModelUnsupported ErrorCode = "model_unsupported"
	CodeDeviceNotFound   ErrorCode = "device_not_found"
	CodeOutOfMemory      ErrorCode = "out_of_memory"
	CodeOutOfDisk        ErrorCode = "out_of_disk"
	CodeNonFinite        ErrorCode = "non_finite"
	CodeWorkerCrashed    ErrorCode = "worker_crashed"
	CodeTimeLimit        ErrorCode = "time_limit"
	CodeQuotaExceeded    ErrorCode = "quota_exceeded"
	CodeQueueFull        ErrorCode = "queue_full"
	CodeNotAllowed       ErrorCode = "not_allowed"
	CodeUploadFailed     ErrorCode = "upload_failed"
	CodeCancelled        ErrorCode = "cancelled"
	CodeNotFound         ErrorCode = "not_found"
	CodeConflict         ErrorCode = "conflict"
	CodeInternal         ErrorCode = "internal"
)

// Error is a failure told to a person: what is wrong and where (Message), and what to do next (Hint).
type Error struct {
	Code      ErrorCode `json:"code" msgpack:"code"`
	Message   string    `json:"message" msgpack:"message"`
	Hint      string    `json:"hint,omitempty" msgpack:"hint"`
	Retryable bool      `json:"retryable" msgpack:"retryable"`
}

// Error returns the message and, after it, the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// NewError makes an Error whose hint is empty. The message is formatted as by fmt.Sprintf.
func NewError(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e that says what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	withHint := *e
	withHint.Hint = fmt.Sprintf(format, args...)
	return &withHint
}
