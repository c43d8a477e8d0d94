package data

import (
	"reflect"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/data/source"
)

func TestTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, content string
		want          []Row
	}{
		"CSV":                {"a.csv", "id,text\n1,a\n2,\"b, \"\"c\"\"\nd\"\n\n3,e\n", []Row{{Number: 2, Kind: Text, Text: "a"}, {Number: 3, Kind: Text, Text: "b, \"c\"\nd"}, {Number: 6, Kind: Text, Text: "e"}}},
		"mark and CRLF":      {"a.csv", "\xef\xbb\xbfprompt,completion\r\np,\"c\r\nd\"\r\n", []Row{{Number: 2, Kind: PromptCompletion, Prompt: "p", Completion: "c\nd"}}},
		"no end of line":     {"a.csv", "text\na", []Row{{Number: 2, Kind: Text, Text: "a"}}},
		"empty cells":        {"a.csv", "instruction,input,output\ni,,o\ni,n,\n", []Row{{Number: 2, Kind: Instruction, Prompt: "i", Completion: "o"}, {Number: 3, Kind: Instruction, Prompt: "i\n\nn"}}},
		"TSV":                {"a.tsv", "question\tanswer\nq, r\ta\n", []Row{{Number: 2, Kind: Instruction, Prompt: "q, r", Completion: "a"}}},
		"unnamed and spaced": {"a.csv", ", text ,\n0,a,x\n", []Row{{Number: 2, Kind: Text, Text: "a"}}},
		"messages": {"a.csv", "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"u\"\"}]\"\n",
			[]Row{{Number: 2, Kind: Messages, Messages: []Message{{"user", "u"}}}}},
		"number as text": {"a.csv", "text\n5\n", []Row{{Number: 2, Kind: Text, Text: "5"}}},
	} {
		checkRows(t, name, c.file, c.content, c.want)
	}
}

// checkRows reads a file of this name and content.
func checkRows(t *testing.T, name, file, content string, want []Row) {
	t.Helper()
	path := writeFile(t, file, content)
	for i := range want {
		want[i].File = path
	}
	got, err := ReadFile(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got  %+v, %v\n want %+v", name, got, err, want)
	}
}

func TestTableErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, content string
		row           int // 0: not about a row
		want          string
	}{
		"empty":           {"a.csv", "", 0, "holds no rows"},
		"header only":     {"a.csv", "text\n", 0, "holds no rows"},
		"UTF-16":          {"a.csv", "\xff\xfet\x00", 0, "UTF-16"},
		"too few fields":  {"a.csv", "text,label\na,b\nc\n", 3, "the row does not have the 2 fields"},
		"too many fields": {"a.csv", "text\na\nb,c\n", 3, "the row does not have the 1 fields"},
		"unclosed quote":  {"a.csv", "text\na\n\"b\nc\n", 3, "line 4, column 3: extraneous or missing"},
		"bare quote":      {"a.tsv", "text\na\nsay \"x\"\n", 3, `line 3, column 5: bare " in non-quoted-field; a field with a quote`},
		"twice":           {"a.csv", "text,id,text\na,1,b\n", 1, `names the column "text" twice`},
		"header UTF-8":    {"a.csv", "t\xe9xt\na\n", 1, "the header: invalid UTF-8: byte 0xe9 at column 2"},
		"UTF-8":           {"a.csv", "id,text\n1,a\n2,\xe9\n", 3, `field "text": invalid UTF-8: byte 0xe9 at column 1`},
		"no header":       {"a.csv", "Once upon a time\nthere was\n", 2, `no usable field: it holds "Once upon a time" (string)`},
		"messages":        {"a.csv", "messages\n\"[{'role': 'user'}]\"\n", 2, `field "messages" must hold a list of messages as JSON; it begins [{'role'`},
		"messages object": {"a.csv", "messages\n{}\n", 2, `field "messages" must be a list of messages, not object`},
		"surrogate":       {"a.csv", "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"\\ud800\"\"}]\"\n", 2, `field "messages": the escape \ud800`},
	} {
		checkError(t, name, writeFile(t, c.file, c.content), c.row, c.want)
	}
}

