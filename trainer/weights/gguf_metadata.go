package weights

import (
	"fmt"
	"math"
	"strconv"
)

// ggufMetadata holds a GGUF file's key/value pairs. Values are uint64, int64, float64, bool, string, []string, or
// ggufNumbers for an array of anything but strings.
//
// Each accessor returns whether the key is there; a value of another type than asked is an error that names the key.
type ggufMetadata map[string]any

// ggufNumbers is an undecoded array of fixed-size values.
type ggufNumbers struct {
	elementType uint32
	count       int
	raw         []byte
}

func metadataTypeError(key string, value any, want string) error {
	return fmt.Errorf("metadata %q has the Go type %T, want %s", key, value, want)
}

// integer accepts any integer type, as writers differ in the width they choose.
func (m ggufMetadata) integer(key string) (value int, present bool, err error) {
	switch stored := m[key].(type) {
	case nil:
		return 0, false, nil
	case uint64:
		if stored > math.MaxInt32 {
			return 0, true, fmt.Errorf("metadata %q is %d, too large", key, stored)
		}
		return int(stored), true, nil
	case int64:
		if stored < 0 || stored > math.MaxInt32 {
			return 0, true, fmt.Errorf("metadata %q is %d, out of range", key, stored)
		}
		return int(stored), true, nil
	default:
		return 0, true, metadataTypeError(key, stored, "an integer")
	}
}

func (m ggufMetadata) float(key string) (value float64, present bool, err error) {
	switch stored := m[key].(type) {
	case nil:
		return 0, false, nil
	case float64:
		return stored, true, nil
	default:
		return 0, true, metadataTypeError(key, stored, "a float")
	}
}

func (m ggufMetadata) text(key string) (value string, present bool, err error) {
	switch stored := m[key].(type) {
	case nil:
		return "", false, nil
	case string:
		return stored, true, nil
	default:
		return "", true, metadataTypeError(key, stored, "a string")
	}
}

func (m ggufMetadata) boolean(key string) (value, present bool, err error) {
	switch stored := m[key].(type) {
	case nil:
		return false, false, nil
	case bool:
		return stored, true, nil
	default:
		return false, true, metadataTypeError(key, stored, "a boolean")
	}
}

func (m ggufMetadata) texts(key string) (values []string, present bool, err error) {
	switch stored := m[key].(type) {
	case nil:
		return nil, false, nil
	case []string:
		return stored, true, nil
	default:
		return nil, true, metadataTypeError(key, stored, "an array of strings")
	}
}

func (m ggufMetadata) int32s(key string) (values []int32, present bool, err error) {
	stored, present := m[key]
	if !present {
		return nil, false, nil
	}
	array, ok := stored.(ggufNumbers)
	if !ok || (array.elementType != ggufInt32 && array.elementType != ggufUint32) {
		return nil, true, metadataTypeError(key, stored, "an array of 32-bit integers")
	}
	values = make([]int32, array.count)
	for i := range values {
		values[i] = int32(littleEndian(array.raw[4*i : 4*i+4]))
	}
	return values, true, nil
}

// widenFloat32 returns the float64 whose shortest decimal form is that of the float32: 1e-5 stored as a float32 is
// meant as 1e-5, not as 9.999999747378752e-06.
func widenFloat32(value float32) float64 {
	wide, err := strconv.ParseFloat(strconv.FormatFloat(float64(value), 'g', -1, 32), 64)
	if err != nil { // cannot be: the text comes from FormatFloat
		return float64(value)
	}
	return wide
}

// littleEndian reads an unsigned integer of 1, 2, 4 or 8 bytes.
func littleEndian(b []byte) uint64 {
	value := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		value = value<<8 | uint64(b[i])
	}
	return value
}
