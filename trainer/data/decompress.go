package data

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// errDamaged is what reading a compressed file that is cut short or altered gives.
var errDamaged = errors.New("the compressed data is damaged or cut short; fetch or compress the file again")

// zstdWindow bounds what a Zstandard file may ask to be held, in bytes. It is what
// the zstd program allows without its --long option.
const zstdWindow = 128 << 20

// decompress reads the text in a file. The caller closes what it returns, not the
// file with it.
func decompress(file io.Reader, compression source.Compression) (io.ReadCloser, error) {
	switch compression {
	case source.Plain:
		return io.NopCloser(file), nil
	case source.Gzip:
		reader, err := gzip.NewReader(file)
		if err != nil {
			return nil, fmt.Errorf("not a gzip file: %w", err)
		}
		return damageReader{reader}, nil
	case source.Zstandard:
		// One decoder a file, without goroutines: it runs on the reader's own.
		reader, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, fmt.Errorf("not a zstd file: %w", err)
		}
		return damageReader{reader.IOReadCloser()}, nil
	default:
		return nil, fmt.Errorf("compression %q is not known", compression)
	}
}

// damageReader marks the errors of a decompressor, so that a truncated file is not
// taken for the end of the text in it.
type damageReader struct{ io.ReadCloser }

func (d damageReader) Read(into []byte) (int, error) {
	n, err := d.ReadCloser.Read(into)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return n, err
}