func TestJSONLayouts(t *testing.T) {
	t.Parallel()
	a, b := Row{Number: 1, Kind: Text, Text: "a"}, Row{Number: 2, Kind: Text, Text: "b"}
	for name, c := range map[string]struct {
		content string
		want    []Row
	}{
		"member":                 {`{"version":"1","columns":["text"],"data":[{"text":"a"},{"text":"b"}],"more":{"x":[1]}}`, []Row{a, b}},
		"member on lines":        {"{\n \"data\" : [\n  {\"text\":\"a\"},\n {\"text\":\"b\"}\n]\n}\n", []Row{a, b}},
		"objects on lines":       {"{\n \"text\": \"a\"\n}\n{\n \"text\": \"b\"\n}\n", []Row{a, b}},
		"objects begun on lines": {"{\"text\":\n\"a\"}\n{\"text\":\"b\"}", []Row{a, b}},
		"objects on one line":    {`{"text":"a"} {"text":"b"}`, []Row{a, b}},
		"one row":                {`{"text":"a"}`, []Row{a}},
		"row with a list":        {`{"text":"a","tags":[{"x":1}]}`, []Row{a}},
		"row with a list, lines": {"{\"text\":\"a\",\"tags\":[{\"x\":1}]}\n{\"text\":\"b\",\"tags\":[{\"x\":1}]}", []Row{a, b}},
		"row over lines":         {"{\"tags\":[{\"x\":1}],\n\"text\":\"a\"}", []Row{a}},
		"messages":               {`{"messages":[{"role":"user","content":"a"}]}`, []Row{{Number: 1, Kind: Messages, Messages: []Message{{"user", "a"}}}}},
		"messages over lines":    {"{\"messages\":[\n{\"role\":\"user\",\"content\":\"a\"}]}", []Row{{Number: 1, Kind: Messages, Messages: []Message{{"user", "a"}}}}},
		"wrapped messages":       {`{"rows":[{"messages":[{"role":"user","content":"a"}]}]}`, []Row{{Number: 1, Kind: Messages, Messages: []Message{{"user", "a"}}}}},
		"long first row":         {`{"text":"` + strings.Repeat("a", 2*jsonWindow) + `"}` + "\n" + `{"text":"b"}`, []Row{{Number: 1, Kind: Text, Text: strings.Repeat("a", 2*jsonWindow)}, b}},
	} {
		checkRows(t, name, "a.json", c.content, c.want)
	}
}

func TestJSONLayoutErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		row     int
		want    string
	}{
		"two lists":          {`{"train":[{"text":"a"}],"test":[{"text":"b"}]}`, 0, `two lists of objects, "train" and "test"`},
		"columns":            {`{"text":["a","b"]}`, 1, `field "text" must be a string, not list`},
		"empty member":       {`{"data":[]}`, 1, `no usable field: it holds "data" (list)`},
		"nested":             {`{"data":{"train":[{"text":"a"}]}}`, 1, `no usable field: it holds "data" (object)`},
		"second not object":  {`{"data":[{"text":"a"},5]}`, 2, "the row is number, not a JSON object"},
		"member never ended": {`{"data":[{"text":"a"}`, 1, "ends inside the array or object"},
		"object never ended": {`{"data":[{"text":"a"}]`, 1, "ends inside the array or object"},
		"more behind":        {`{"data":[{"text":"a"}]} x`, 1, "something follows the object"},
		"values cut short":   {"{\n\"text\":\"a\"\n}\n{\n\"text\":", 2, "ends inside the array or object"},
		"stray bracket":      {"{\n\"text\":\"a\"\n}\n]", 1, "something follows the last object"},
		"broken metadata":    {"{\"x\":\n{]},\"data\":[{}]}", 1, "invalid JSON"},
		"UTF-8":              {"{\"data\":[{\"text\":\"a\"},{\"text\":\"\xff\"}]}", 2, "invalid UTF-8"},
	} {
		checkError(t, name, writeFile(t, "a.json", c.content), c.row, c.want)
	}
}

func TestDocumentSeparator(t *testing.T) {
	t.Parallel()
	type document struct {
		Number int
		Text   string
	}
	for name, c := range map[string]struct {
		separator, content string
		want               []document
	}{
		"blank lines":           {"", "\n\na\r\n\r\n\r\nb\nc\n", []document{{3, "a"}, {6, "b\nc"}}},
		"inside a line":         {"<|end|>", "a<|end|>b\n\nc<|end|><|end|>\n d", []document{{1, "a"}, {1, "b\n\nc"}, {4, " d"}}},
		"line of its own":       {"\n---\n", "---\na --- b\n---\n---\r\n\nc\n\n---", []document{{2, "a --- b"}, {6, "c"}}},
		"over lines":            {"\n\n\n", "a\n\nb\n\n\nc\n\n\n\n\n\nd", []document{{1, "a\n\nb"}, {6, "c"}, {12, "d"}}},
		"CRLF":                  {"\r\n##\r\n", "a\r\n##\r\nb", []document{{1, "a"}, {3, "b"}}},
		"line's end and more":   {"x\ny", "ax\nyb\nx\n\ny", []document{{1, "a"}, {2, "b\nx\n\ny"}}},
		"not there":             {"@@", "a\n\n\nb\n", []document{{1, "a\n\n\nb"}}},
		"overlaps itself":       {"aa", "baaac", []document{{1, "b"}, {1, "ac"}}},
		"only separators":       {"@", "@@\n@ \n", nil},
		"blank before the text": {"@", "@\n\n \nb", []document{{4, "b"}}},
		"across a line's start": {"\nb", "a\nb\nbc", []document{{1, "a"}, {3, "c"}}},
	} {
		reader := newTextReader("f", source.Text, strings.NewReader(c.content), &rowParser{})
		reader.separator = c.separator
		var got []document
		for row, err := range reader.rows() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, document{row.Number, row.Text})
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
