package progress

import "math"

// drawable is above every value that is drawn; sums and differences of smaller ones do not overflow.
const drawable = 1e290

// Sparkline draws values from left to right in at most width characters, each as high as the mean of the values it
// stands for. Values that are not finite, or as good as, leave a gap. It is empty when there is nothing to draw.
func Sparkline(values []float64, width int) string {
	if len(values) == 0 || width <= 0 {
		return ""
	}
	means := columnMeans(values, min(width, len(values)))
	low, high := math.Inf(1), math.Inf(-1)
	for _, mean := range means {
		if !math.IsNaN(mean) {
			low, high = min(low, mean), max(high, mean)
		}
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	drawn := make([]rune, len(means))
	for n, mean := range means {
		switch {
		case math.IsNaN(mean):
			drawn[n] = ' '
		case high == low:
			drawn[n] = levels[len(levels)/2]
		default:
			drawn[n] = levels[int(math.Round((mean-low)/(high-low)*float64(len(levels)-1)))]
		}
	}
	return string(drawn)
}

// columnMeans shares the values out among columns; a column without a drawable value is NaN.
func columnMeans(values []float64, columns int) []float64 {
	means := make([]float64, columns)
	for column := range means {
		sum, count := 0.0, 0
		for _, value := range values[column*len(values)/columns : (column+1)*len(values)/columns] {
			if math.Abs(value) < drawable { // never of NaN
				sum += value
				count++
			}
		}
		means[column] = sum / float64(count) // 0/0 is NaN
	}
	return means
}
