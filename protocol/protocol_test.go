package protocol

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestNonFiniteNumbersTravelAsNullAndAreSaid(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(TrainingMetrics{Step: 1, DataBPT: NaN(), Loss: Float(math.Inf(1)), LambdaValue: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"data_bpt":null`, `"loss":null`, `"lambda_value":0.5`, `"non_finite":true`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	var back TrainingMetrics
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.DataBPT.Finite() || back.LambdaValue != 0.5 || !back.NonFinite {
		t.Errorf("read back as %+v", back)
	}
}

func TestFiniteMetricsDoNotMentionNonFinite(t *testing.T) {
	t.Parallel()
	held := Float(2.5)
	text, err := json.Marshal(&TrainingMetrics{Step: 1, ValDataBPT: &held})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "non_finite") || !strings.Contains(string(text), `"val_data_bpt":2.5`) {
		t.Errorf("%s", text)
	}
}

func TestSpecificationsAreCheckedForShape(t *testing.T) {
	t.Parallel()
	valid := JobSpec{BaseModel: "m", TrainData: "/d.jsonl"}
	if err := valid.Validate(); err != nil {
		t.Fatalf("two fields are enough: %v", err)
	}
	number := func(x float64) *float64 { return &x }
	for field, change := range map[string]func(*JobSpec){
		"base_model":   func(s *JobSpec) { s.BaseModel = " " },
		"train_data":   func(s *JobSpec) { s.TrainData = "" },
		"val_data":     func(s *JobSpec) { s.ValData = "relative.jsonl" },
		"init_adapter": func(s *JobSpec) { s.InitAdapter = "./a" },
		"adapter_name": func(s *JobSpec) { s.AdapterName = "../../etc/passwd" },
		"val_fraction": func(s *JobSpec) { s.ValFraction = number(1) },
		"target_s":     func(s *JobSpec) { s.TargetS = number(math.NaN()) },
		"auto_upload":  func(s *JobSpec) { s.AutoUpload = true },
	} {
		spec := valid
		change(&spec)
		if err := spec.Validate(); err == nil || err.Code != CodeInvalidConfig || !strings.Contains(err.Message, field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "run-7", "A.b_c", "job-1", strings.Repeat("x", 100)} {
		if err := ValidateName("name", name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "-x", ".hidden", "a b", "ä", "a\x00", "a\n", "job-lvu7ybbkwydhjib5", "adapter-gx37f7jiqj4pqqz7", strings.Repeat("x", 101)} {
		if ValidateName("name", name) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	for _, p := range []ListParams{{Status: "done"}, {Limit: -1}, {Limit: MaxListLimit + 1}} {
		if p.Validate() == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if err := (&ListParams{Status: StatusPaused, Limit: 5}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestOnlyThreeStatusesAreFinal(t *testing.T) {
	t.Parallel()
	final := map[Status]bool{StatusCompleted: true, StatusFailed: true, StatusCancelled: true}
	for _, status := range Statuses {
		if status.Final() != final[status] {
			t.Errorf("%s: final is %v", status, status.Final())
		}
	}
}

func TestErrorsSayTheHint(t *testing.T) {
	t.Parallel()
	bare := NewError(CodeNotFound, "no job %q", "x")
	hinted := bare.WithHint("see %s", "scu jobs")
	if bare.Error() != `no job "x"` || hinted.Error() != `no job "x" (see scu jobs)` || bare.Hint != "" {
		t.Errorf("%q, %q", bare, hinted)
	}
}
