package rpc

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// initialize answers the first call. Until it succeeds the connection serves nothing else. Fields that this version does
// not know are let through here, and only here: they come from a newer client, which is to be told so.
func (s *Session) initialize(call *request) *response {
	if s.greeted {
		return refuse(call.id, protocol.RPCInvalidRequest, "this connection is initialized already")
	}
	var params protocol.InitializeParams
	if err := json.Unmarshal(orNull(call.params), &params); err != nil {
		return &response{id: call.id, err: expectedError(call.method, describeDecoding(err, nil))}
	}
	if params.ProtocolVersion != protocol.Version {
		return refuseWith(call.id, wrongVersion(params.ProtocolVersion))
	}
	result, err := json.Marshal(s.greeting(params.Client))
	if err != nil {
		s.logger.Error("encode the answer to initialize", "error", err)
		return &response{id: call.id, err: internalError(call.method)}
	}
	s.client = params.Client
	s.greeted = true
	s.setReadDeadline(time.Time{})
	return &response{id: call.id, result: result}
}

func wrongVersion(clients int) *protocol.Error {
	if clients == 0 {
		return protocol.NewError(protocol.CodeInvalidConfig, "protocol_version is missing; the daemon speaks version %d", protocol.Version).
			WithHint(`send {"client":{"name":"…","version":"…"},"protocol_version":%d}`, protocol.Version)
	}
	e := protocol.NewError(protocol.CodeConflict, "the client speaks protocol version %d and the daemon version %d", clients, protocol.Version)
	if clients > protocol.Version {
		return e.WithHint("the daemon is the older one: run `scu daemon stop`, and the next command starts the new one")
	}
	return e.WithHint("the client is the older one: update it")
}

func (s *Session) greeting(client protocol.ClientInfo) *protocol.InitializeResult {
	info := s.server.Info
	result := &protocol.InitializeResult{
		Server:          info,
		ProtocolVersion: protocol.Version,
		Capabilities: protocol.Capabilities{
			Methods:       append([]string{}, s.server.Methods...),
			Notifications: []string{protocol.NotifyJobEvent, protocol.NotifyLagged},
		},
		Limits: protocol.WireLimits{
			MaxFrameBytes: protocol.MaxFrameBytes, MaxListLimit: protocol.MaxListLimit,
			MaxConcurrent: maxConcurrent, MaxSubscriptions: MaxSubscriptions,
		},
	}
	if client.BuildID != "" && info.BuildID != "" && client.BuildID != info.BuildID {
		result.Notice = fmt.Sprintf("the daemon (version %s, build %s) is of another build than this client (version %s, build %s); "+
			"`scu daemon stop` ends it when its jobs are done, and the next command starts the new one",
			info.Version, info.BuildID, client.Version, client.BuildID)
	}
	return result
}

func orNull(params json.RawMessage) json.RawMessage {
	if params == nil {
		return nullID
	}
	return params
}
