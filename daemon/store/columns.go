package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// micros is how times are stored: microseconds since 1970 UTC, so that they sort and compare as numbers.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func microsOrNull(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: micros(*t), Valid: true}
}

func timeOrNil(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	t := fromMicros(us.Int64)
	return &t
}

func textOrNull(text string) sql.NullString {
	return sql.NullString{String: text, Valid: text != ""}
}

// jsonOrNull encodes what pointer points to; a nil pointer is NULL.
func jsonOrNull[T any](pointer *T) (sql.NullString, error) {
	if pointer == nil {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(pointer)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("encode %T: %w", *pointer, err)
	}
	return sql.NullString{String: string(text), Valid: true}, nil
}

func parseOrNil[T any](text sql.NullString) (*T, error) {
	if !text.Valid {
		return nil, nil
	}
	value := new(T)
	if err := json.Unmarshal([]byte(text.String), value); err != nil {
		return nil, fmt.Errorf("decode %T: %w", *value, err)
	}
	return value, nil
}

// float is how a protocol.Float is stored and read: SQLite keeps infinities and turns NaN into NULL by itself.
type float struct{ to *protocol.Float }

func (f float) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*f.to = protocol.NaN()
	case float64:
		*f.to = protocol.Float(v)
	case int64: // an integral number comes back as one when the column was altered by hand
		*f.to = protocol.Float(v)
	default:
		return fmt.Errorf("a number is stored as %T", value)
	}
	return nil
}

// optionalFloat stores a measurement that may not have been made. NULL means that it was not, so a NaN, which would
// become NULL, is stored as an infinity: on the wire both are null.
func optionalFloat(f *protocol.Float) sql.NullFloat64 {
	switch {
	case f == nil:
		return sql.NullFloat64{}
	case !f.Finite():
		return sql.NullFloat64{Float64: math.Inf(1), Valid: true}
	}
	return sql.NullFloat64{Float64: float64(*f), Valid: true}
}

func floatOrNil(value sql.NullFloat64) *protocol.Float {
	if !value.Valid {
		return nil
	}
	f := protocol.Float(value.Float64)
	return &f
}
