package weights

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func fingerprintOf(t *testing.T, path string) string {
	t.Helper()
	model, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	fingerprint, err := model.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(fingerprint) {
		t.Errorf("the fingerprint is %q", fingerprint)
	}
	return fingerprint
}

func TestFingerprintFollowsTheContentOfADirectory(t *testing.T) {
	t.Parallel()
	write := func(files map[string]string, change func([]Tensor)) string {
		all := map[string]string{configFile: tinyConfigJSON}
		for name, text := range files {
			all[name] = text
		}
		tensors := tinyTensors(t)
		change(tensors)
		return fingerprintOf(t, writeDirectory(t, all, tensors))
	}
	same := func([]Tensor) {}
	original := write(nil, same)
	if again := write(nil, same); again != original {
		t.Error("the same model in another directory has another fingerprint")
	}
	changed := map[string]string{
		"one weight":   write(nil, func(tensors []Tensor) { tensors[5].Data[3] = 77 }),
		"the config":   write(map[string]string{configFile: tinyConfigJSON + "\n"}, same),
		"the template": write(map[string]string{chatTemplateFile: "x"}, same),
		"another file": write(map[string]string{tokenizerConfigFile: `{"chat_template":"x"}`}, same),
	}
	seen := map[string]string{original: "nothing"}
	for what, fingerprint := range changed {
		if earlier, ok := seen[fingerprint]; ok {
			t.Errorf("changing %s and changing %s give the same fingerprint", what, earlier)
		}
		seen[fingerprint] = what
	}
}

func TestFingerprintFollowsTheContentOfAGGUF(t *testing.T) {
	t.Parallel()
	original, err := os.ReadFile(filepath.Join("testdata", "llama.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return fingerprintOf(t, path)
	}
	want := fingerprintOf(t, filepath.Join("testdata", "llama.gguf"))
	if got := fingerprint("renamed.gguf", original); got != want {
		t.Error("a renamed copy has another fingerprint")
	}
	original[len(original)-1] ^= 1
	if got := fingerprint("llama.gguf", original); got == want {
		t.Error("a changed weight leaves the fingerprint as it was")
	}
}
