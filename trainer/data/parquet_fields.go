package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// parquetField is a top-level field of a Parquet schema: a value, a list of
// values, or a list of groups of values (messages). Of any other field, and of
// one that no row is made of, only the kind is known.
type parquetField struct {
	name string
	kind string // as cellType says it; for a field that is not read
	list bool
	// group says that the list holds groups, and unread which members of them are
	// of a deeper kind.
	group  bool
	unread map[string]unreadCell
	leaves []parquetLeaf // the columns to read; none if the field is not read
	// defined is the definition level of a list that has elements, and element that
	// of an element that is not null.
	defined, element int
}

// parquetLeaf is a column of values.
type parquetLeaf struct {
	column  *parquet.Column
	member  string // its name in the group
	defined int    // the definition level of a value that is not null
}

// unreadCell stands for a value that was not read, and says its kind.
type unreadCell string

// String shows it in a message.
func (u unreadCell) String() string { return "(" + string(u) + ")" }

// parquetFields describes a schema. Columns that no row is made of are not read:
// they may be large.
func parquetFields(root *parquet.Column, wanted []string) ([]parquetField, error) {
	var fields []parquetField
	for _, column := range root.Columns() {
		if slices.ContainsFunc(fields, func(f parquetField) bool { return f.name == column.Name() }) {
			return nil, fmt.Errorf("the schema names the column %q twice; rename one", column.Name())
		}
		field := parquetField{name: column.Name(), kind: columnKind(column)}
		if slices.Contains(wanted, column.Name()) {
			field.open(column)
		}
		if member := field.repeatedMember(); member != "" {
			return nil, fmt.Errorf("the schema names the field %q of column %q twice; rename one", member, field.name)
		}
		fields = append(fields, field)
	}
	return fields, nil
}

// repeatedMember is a name that two members of the list's groups share; empty without one.
func (f *parquetField) repeatedMember() string {
	seen := map[string]bool{}
	for _, leaf := range f.leaves {
		if f.group && seen[leaf.member] {
			return leaf.member
		}
		seen[leaf.member] = true
	}
	return ""
}

// levelAdded is what a column adds to the definition level.
func levelAdded(column *parquet.Column) int {
	if column.Optional() || column.Repeated() {
		return 1
	}
	return 0
}

// open finds the columns to read. The ways to write a list are those of the
// format's LogicalTypes.md: a group with a repeated group with one element, and
// the older ones without the one group or the other.
func (f *parquetField) open(column *parquet.Column) {
	level := levelAdded(column)
	repeated := column
	if !column.Leaf() && !column.Repeated() {
		inner := column.Columns()
		if len(inner) != 1 || !inner[0].Repeated() {
			return // a group that is no list
		}
		repeated = inner[0]
		level++
	}
	if !repeated.Repeated() {
		f.leaves = []parquetLeaf{{column: column, defined: level}}
		return
	}
	element, elementLevel := repeated, level
	if inner := repeated.Columns(); repeated != column && !repeated.Leaf() && len(inner) == 1 {
		element, elementLevel = inner[0], level+levelAdded(inner[0])
		if element.Repeated() {
			return // a list of lists
		}
	}
	f.list, f.defined, f.element = true, level, elementLevel
	if element.Leaf() {
		f.leaves = []parquetLeaf{{column: element, defined: elementLevel}}
		return
	}
	f.openGroup(element)
}

// openGroup takes the members of the groups in a list.
func (f *parquetField) openGroup(element *parquet.Column) {
	f.group, f.unread = true, map[string]unreadCell{}
	for _, member := range element.Columns() {
		if member.Leaf() && !member.Repeated() {
			f.leaves = append(f.leaves, parquetLeaf{column: member, member: member.Name(), defined: f.element + levelAdded(member)})
		} else {
			f.unread[member.Name()] = unreadCell(columnKind(member))
		}
	}
}

// columnKind names what a column holds, as cellType does.
func columnKind(column *parquet.Column) string {
	switch {
	case column.Repeated():
		return "list"
	case !column.Leaf():
		if inner := column.Columns(); len(inner) == 1 && inner[0].Repeated() {
			return "list"
		}
		return "object"
	}
	switch column.Type().Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return "string"
	case parquet.Boolean:
		return "boolean"
	default:
		return "number"
	}
}

// errLevels says that columns of one list do not fit together.
var errLevels = errors.New("the columns of a list have different lengths; the file is damaged")

// cell makes the field's value of one row. byColumn holds the row's values.
func (f *parquetField) cell(byColumn map[int][]parquet.Value) (any, error) {
	if len(f.leaves) == 0 {
		return unreadCell(f.kind), nil
	}
	first := byColumn[f.leaves[0].column.Index()]
	if len(first) == 0 {
		return nil, errLevels
	}
	if !f.list {
		return f.leaves[0].value(first[0]), nil
	}
	if level := first[0].DefinitionLevel(); level < f.defined {
		if level < f.defined-1 {
			return nil, nil
		}
		return []any{}, nil
	}
	elements := make([]any, len(first))
	for i := range elements {
		element, err := f.elementAt(i, len(first), byColumn)
		if err != nil {
			return nil, err
		}
		elements[i] = element
	}
	return elements, nil
}

func (f *parquetField) elementAt(i, count int, byColumn map[int][]parquet.Value) (any, error) {
	if !f.group {
		return f.leaves[0].value(byColumn[f.leaves[0].column.Index()][i]), nil
	}
	group := make(map[string]any, len(f.leaves)+len(f.unread))
	for name, kind := range f.unread {
		group[name] = kind
	}
	for _, leaf := range f.leaves {
		values := byColumn[leaf.column.Index()]
		if len(values) != count {
			return nil, errLevels
		}
		if values[i].DefinitionLevel() < f.element {
			return nil, nil // the group itself is null
		}
		group[leaf.member] = leaf.value(values[i])
	}
	return group, nil
}

// value copies a value out of the page that holds it.
func (l parquetLeaf) value(v parquet.Value) any {
	if v.IsNull() || v.DefinitionLevel() < l.defined {
		return nil
	}
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return v.Int32()
	case parquet.Int64:
		return v.Int64()
	case parquet.Float:
		return v.Float()
	case parquet.Double:
		return v.Double()
	default:
		return unreadCell("number") // an Int96, once used for times
	}
}
