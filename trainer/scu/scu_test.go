package scu

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// golden holds what the public research implementation computed.
type golden struct {
	Trajectories []struct {
		Name   string
		Params struct {
			Kp, Ki, Deadband, Lmin, Lmax, Leak float64
			IMax                               float64 `json:"i_max"`
			Smoothing                          float64 `json:"ema_alpha"`
			Target                             float64 `json:"S_target"`
		}
		Init struct {
			Lambda float64 `json:"lambda_"`
			I      float64
		}
		Steps []struct {
			S        float64 `json:"S_meas"`
			Smoothed float64 `json:"S_hat_out"`
			Lambda   float64 `json:"lambda_out"`
			Integral float64 `json:"I_out"`
		}
	}
	Metrics struct {
		DataBPT []struct {
			Loss float64 `json:"loss_nats"`
			Want float64 `json:"data_bpt"`
		} `json:"data_bpt"`
		Ratio []struct {
			Data  float64 `json:"data_bpt"`
			Param float64 `json:"param_bpt"`
			S     float64
		} `json:"s_ratio"`
		ParamBPT struct {
			Cases []struct {
				Sigma  float64
				Tokens int     `json:"tokens_per_epoch"`
				Want   float64 `json:"param_bpt"`
			}
		} `json:"param_bpt"`
	}
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/controller_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Trajectories) != 7 {
		t.Fatalf("%d golden trajectories, want 7", len(g.Trajectories))
	}
	return g
}

func near(got, want, relative float64) bool {
	return math.Abs(got-want) <= relative*math.Max(math.Abs(want), 1e-300)
}

func TestControllerFollowsGoldenTrajectories(t *testing.T) {
	t.Parallel()
	for _, trajectory := range loadGolden(t).Trajectories {
		t.Run(trajectory.Name, func(t *testing.T) {
			t.Parallel()
			p := Defaults(trajectory.Params.Target)
			p.Kp, p.Ki, p.Deadband = trajectory.Params.Kp, trajectory.Params.Ki, trajectory.Params.Deadband
			p.LambdaMin, p.LambdaMax = trajectory.Params.Lmin, trajectory.Params.Lmax
			p.Leak, p.IntegralLimit, p.Smoothing = trajectory.Params.Leak, trajectory.Params.IMax, trajectory.Params.Smoothing
			p.InitialLambda = trajectory.Init.Lambda
			c, err := NewController(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Restore(State{Lambda: trajectory.Init.Lambda, Integral: trajectory.Init.I}); err != nil {
				t.Fatal(err)
			}
			for k, step := range trajectory.Steps {
				if err := c.Step(step.S); err != nil {
					t.Fatal(err)
				}
				got := c.State()
				if !near(got.Lambda, step.Lambda, 1e-12) || !near(got.Integral, step.Integral, 1e-12) || !near(got.Smoothed, step.Smoothed, 1e-12) {
					t.Fatalf("step %d: λ %v I %v Ŝ %v, want %v %v %v", k, got.Lambda, got.Integral, got.Smoothed, step.Lambda, step.Integral, step.Smoothed)
				}
			}
		})
	}
}

func TestInformationFollowsGoldenValues(t *testing.T) {
	t.Parallel()
	g := loadGolden(t)
	for _, c := range g.Metrics.DataBPT {
		if got := DataBPT(c.Loss); !near(got, c.Want, 1e-12) {
			t.Errorf("DataBPT(%g) = %g, want %g", c.Loss, got, c.Want)
		}
	}
	for _, c := range g.Metrics.Ratio {
		if got := Ratio(c.Data, c.Param); !near(got, c.S, 1e-12) {
			t.Errorf("Ratio(%g, %g) = %g, want %g", c.Data, c.Param, got, c.S)
		}
	}
	for _, c := range g.Metrics.ParamBPT.Cases { // of weights .1 −.2 .3 .4, held in float32 by the reference
		if got := (Prior{c.Sigma, c.Tokens}).BitsPerToken(0.30); !near(got, c.Want, 1e-7) {
			t.Errorf("σ %g N %d: %g, want %g", c.Sigma, c.Tokens, got, c.Want)
		}
	}
}

func TestPriorGradientIsTheDerivativeOfItsTerm(t *testing.T) {
	t.Parallel()
	prior := Prior{Sigma: 0.03, TargetTokens: 777}
	const w, h = 0.4, 1e-6
	numeric := (prior.NatsPerToken((w+h)*(w+h)) - prior.NatsPerToken((w-h)*(w-h))) / (2 * h)
	if got := prior.GradientScale() * w; !near(got, numeric, 1e-6) {
		t.Errorf("gradient %g, numeric %g", got, numeric)
	}
}

func TestSigmaForReachesTheShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Float64Range(1e-5, 0.99).Draw(t, "s")
		data := rapid.Float64Range(0.01, 20).Draw(t, "dataBPT")
		sum := rapid.Float64Range(1e-3, 1e6).Draw(t, "sumSquares")
		n := rapid.IntRange(1, 1e9).Draw(t, "N")
		got := Ratio(data, Prior{SigmaFor(s, data, sum, n), n}.BitsPerToken(sum))
		if !near(got, s, 1e-9) {
			t.Fatalf("S = %g, want %g", got, s)
		}
	})
}

