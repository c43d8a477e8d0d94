package scu

import (
	"fmt"
	"math"
)

// Parameters are the constants of the control law.
type Parameters struct {
	Target         float64 // S*, in (0, 1)
	Kp, Ki         float64 // gains on the error of S, at least 0
	Deadband       float64 // |error| up to which λ is left alone, at least 0
	Smoothing      float64 // weight of the newest S in the moving average, in (0, 1]
	Leak           float64 // factor on the integral each step, in [0, 1]
	IntegralLimit  float64 // bound of |I|, at least 0
	LambdaMin      float64 // above 0
	LambdaMax      float64 // at least LambdaMin
	InitialLambda  float64 // in [LambdaMin, LambdaMax]
	NonFiniteLimit int     // consecutive non-finite S after which Step fails; 0 means never
}

// Defaults returns the published constants with the target s.
func Defaults(s float64) Parameters {
	return Parameters{
		Target: s, Kp: 0.8, Ki: 0.15, Deadband: 0.002, Smoothing: 0.1, Leak: 0.995, IntegralLimit: 0.2,
		LambdaMin: 1e-4, LambdaMax: 2, InitialLambda: 1, NonFiniteLimit: 5,
	}
}

// Validate says which constant is out of its range.
func (p Parameters) Validate() error {
	checks := []struct {
		ok   bool
		what string
	}{
		{p.Target > 0 && p.Target < 1, fmt.Sprintf("target_s is %g; it must be above 0 and below 1", p.Target)},
		{p.Kp >= 0 && !math.IsInf(p.Kp, 0), fmt.Sprintf("kp is %g; it must be at least 0", p.Kp)},
		{p.Ki >= 0 && !math.IsInf(p.Ki, 0), fmt.Sprintf("ki is %g; it must be at least 0", p.Ki)},
		{p.Deadband >= 0 && p.Deadband < 1, fmt.Sprintf("deadband is %g; it must be at least 0 and below 1", p.Deadband)},
		{p.Smoothing > 0 && p.Smoothing <= 1, fmt.Sprintf("the smoothing weight is %g; it must be above 0 and at most 1", p.Smoothing)},
		{p.Leak >= 0 && p.Leak <= 1, fmt.Sprintf("the leak is %g; it must be 0 to 1", p.Leak)},
		{p.IntegralLimit >= 0, fmt.Sprintf("the integral's limit is %g; it must be at least 0", p.IntegralLimit)},
		{p.LambdaMin > 0, fmt.Sprintf("lambda_min is %g; it must be above 0", p.LambdaMin)},
		{p.LambdaMax >= p.LambdaMin && !math.IsInf(p.LambdaMax, 0),
			fmt.Sprintf("lambda_max is %g; it must be at least lambda_min (%g)", p.LambdaMax, p.LambdaMin)},
		{p.InitialLambda >= p.LambdaMin && p.InitialLambda <= p.LambdaMax,
			fmt.Sprintf("lambda_init is %g; it must lie between lambda_min (%g) and lambda_max (%g)", p.InitialLambda, p.LambdaMin, p.LambdaMax)},
	}
	for _, check := range checks {
		if !check.ok {
			return fmt.Errorf("%s", check.what)
		}
	}
	return nil
}

// State is everything the controller carries from step to step.
type State struct {
	Lambda    float64 `json:"lambda"`   // λ for the next step
	Integral  float64 `json:"integral"` // I
	Smoothed  float64 `json:"smoothed"` // Ŝ; meaningless until Started
	Started   bool    `json:"started"`
	NonFinite int     `json:"non_finite"` // consecutive non-finite S so far
}

// Controller adapts λ once an optimizer step. It is not safe for concurrent use.
type Controller struct {
	parameters Parameters
	state      State
}

// NewController returns a controller at its initial λ, or says what is wrong with the constants.
func NewController(p Parameters) (*Controller, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Controller{parameters: p, state: State{Lambda: p.InitialLambda}}, nil
}

// State returns what Restore takes.
func (c *Controller) State() State { return c.state }

// Restore puts the controller where another one with the same constants was. A state that no such controller can come to
// is an error, and changes nothing.
func (c *Controller) Restore(s State) error {
	p := c.parameters
	switch {
	case !(s.Lambda >= p.LambdaMin && s.Lambda <= p.LambdaMax):
		return fmt.Errorf("λ is %g; it must lie between lambda_min (%g) and lambda_max (%g)", s.Lambda, p.LambdaMin, p.LambdaMax)
	case !(math.Abs(s.Integral) <= p.IntegralLimit):
		return fmt.Errorf("the integral is %g; its limit is %g", s.Integral, p.IntegralLimit)
	case math.IsNaN(s.Smoothed) || math.IsInf(s.Smoothed, 0):
		return fmt.Errorf("the smoothed S is %g", s.Smoothed)
	case s.NonFinite < 0:
		return fmt.Errorf("the count of non-finite S is %d", s.NonFinite)
	}
	c.state = s
	return nil
}

// Step takes the S measured in the step just done and sets λ for the next one. A non-finite S changes nothing but the
// count of such steps; when that reaches its limit Step returns an error.
func (c *Controller) Step(s float64) error {
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return c.stepNonFinite(s)
	}
	c.state.NonFinite = 0
	c.smooth(s)
	e := c.state.Smoothed - c.parameters.Target
	c.state.Integral *= c.parameters.Leak
	if math.Abs(e) <= c.parameters.Deadband {
		return nil
	}
	if !c.saturated(e) {
		limit := c.parameters.IntegralLimit
		c.state.Integral = clamp(c.state.Integral+c.parameters.Ki*e, -limit, limit)
	}
	u := c.parameters.Kp*e + c.state.Integral
	c.state.Lambda = clamp(c.state.Lambda*math.Exp(u), c.parameters.LambdaMin, c.parameters.LambdaMax)
	return nil
}

func (c *Controller) stepNonFinite(s float64) error {
	c.state.NonFinite++
	limit := c.parameters.NonFiniteLimit
	if limit > 0 && c.state.NonFinite >= limit {
		return fmt.Errorf("the ratio S was %g in %d consecutive steps", s, c.state.NonFinite)
	}
	return nil
}

func (c *Controller) smooth(s float64) {
	if !c.state.Started {
		c.state.Smoothed, c.state.Started = s, true
		return
	}
	a := c.parameters.Smoothing
	c.state.Smoothed = a*s + (1-a)*c.state.Smoothed
}

// saturated reports whether λ stands at the bound towards which the error pushes it; integrating then would only wind up.
func (c *Controller) saturated(e float64) bool {
	return c.state.Lambda <= c.parameters.LambdaMin && e < 0 || c.state.Lambda >= c.parameters.LambdaMax && e > 0
}

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }
