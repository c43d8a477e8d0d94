package protocol

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxNameLength keeps names short enough for a directory entry and a table column.
const maxNameLength = 100

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// idPattern is the form of the ids that the daemon gives to jobs and adapters.
var idPattern = regexp.MustCompile(`^(job|adapter)-[a-z0-9]{16}$`)

// ValidateName refuses a name that could not be a file name, or that looks like a path or an option.
func ValidateName(field, name string) *Error {
	if len(name) > maxNameLength || !namePattern.MatchString(name) {
		return NewError(CodeInvalidConfig, "%s %q is not usable as a name", field, clip(name)).
			WithHint("use at most %d letters, digits, '.', '_' and '-', and begin with a letter or digit", maxNameLength)
	}
	if idPattern.MatchString(name) {
		return NewError(CodeInvalidConfig, "%s %q has the form of an id", field, name).
			WithHint("a name stands wherever an id may, so choose one that cannot be taken for an id")
	}
	return nil
}

// Validate checks the shape of a job's specification: what can be said without looking at any file.
func (s *JobSpec) Validate() *Error {
	switch {
	case strings.TrimSpace(s.BaseModel) == "":
		return NewError(CodeInvalidConfig, "base_model is missing").
			WithHint("name an installed model, a directory or a GGUF file")
	case strings.TrimSpace(s.TrainData) == "":
		return NewError(CodeInvalidConfig, "train_data is missing").WithHint("name a file of training rows, such as train.jsonl")
	case s.AutoUpload:
		return NewError(CodeInvalidConfig, "auto_upload is not served by this daemon").WithHint("leave it out and upload the adapter's directory by hand")
	}
	for field, path := range map[string]string{"train_data": s.TrainData, "val_data": s.ValData, "init_adapter": s.InitAdapter} {
		remote := strings.Contains(path, "://") && field != "init_adapter" // which of them can be read is for the trainer to say
		if path != "" && !filepath.IsAbs(path) && !remote {
			return NewError(CodeInvalidConfig, "%s %q is not an absolute path", field, clip(path)).
				WithHint("the daemon has another working directory than you; give the whole path")
		}
	}
	if s.AdapterName != "" {
		if err := ValidateName("adapter_name", s.AdapterName); err != nil {
			return err
		}
	}
	if s.ValFraction != nil && !(*s.ValFraction >= 0 && *s.ValFraction < 1) {
		return NewError(CodeInvalidConfig, "val_fraction is %g; it must be at least 0 and below 1", *s.ValFraction)
	}
	if err := ValidatePriority(s.Priority); err != nil {
		return err
	}
	if s.TargetS != nil && !(*s.TargetS > 0 && *s.TargetS < 1) {
		return NewError(CodeInvalidConfig, "target_s is %g; it must be above 0 and below 1", *s.TargetS)
	}
	return nil
}

// MaxPriority bounds priorities on both sides.
const MaxPriority = 100

// ValidatePriority refuses a priority that is out of range.
func ValidatePriority(priority int) *Error {
	if priority < -MaxPriority || priority > MaxPriority {
		return NewError(CodeInvalidConfig, "priority is %d; it must be %d to %d", priority, -MaxPriority, MaxPriority).
			WithHint("0 is the usual one, and higher runs first")
	}
	return nil
}

// Validate checks the filter of a list.
func (p *ListParams) Validate() *Error {
	if p.Status != "" && !slices.Contains(Statuses, p.Status) {
		return NewError(CodeInvalidConfig, "status %q is not known", clip(string(p.Status))).
			WithHint("use one of %v", Statuses)
	}
	if p.Limit < 0 || p.Limit > MaxListLimit {
		return NewError(CodeInvalidConfig, "limit is %d; it must be 0 to %d", p.Limit, MaxListLimit)
	}
	return nil
}

func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
}
