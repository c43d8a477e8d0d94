package source

import (
	"fmt"
	"mime"
	"path"
	"slices"
	"strings"
)

// Format is how a file holds rows.
type Format string

// The formats, by extension.
const (
	JSONLines Format = "jsonl"
	JSON      Format = "json"
	CSV       Format = "csv"
	TSV       Format = "tsv"
	Text      Format = "txt"
	Parquet   Format = "parquet"
)

// Compression is what a text file is compressed with.
type Compression string

// The compressions.
const (
	Plain     Compression = ""
	Gzip      Compression = "gzip"
	Zstandard Compression = "zstd"
)

var formats = map[string]Format{
	".jsonl": JSONLines, ".ndjson": JSONLines, ".json": JSON, ".csv": CSV, ".tsv": TSV, ".txt": Text, ".parquet": Parquet,
}

var compressions = map[string]Compression{".gz": Gzip, ".zst": Zstandard, ".zstd": Zstandard}

// accepted lists the extensions, for errors.
const accepted = ".jsonl, .ndjson, .json, .csv, .tsv, .txt, .parquet; with .gz or .zst behind all but .parquet"

// formatOf tells a file's form by its name.
func formatOf(name string) (Format, Compression, error) {
	name = strings.ToLower(path.Base(name))
	extension := path.Ext(name)
	compression, compressed := compressions[extension]
	if compressed {
		extension = path.Ext(strings.TrimSuffix(name, extension))
	}
	format, known := formats[extension]
	switch {
	case slices.Contains([]string{".zip", ".tar", ".tgz", ".7z", ".bz2", ".xz"}, extension):
		return "", "", fmt.Errorf("the extension %q is not known: archives are not read; unpack it and give the directory; accepted: %s", extension, accepted)
	case !known:
		return "", "", fmt.Errorf("the extension %q is not known; accepted: %s", extension, accepted)
	case compressed && format == Parquet:
		return "", "", fmt.Errorf("a compressed Parquet file cannot be read; decompress it (Parquet compresses its own columns)")
	}
	return format, compression, nil
}

// mediaTypes are what servers say of data files that have no telling name.
var mediaTypes = map[string]Format{
	"application/jsonl": JSONLines, "application/jsonlines": JSONLines, "application/x-jsonlines": JSONLines,
	"application/x-ndjson": JSONLines, "application/ndjson": JSONLines,
	"application/json": JSON, "text/json": JSON,
	"text/csv": CSV, "text/tab-separated-values": TSV, "text/plain": Text,
	"application/vnd.apache.parquet": Parquet, "application/x-parquet": Parquet,
}

// formatOfMedia tells a file's form by the Content-Type of a response.
func formatOfMedia(contentType string) (Format, bool) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", false
	}
	format, known := mediaTypes[media]
	return format, known
}
