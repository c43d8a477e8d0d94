package data

import (
	"context"
	"fmt"
	"iter"
	"os"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// SourceFile is one local file of a data set.
type SourceFile = source.File

// ReadOptions says where rows come from and what they are made of. The zero value
// reads local files and detects the fields.
type ReadOptions struct {
	Fields Fields
	// DocumentSeparator parts the documents of text files. It does so wherever it
	// stands, also inside a line; if it begins and ends with a newline, such as
	// "\n---\n", only where it is a line of its own. "" is runs of blank lines.
	DocumentSeparator string
	// CacheDir is where data sets from the network are kept. Without one, only
	// local files can be read.
	CacheDir string
	// MaximumDownload bounds one fetched file, in bytes; 0 is a generous bound.
	MaximumDownload int64
	// HubEndpoint and HubToken are the Hub's address and what authorizes there; ""
	// is $HF_ENDPOINT and $HF_TOKEN.
	HubEndpoint, HubToken string
	// Fetched is told how many bytes of a data set from the network are here, of how
	// many, as they arrive; nil tells nobody.
	Fetched func(done, total int64)
}

// Reader goes through the rows of a data set. It is not safe for concurrent use.
type Reader struct {
	files    []SourceFile
	parser   *rowParser
	options  ReadOptions
	warnings []string
}

// Files resolves what names a data set to the local files that it is made of, in
// the order in which they are read; see Open. It reads none of them.
func Files(ctx context.Context, spec string, options ReadOptions) ([]SourceFile, error) {
	r, err := Open(ctx, spec, options)
	if err != nil {
		return nil, err
	}
	return r.files, nil
}

// Open finds the files of a data set, and fetches those that are not on this
// machine. The data set is a file, a directory, a pattern such as "data/*.jsonl",
// an https:// address, or a data set of the Hugging Face Hub,
// hf://datasets/OWNER/NAME; package source has the details. The form of a file
// follows its extension:
//
//	.jsonl, .ndjson   one JSON object a line; blank lines are skipped
//	.json             an array of objects, an object with one such array, or lines
//	.csv, .tsv        a table whose first row names the fields
//	.txt              documents with one or more blank lines between them
//	.parquet          a table
//
// with .gz, .zst or .zstd behind it where the text is compressed.
func Open(ctx context.Context, spec string, options ReadOptions) (*Reader, error) {
	parser, err := newRowParser(options.Fields)
	if err != nil {
		return nil, err
	}
	if err := checkUTF8([]byte(options.DocumentSeparator)); err != nil {
		return nil, fmt.Errorf("document_separator is not text: invalid UTF-8 in %q", options.DocumentSeparator)
	}
	found, err := source.Resolve(ctx, spec, source.Options{
		CacheDir: options.CacheDir, MaximumSize: options.MaximumDownload, HubEndpoint: options.HubEndpoint, HubToken: options.HubToken,
		Progress: options.Fetched,
	})
	if err != nil {
		return nil, err
	}
	return &Reader{files: found.Files, parser: parser, options: options, warnings: found.Warnings}, nil
}

// Files lists the files in the order in which they are read.
func (r *Reader) Files() []SourceFile { return r.files }

// Detected says in which forms the rows came that were read so far, in the order
// of their first appearance.
func (r *Reader) Detected() []Detected { return r.parser.detected }

// Warnings says what was left out or is doubtful, one line each. It is complete
// when all rows were read.
func (r *Reader) Warnings() []string { return r.warnings }

// Rows goes through all rows, one at a time: a large file is never held whole. A
// byte order mark at the start and CRLF line ends are tolerated. Each row is
// checked fully before it is yielded. The first error ends the sequence: a
// RowError for a bad row, and otherwise one that names the file. A data set
// without rows is an error too; one empty file among others is a warning.
func (r *Reader) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		total := 0
		for _, file := range r.files {
			count := 0
			for row, err := range r.fileRows(file) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(Row{}, err)
					return
				}
				count++
				if !yield(row, nil) {
					return
				}
			}
			if count == 0 && len(r.files) > 1 {
				r.warnings = append(r.warnings, fmt.Sprintf("data file %s holds no rows", file.Name))
			}
			total += count
		}
		switch {
		case total > 0:
		case len(r.files) == 1:
			yield(Row{}, fmt.Errorf("data file %s holds no rows; give a file with at least one", r.files[0].Name))
		default:
			yield(Row{}, fmt.Errorf("none of the %d data files holds a row, the first of them %s; give at least one row", len(r.files), r.files[0].Name))
		}
	}
}

// failed is the sequence that holds only an error.
func failed(err error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { yield(Row{}, err) }
}

// fileRows goes through the rows of one file.
func (r *Reader) fileRows(from SourceFile) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		file, err := from.Open()
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer file.Close() // opened for reading: a failure to close loses nothing
		if from.Format == source.Parquet {
			r.parquetRows(from, file)(yield)
			return
		}
		text, err := decompress(file, from.Compression)
		if err != nil {
			yield(Row{}, fmt.Errorf("data file %s: %w", from.Name, err))
			return
		}
		defer text.Close() // it holds no data of ours either
		t := newTextReader(from.Name, from.Format, text, r.parser)
		t.separator = r.options.DocumentSeparator
		t.rows()(yield)
	}
}

func (r *Reader) parquetRows(from SourceFile, file *os.File) iter.Seq2[Row, error] {
	info, err := file.Stat()
	if err != nil {
		return failed(fmt.Errorf("data file %s cannot be read: %w", from.Name, err))
	}
	return parquetFile(from.Name, file, info.Size(), r.parser)
}
