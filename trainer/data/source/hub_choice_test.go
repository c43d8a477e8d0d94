package source

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	pushed := `[{"config_name":"default","data_files":[{"split":"train","path":"data/train-*"},{"split":"test","path":"data/test-*"}]}]`
	subsets := `[{"config_name":"en","data_files":"en/*.csv"},{"config_name":"fr","default":true,"data_files":[{"split":"train","path":["fr/a.csv","fr/b.csv"]},{"split":"dev","path":"fr/c.csv"}]},{"config_name":2024,"data_dir":"y"}]`
	shards := []string{"data/train-0.parquet", "data/train-1.parquet", "data/test-0.parquet", "README.md"}
	bySubset := []string{"en/1.csv", "en/2.csv", "en/x/3.csv", "fr/a.csv", "fr/b.csv", "fr/c.csv", "y/train.csv", "y/test.csv"}
	for name, c := range map[string]struct {
		files   []string
		configs string
		spec    string // behind hf://datasets/o/d
		want    []string
		failure string
		warning string
	}{
		"one file":           {files: []string{"data.csv", "README.md", "dataset_infos.json"}, want: []string{"data.csv"}, warning: ""},
		"train by name":      {files: []string{"b/train.csv", "a_train_1.csv", "test.csv", "validation.csv", "strain.csv"}, want: []string{"a_train_1.csv", "b/train.csv"}},
		"train by directory": {files: []string{"train/0.csv", "test/0.csv", "train/test.csv"}, want: []string{"train/0.csv"}},
		"no train":           {files: []string{"a.csv", "b.csv", "test.csv"}, want: []string{"a.csv", "b.csv"}},
		"only held out":      {files: []string{"test.csv", "dev.csv", "dataset_infos.json"}, failure: `no file is named as of the split "train"`},
		"split by name":      {files: []string{"train.csv", "val.csv"}, spec: "?split=validation", want: []string{"val.csv"}},
		"own split":          {files: []string{"train.csv", "extra.csv"}, spec: "?split=extra", want: []string{"extra.csv"}},
		"no such split":      {files: []string{"train.csv"}, spec: "?split=extra", failure: `the split "extra"`},
		"config by name":     {files: []string{"en/train.csv", "fr/train.csv", "fr/test.csv"}, spec: "?config=fr", want: []string{"fr/train.csv"}},
		"no such config":     {files: []string{"train.csv"}, spec: "?config=fr", failure: `no config "fr"`},
		"card":               {files: shards, configs: pushed, want: []string{"data/train-0.parquet", "data/train-1.parquet"}},
		"card's split":       {files: shards, configs: pushed, spec: "?split=test", want: []string{"data/test-0.parquet"}},
		"card without split": {files: shards, configs: pushed, spec: "?split=dev", failure: "choose one with ?split=NAME: train, test"},
		"card lies":          {files: []string{"other.csv"}, configs: pushed, failure: "names the files data/train-*, but there are none"},
		"default config":     {files: bySubset, configs: subsets, want: []string{"fr/a.csv", "fr/b.csv"}},
		"config":             {files: bySubset, configs: subsets, spec: "?config=en", want: []string{"en/1.csv", "en/2.csv"}},
		"config and split":   {files: bySubset, configs: subsets, spec: "?config=fr&split=dev", want: []string{"fr/c.csv"}},
		"config's directory": {files: bySubset, configs: subsets, spec: "?config=2024", want: []string{"y/train.csv"}},
		"unknown config":     {files: bySubset, configs: subsets, spec: "?config=de", failure: "it has en, fr, 2024"},
		"several configs":    {files: bySubset, configs: `[{"config_name":"a"},{"config_name":"b"}]`, failure: "?config=NAME: a, b"},
		"strange card":       {files: bySubset, configs: `[{"config_name":"a","data_files":{"x":1}}]`, failure: "name a path in the data set"},
		"entry without path": {files: bySubset, configs: `[{"config_name":"a","data_files":[{"split":"train"}]}]`, failure: "must have a split and a path"},
		"path":               {files: shards, configs: pushed, spec: "/data/test-0.parquet", want: []string{"data/test-0.parquet"}},
		"path with pattern":  {files: bySubset, spec: "/**/[.csv", failure: "no file, directory or pattern"},
		"deep pattern":       {files: bySubset, spec: "/en/**", want: []string{"en/1.csv", "en/2.csv", "en/x/3.csv"}},
		"question mark":      {files: bySubset, spec: "/fr/*.csv", want: []string{"fr/a.csv", "fr/b.csv", "fr/c.csv"}},
		"directory":          {files: bySubset, spec: "/y", want: []string{"y/train.csv"}},
		"directory's split":  {files: bySubset, spec: "/y?split=test", want: []string{"y/test.csv"}},
		"path and split":     {files: shards, spec: "/data/test-0.parquet?split=train", failure: "give one of them"},
		"path and config":    {files: shards, spec: "/data?config=x", failure: "give one of them"},
		"mixed":              {files: []string{"train.csv", "train.jsonl", "train.bin"}, want: []string{"train.csv", "train.jsonl"}, warning: "2 formats"},
		"left out":           {files: []string{"d/a.csv", "d/b.bin"}, spec: "/d/*", want: []string{"d/a.csv"}, warning: "left out, since their extensions are not read: d/b.bin"},
	} {
		listing := hubListing{}
		if c.configs != "" {
			if err := json.Unmarshal([]byte(c.configs), &listing.Configs); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range c.files {
			listing.Files = append(listing.Files, hubFile{Type: "file", Path: file})
		}
		spec, err := parseHubSpec("hf://datasets/o/d" + c.spec)
		if err != nil {
			t.Fatal(err)
		}
		chosen, warnings, err := listing.choose(spec)
		var got []string
		for _, file := range chosen {
			got = append(got, file.Path)
		}
		switch warned := strings.Join(warnings, "\n"); {
		case c.failure != "":
			if err == nil || !strings.Contains(err.Error(), c.failure) {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, c.failure)
			}
		case err != nil || !slices.Equal(got, c.want):
			t.Errorf("%s: got %q, %v", name, got, err)
		case (warned == "") != (c.warning == "") || !strings.Contains(warned, c.warning):
			t.Errorf("%s: warnings %q", name, warned)
		}
	}
}
