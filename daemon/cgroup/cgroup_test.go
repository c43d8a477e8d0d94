package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	version2  = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	version1  = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	processor = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	hybrid    = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	// A container of version 1 sees its own group as the root of the mount, and its path as the host has it.
	container = `900 890 0:32 /docker/0a1b /sys/fs/cgroup/my\040memory ro master:11 - cgroup cgroup rw,memory` + "\n"
)

func TestWhereTheGroupsOfAProcessAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cgroups, mounts string
		want            []Group
	}{
		"version 2":             {"0::/user.slice/a b\n", version2, []Group{{2, "/sys/fs/cgroup/user.slice/a b", "/sys/fs/cgroup"}}},
		"version 2, the root":   {"0::/\n", version2, []Group{{2, "/sys/fs/cgroup", "/sys/fs/cgroup"}}},
		"version 1":             {"5:cpu:/\n4:memory:/jobs/1\n", processor + version1, []Group{{1, "/sys/fs/cgroup/memory/jobs/1", "/sys/fs/cgroup/memory"}}},
		"both":                  {"4:hugetlb,memory:/x\n0::/y\n", version1 + hybrid, []Group{{1, "/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory"}, {2, "/sys/fs/cgroup/unified/y", "/sys/fs/cgroup/unified"}}},
		"a colon in the path":   {"0::/a:b\n", version2, []Group{{2, "/sys/fs/cgroup/a:b", "/sys/fs/cgroup"}}},
		"a container":           {"4:memory:/docker/0a1b/job\n", container, []Group{{1, "/sys/fs/cgroup/my memory/job", "/sys/fs/cgroup/my memory"}}},
		"a container's own":     {"4:memory:/docker/0a1b\n", container, []Group{{1, "/sys/fs/cgroup/my memory", "/sys/fs/cgroup/my memory"}}},
		"another container":     {"4:memory:/docker/0a1bc\n", container, nil},
		"outside the namespace": {"0::/../other\n", version2, nil},
		"no memory controller":  {"5:cpu:/x\n", processor, nil},
		"no mounts":             {"0::/x\n", "", nil},
		"nonsense":              {"x\n::\n\n", "a b - c\n1 2 3\n", nil},
	} {
		if got := Parse(c.cgroups, c.mounts); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheLeastLimitHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version int
		files   map[string]string
		bytes   int64
		limited bool
	}{
		"none at all":           {2, nil, 0, false},
		"its own":               {2, map[string]string{"a/b/memory.max": "1000\n"}, 1000, true},
		"one above":             {2, map[string]string{"a/b/memory.max": "max\n", "a/memory.max": "500\n"}, 500, true},
		"the least":             {2, map[string]string{"a/b/memory.max": "700\n", "a/memory.max": "900\n", "memory.max": "800\n"}, 700, true},
		"a soft one":            {2, map[string]string{"a/b/memory.max": "700\n", "a/b/memory.high": "600\n"}, 600, true},
		"nothing set":           {2, map[string]string{"a/b/memory.max": "max\n", "a/b/memory.high": "max\n"}, 0, false},
		"version 1":             {1, map[string]string{"a/b/memory.limit_in_bytes": "9223372036854771712\n", "a/memory.limit_in_bytes": "4096\n"}, 4096, true},
		"version 1 without one": {1, map[string]string{"a/b/memory.limit_in_bytes": "9223372036854771712\n"}, 0, false},
		"above what is seen":    {2, map[string]string{"a/b/memory.max": "700\n", "../memory.max": "1\n"}, 700, true},
		"nonsense":              {2, map[string]string{"a/b/memory.max": "much\n"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := filepath.Join(t.TempDir(), "mount")
			group := Group{c.version, filepath.Join(top, "a", "b"), top}
			if err := os.MkdirAll(group.Directory, 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				if err := os.WriteFile(filepath.Join(top, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if bytes, limited := group.MemoryLimit(); bytes != c.bytes || limited != c.limited {
				t.Errorf("%d, %v", bytes, limited)
			}
		})
	}
}

func TestThisProcessHasAGroup(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cgroup"); err != nil {
		t.Skipf("this system has no control groups: %v", err)
	}
	for _, group := range Of(os.Getpid()) {
		if _, err := os.Stat(group.Directory); err != nil {
			t.Errorf("%+v: %v", group, err)
		}
	}
	if groups := Of(-1); groups != nil {
		t.Errorf("no process has %+v", groups)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0::/user.slice/a b\n", version2)
	f.Add("4:hugetlb,memory:/x\n0::/y\n", version1+hybrid)
	f.Add("4:memory:/docker/0a1b/job\n", container)
	f.Fuzz(func(t *testing.T, cgroups, mounts string) {
		for _, group := range Parse(cgroups, mounts) {
			if relative, err := filepath.Rel(group.top, group.Directory); err != nil || !filepath.IsLocal(relative) {
				t.Errorf("%s lies outside of its mount: %v", fmt.Sprintf("%+v", group), err)
			}
		}
	})
}
