package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A page may expand to expansionOfPage times its size, and smallPage in any case.
// Real text does not come near.
const (
	expansionOfPage = 1024
	smallPage       = 16 << 20
)

// checkPages compares the headers of a column's pages with each other and with
// the file, since the library takes as much memory as a header asks for.
func checkPages(file io.ReaderAt, size int64, column *format.ColumnMetaData) error {
	offset := column.DataPageOffset
	if column.DictionaryPageOffset > 0 {
		offset = min(offset, column.DictionaryPageOffset)
	}
	end := offset + column.TotalCompressedSize
	if offset < 0 || end < offset || end > size {
		return fmt.Errorf("it says that it is at bytes %d to %d of a file of %d", offset, end, size)
	}
	for values := int64(0); values < column.NumValues && offset < end; {
		header, start, err := readPageHeader(file, offset, end)
		if err != nil {
			return err
		}
		offset = start + int64(header.CompressedPageSize)
		if header.CompressedPageSize < 0 || offset > end {
			return errors.New("a page is longer than the column")
		}
		if limit := smallPage + expansionOfPage*int64(header.CompressedPageSize); header.UncompressedPageSize < 0 || int64(header.UncompressedPageSize) > limit {
			return fmt.Errorf("a page of %d bytes says that it holds %d", header.CompressedPageSize, header.UncompressedPageSize)
		}
		count := int64(header.DataPageHeader.V.NumValues)
		skipped := int64(0) // levels before what is compressed
		if header.Type == format.DataPageV2 {
			v2 := &header.DataPageHeaderV2.V
			count, skipped = int64(v2.NumValues), int64(v2.DefinitionLevelsByteLength)+int64(v2.RepetitionLevelsByteLength)
		}
		if header.Type == format.DictionaryPage {
			count = 0 // its values are not the column's
		}
		if values += count; count < 0 || values > column.NumValues {
			return fmt.Errorf("its pages hold more than its %d values", column.NumValues)
		}
		if column.Codec == format.Snappy {
			if err := checkSnappy(file, start+skipped, offset, int64(header.UncompressedPageSize)-skipped); err != nil {
				return err
			}
		}
	}
	return nil
}

// A page header is looked for in the first bytes, and if it does not end there,
// which long values among its statistics can cause, in more.
const (
	headerWindow  = 4 << 10
	largestHeader = 16 << 20
)

// readPageHeader returns the header at a place and where the page behind it starts.
func readPageHeader(file io.ReaderAt, offset, end int64) (*format.PageHeader, int64, error) {
	for size := int64(headerWindow); ; size *= 16 {
		window := make([]byte, min(size, end-offset))
		if _, err := file.ReadAt(window, offset); err != nil {
			return nil, 0, fmt.Errorf("the header of a page cannot be read: %w", err)
		}
		length, err := thriftLength(window)
		if err != nil && int64(len(window)) < end-offset && size < largestHeader {
			continue
		}
		header := new(format.PageHeader)
		if err == nil {
			err = thrift.Unmarshal(new(thrift.CompactProtocol), window[:length], header)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("a page has no valid header: %w", err)
		}
		return header, offset + int64(length), nil
	}
}

// checkSnappy compares the length that Snappy data begins with, which its decoder
// takes as it is, with the one in the header.
func checkSnappy(file io.ReaderAt, start, end, expected int64) error {
	if expected == 0 || start >= end {
		return nil // nothing is decoded
	}
	var first [binary.MaxVarintLen32]byte
	n, err := file.ReadAt(first[:min(int64(len(first)), end-start)], start)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if length, _ := binary.Uvarint(first[:n]); length > uint64(max(expected, 0)) {
		return fmt.Errorf("a page of %d bytes says that it holds %d", expected, length)
	}
	return nil
}
