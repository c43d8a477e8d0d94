package data

import (
	"strings"
	"testing"
)

func TestAKeyThatOccursTwiceIsRefused(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"prompt":"a","completion":"b","prompt":"c"}`:                                       `"prompt" occurs more than once`,
		`{"prompt":"a","completion":"b","x":1,"x":2}`:                                        `"x" occurs more than once`,
		`{"prompt":"a","completion":"b","pr\u006fmpt":"c"}`:                                  `"prompt" occurs more than once`,
		`{"text":"a","":1,"":2}`:                                                             `"" occurs more than once`,
		`{"messages":[{"role":"user","content":"q","role":"assistant"}]}`:                    `field "messages", message 1: the key "role" occurs more than once`,
		`{"text":"a","other":{"k":1,"k":2},"list":[{"k":1},{"k":2}]}`:                        "", // of what is not read
		`{"text":"a:\"b\":\\","pr\\ompt":":","prompt":":{[\\\"","z":"\\\\","completion":""}`: "", // no JSON key twice
		` { "text" : "x" , "y" : [ { "text" : { } } , "text" ] } `:                           "",
		`{}`: "no usable field",
	} {
		object, err := parseObject([]byte(line))
		if err == nil {
			_, err = new(rowParser).row(object)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func TestARepeatedKeyIsToldWithItsRow(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"rows.jsonl": `{"text":"a"}` + "\n" + `{"text":"a","text":"b"}` + "\n",
		"rows.json":  `[{"text":"a"},{"text":"a","text":"b"}]`,
	} {
		path := writeFile(t, name, content)
		reader, err := Open(t.Context(), path, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range reader.Rows(t.Context()) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), path+`, row 2: the key "text" occurs more than once`) {
			t.Errorf("%s: %v", name, last)
		}
	}
}
