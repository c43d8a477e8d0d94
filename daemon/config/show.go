package config

import (
	"maps"
	"reflect"
	"slices"

	"github.com/shannon-labs/scu/protocol"
)

// Values lists every setting in the order of the table, the quotas of single owners last. running is the configuration
// that the daemon started with: where it differs in a setting that holds until a restart, its value is the value, and
// c's is pending. A nil running is c.
func (c *Config) Values(running *Config) []protocol.ConfigValue {
	if running == nil {
		running = c
	}
	values := make([]protocol.ConfigValue, 0, len(keys))
	for _, k := range keys {
		v := protocol.ConfigValue{Key: k.name, Value: k.show(c), Origin: c.places[k.name].origin()}
		if now := k.show(running); k.restart && !reflect.DeepEqual(v.Value, now) {
			v.Value, v.Origin, v.Pending = now, running.places[k.name].origin(), v.Value
		}
		values = append(values, v)
	}
	for _, owner := range slices.Sorted(maps.Keys(c.Security.Quotas.Owners)) {
		values = append(values, c.ownerValues(owner)...)
	}
	return values
}

// ownerValues leaves out what the owner has by default.
func (c *Config) ownerValues(owner string) []protocol.ConfigValue {
	quota := c.Security.Quotas.Owners[owner]
	var values []protocol.ConfigValue
	for _, k := range quotaKeys(ownersPrefix+owner, func(*Config) *Quota { return &quota }) {
		if at, set := c.places[k.name]; set {
			values = append(values, protocol.ConfigValue{Key: k.name, Value: k.show(c), Origin: at.origin()})
		}
	}
	return values
}
