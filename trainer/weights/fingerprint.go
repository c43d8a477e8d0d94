package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// fingerprintSample is how much of each end of a tensor goes into the fingerprint, in bytes.
const fingerprintSample = 4 << 10

// ggufFingerprint digests the header, which holds the architecture, the tokenizer and the chat template, and samples of
// the tensors.
func (m *Model) ggufFingerprint(file io.ReaderAt, headerSize int64) (string, error) {
	digest := sha256.New()
	if err := addSection(digest, file, 0, headerSize); err != nil {
		return "", fmt.Errorf("fingerprint %s: %w", m.Path, err)
	}
	return m.finishFingerprint(digest)
}

// directoryFingerprint digests the small files whole, the safetensors headers, and samples of the tensors.
func (m *Model) directoryFingerprint(headers [][]byte) (string, error) {
	digest := sha256.New()
	for _, name := range []string{configFile, tokenizerFile, tokenizerConfigFile, chatTemplateFile} {
		text, err := os.ReadFile(filepath.Join(m.Path, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("fingerprint %s: %w", m.Path, err)
		}
		addBytes(digest, text)
	}
	for _, header := range headers {
		addBytes(digest, header)
	}
	return m.finishFingerprint(digest)
}

func (m *Model) finishFingerprint(digest hash.Hash) (string, error) {
	for _, name := range m.names {
		tensor := m.tensors[name]
		sample := min(fingerprintSample, tensor.bytes)
		for _, offset := range []int64{tensor.offset, tensor.offset + tensor.bytes - sample} {
			if err := addSection(digest, tensor.source, offset, sample); err != nil {
				return "", fmt.Errorf("fingerprint %s: tensor %q: %w", m.Path, name, err)
			}
		}
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// addBytes digests the length before the bytes, so that no two sequences of parts run together into the same stream.
func addBytes(digest hash.Hash, b []byte) {
	digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
	digest.Write(b)
}

func addSection(digest hash.Hash, file io.ReaderAt, offset, size int64) error {
	digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
	copied, err := io.Copy(digest, io.NewSectionReader(file, offset, size))
	if err == nil && copied != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
