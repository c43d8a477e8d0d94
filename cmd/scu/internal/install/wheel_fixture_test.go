package install

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// makeWheel writes a wheel that holds content into a directory that pip can search, and returns its row for the table.
func makeWheel(t *testing.T, directory, content string) Package {
	t.Helper()
	p := Package{
		Title: "test payload", Name: "scu-test-payload", Version: "1.0", License: "MIT",
		Member: "scu_test_payload/payload.bin", Destination: "models/payload/payload.bin",
		MemberBytes: int64(len(content)), MemberSHA256: sumOf([]byte(content)),
	}
	path := filepath.Join(directory, "scu_test_payload-1.0-py3-none-any.whl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, member := range [][2]string{
		{p.Member, content},
		{"../../escaped.txt", "a member that wants to leave the directory"},
		{"scu_test_payload-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: scu-test-payload\nVersion: 1.0\n"},
		{"scu_test_payload-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"scu_test_payload-1.0.dist-info/RECORD", ""},
	} {
		w, err := archive.Create(member[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(member[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	wheel, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.WheelBytes, p.WheelSHA256 = int64(len(wheel)), sumOf(wheel)
	return p
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// searching returns an Installer whose pip, the real one, finds nothing but the wheels of a directory.
func searching(t *testing.T, home, wheels string) *Installer {
	t.Helper()
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		t.Fatalf("python3 with pip is needed for this test: %v", err)
	}
	return &Installer{Home: home, environment: []string{"PIP_NO_INDEX=1", "PIP_FIND_LINKS=" + wheels}}
}

// pretending returns an Installer whose python3 is a shell script.
func pretending(t *testing.T, script string) *Installer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &Installer{Home: t.TempDir(), python: path}
}
