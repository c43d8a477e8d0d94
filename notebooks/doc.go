// Package notebooks is the place of the example notebooks, which show real runs on real data, and of the test that
// executes them through a stock Jupyter client. It exports nothing. This document is all that it holds so far.
package notebooks
