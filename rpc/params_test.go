package rpc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestDecodeParams(t *testing.T) {
	t.Parallel()
	got, err := DecodeParams[protocol.CreateParams](json.RawMessage(` {"base_model":"m","dry_run":true,"config_overrides":{"seed":1},"tags":["a"],"val_fraction":0.5} `))
	if err != nil {
		t.Fatal(err)
	}
	if got.BaseModel != "m" || !got.DryRun || got.ConfigOverrides["seed"] != 1.0 || got.Tags[0] != "a" || *got.ValFraction != 0.5 {
		t.Errorf("got %+v", got)
	}
	for _, missing := range []string{"", "null", "{}", "  "} {
		if got, err := DecodeParams[protocol.ListParams](json.RawMessage(missing)); err != nil || *got != (protocol.ListParams{}) {
			t.Errorf("params %q: got %+v, %v; want the zero value", missing, got, err)
		}
	}
}

func TestDecodeParamsRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ params, want string }{
		{`{"base_model":5}`, "base_model must be a string, not number"},
		{`{"priority":"high"}`, "priority must be a whole number, not string"},
		{`{"priority":1.5}`, "priority must be a whole number, not number 1.5"},
		{`{"val_fraction":"x"}`, "val_fraction must be a number, not string"},
		{`{"dry_run":1}`, "dry_run must be true or false, not number"},
		{`{"tags":"a"}`, "tags must be a list, not string"},
		{`{"tags":[1]}`, "must be a string, not number"},
		{`{"config_overrides":[]}`, "config_overrides must be an object, not array"},
		{`{"learning_rte":1}`, `the field "learning_rte" is not known (the fields are base_model, train_data`},
		{`{"learning_rte":1}`, "dry_run"},
		{`["m"]`, "must be an object"},
		{`"m"`, "must be an object"},
		{`7`, "must be an object"},
		{`{`, "cannot be read"},
	} {
		_, err := DecodeParams[protocol.CreateParams](json.RawMessage(test.params))
		var refused *protocol.Error
		if !errors.As(err, &refused) || refused.Code != protocol.CodeInvalidConfig {
			t.Errorf("%s: got %v, want invalid_config", test.params, err)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "JobSpec") {
			t.Errorf("%s: got %q, want %q and no Go names", test.params, err, test.want)
		}
		if wire := expectedError("m", err); wire.Code != protocol.RPCInvalidParams {
			t.Errorf("%s: the code is %d", test.params, wire.Code)
		}
	}
	if _, err := DecodeParams[struct{}](json.RawMessage(`{"x":1}`)); err == nil || !strings.Contains(err.Error(), "takes none") {
		t.Errorf("a field for a call without any: got %v", err)
	}
}

func FuzzDecodeParams(f *testing.F) {
	f.Add([]byte(`{"id":"a"}`))
	f.Add([]byte(`{"id":5,"from":"x"}`))
	f.Fuzz(func(t *testing.T, params []byte) {
		got, err := DecodeParams[protocol.MetricsParams](params)
		var refused *protocol.Error
		if (got == nil) != (err != nil) || err != nil && (!errors.As(err, &refused) || refused.Message == "") {
			t.Fatalf("%q: got %+v, %v", params, got, err)
		}
	})
}