func TestNonFiniteRatioChangesNothingAndFailsInTheEnd(t *testing.T) {
	t.Parallel()
	p := Defaults(0.01)
	p.NonFiniteLimit = 3
	c, err := NewController(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Step(0.03); err != nil {
		t.Fatal(err)
	}
	before := c.State()
	for _, s := range []float64{math.NaN(), math.Inf(1)} {
		if err := c.Step(s); err != nil {
			t.Fatalf("S = %g: %v", s, err)
		}
	}
	after := c.State()
	if after.NonFinite != 2 || after.Lambda != before.Lambda || after.Integral != before.Integral || after.Smoothed != before.Smoothed {
		t.Errorf("state went from %+v to %+v", before, after)
	}
	if err := c.Step(math.NaN()); err == nil {
		t.Error("the third non-finite S in a row was accepted")
	}
}

func TestParametersOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Parameters){
		"target 0":        func(p *Parameters) { p.Target = 0 },
		"target 1":        func(p *Parameters) { p.Target = 1 },
		"target NaN":      func(p *Parameters) { p.Target = math.NaN() },
		"kp negative":     func(p *Parameters) { p.Kp = -1 },
		"ki negative":     func(p *Parameters) { p.Ki = -1 },
		"λ₀ above max":    func(p *Parameters) { p.InitialLambda = 3 },
		"λ₀ below min":    func(p *Parameters) { p.InitialLambda = 1e-9 },
		"λmin 0":          func(p *Parameters) { p.LambdaMin = 0 },
		"λmax below min":  func(p *Parameters) { p.LambdaMax = 1e-6 },
		"smoothing 0":     func(p *Parameters) { p.Smoothing = 0 },
		"negative limit":  func(p *Parameters) { p.IntegralLimit = -1 },
		"negative margin": func(p *Parameters) { p.Deadband = -1 },
	} {
		p := Defaults(0.01)
		change(&p)
		if _, err := NewController(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLambdaStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Defaults(rapid.Float64Range(0.001, 0.5).Draw(t, "target"))
		c, err := NewController(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 200).Draw(t, "S") {
			if err := c.Step(s); err != nil {
				t.Fatal(err)
			}
			state := c.State()
			if state.Lambda < p.LambdaMin || state.Lambda > p.LambdaMax || math.Abs(state.Integral) > p.IntegralLimit {
				t.Fatalf("out of bounds: %+v", state)
			}
		}
	})
}

func TestAStateThatCannotBeIsNotRestored(t *testing.T) {
	t.Parallel()
	c, err := NewController(Defaults(0.01))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Step(0.02); err != nil {
		t.Fatal(err)
	}
	before := c.State()
	for name, state := range map[string]State{
		"no λ": {}, "λ too high": {Lambda: 3}, "λ not a number": {Lambda: math.NaN()}, "integral too large": {Lambda: 1, Integral: -0.3},
		"Ŝ not finite": {Lambda: 1, Smoothed: math.Inf(1)}, "negative count": {Lambda: 1, NonFinite: -1},
	} {
		if err := c.Restore(state); err == nil || c.State() != before {
			t.Errorf("%s: restored %+v (%v)", name, c.State(), err)
		}
	}
}
