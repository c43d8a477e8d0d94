package scu

import "math"

// DataBPT turns a cross-entropy in nats per target token into bits per target token.
func DataBPT(crossEntropy float64) float64 { return crossEntropy / math.Ln2 }

// Prior is the Gaussian prior on the adapter's weights, spread over the target tokens of one pass.
type Prior struct {
	Sigma        float64 // standard deviation of a weight, above 0
	TargetTokens int     // N: target tokens of one pass over the training rows, above 0; fixed for the life of a job
}

// BitsPerToken returns ParamBPT for a sum of squared distances Σ(w−c)² of the weights from the prior's centre.
func (p Prior) BitsPerToken(sumSquares float64) float64 {
	return p.NatsPerToken(sumSquares) / math.Ln2
}

// NatsPerToken returns Σ(w−c)²/(2σ²N), the term that λ multiplies in the objective.
func (p Prior) NatsPerToken(sumSquares float64) float64 {
	return sumSquares / (2 * p.Sigma * p.Sigma * float64(p.TargetTokens))
}

// GradientScale returns 1/(σ²N): the prior's gradient at a weight is λ·(w−c) times this, in nats per token.
func (p Prior) GradientScale() float64 {
	return 1 / (p.Sigma * p.Sigma * float64(p.TargetTokens))
}

// Ratio returns S, the share of the adapter's weights in the whole message. It is 0 when there is no message at all.
func Ratio(dataBPT, paramBPT float64) float64 {
	total := dataBPT + paramBPT
	if total == 0 {
		return 0
	}
	return paramBPT / total
}

// SigmaFor returns the σ at which a sum of squares amounts to the share s of the message, when the data takes dataBPT
// bits per token: Ratio(dataBPT, Prior{σ, N}.BitsPerToken(sumSquares)) = s.
func SigmaFor(s, dataBPT, sumSquares float64, targetTokens int) float64 {
	paramBPT := dataBPT * s / (1 - s)
	return math.Sqrt(sumSquares / (2 * float64(targetTokens) * math.Ln2 * paramBPT))
}
