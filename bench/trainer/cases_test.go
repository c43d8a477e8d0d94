package main

import (
	"slices"
	"testing"
)

func TestCasesAreSelectedByName(t *testing.T) {
	t.Parallel()
	all, err := selectCases("all")
	if err != nil || len(all) != len(benchCases) {
		t.Errorf("all selects %d cases (%v), want %d", len(all), err, len(benchCases))
	}
	two, err := selectCases("1x1024-bf16,2x256-f32")
	if err != nil || len(two) != 2 || two[0].Name != "2x256-f32" || two[1].Name != "1x1024-bf16" {
		t.Errorf("selected %v (%v)", two, err)
	}
	for _, names := range []string{"", "2x256", "2x256-f32,"} {
		if _, err := selectCases(names); err == nil {
			t.Errorf("%q was taken for names of cases", names)
		}
	}
}

func TestBatchesFollowTheTextAndBeginAnew(t *testing.T) {
	t.Parallel()
	c := benchCase{Rows: 2, Length: 3}
	batches := c.batches([]int32{10, 11, 12, 13})
	if len(batches) != batchCount {
		t.Fatalf("%d batches, want %d", len(batches), batchCount)
	}
	if !slices.Equal(batches[0][0], []int32{10, 11, 12}) || !slices.Equal(batches[0][1], []int32{13, 10, 11}) ||
		!slices.Equal(batches[1][0], []int32{12, 13, 10}) {
		t.Errorf("batches are %v", batches)
	}
}

func TestAQuarterOfTheTokensAreTargets(t *testing.T) {
	t.Parallel()
	for _, c := range benchCases {
		quarter := c.FirstTarget != everyTokenTargets
		if quarter && (c.Length-c.FirstTarget)*4 != c.Length {
			t.Errorf("%s: %d of %d tokens are targets", c.Name, c.Length-c.FirstTarget, c.Length)
		}
		if quarter == (c.SpeedGoal != fewTargetsGoal) {
			t.Errorf("%s: the goal is %g", c.Name, c.SpeedGoal)
		}
	}
}
