package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// key is a row of the table.
type key struct {
	name     string // section and name, with dots
	fallback string // the default as it is written in the file; of a list, its items with commas
	doc      string // for a person, in whole sentences
	restart  bool   // a change takes effect when the daemon starts
	secret   bool   // its value is never shown

	mayBeUnset string // the variable that may stand in the value without being set; the value is then otherwise
	otherwise  string

	value
}

// value is how a key's value is written, and where it is kept.
type value struct {
	form string // as in "it must be FORM"
	list bool
	set  func(c *Config, texts []string) error // an error about the form need not say more than that there is one
	show func(c *Config) any                   // a text as it is written in the file, a number, or a list of texts
}

// complaint says what is wrong with texts. A secret stays out of it, and so does an address that may hold a password.
func (k *key) complaint(texts []string, err error) string {
	text := strings.Join(texts, ", ")
	said := "is " + strconv.Quote(text)
	if k.secret || strings.Contains(text, "@") {
		said = "is not usable"
	}
	return fmt.Sprintf("%s: %v; it must be %s", said, err, k.form)
}

// single is a value of one text.
func single[T any](field func(*Config) *T, parse func(string) (T, error), show func(T) any, form string) value {
	return value{
		form: form,
		set: func(c *Config, texts []string) error {
			parsed, err := parse(texts[0])
			*field(c) = parsed
			return err
		},
		show: func(c *Config) any { return show(*field(c)) },
	}
}

// several is a list of at least so many texts.
func several[T any](field func(*Config) *[]T, parse func(string) (T, error), show func(T) string, form string, least int) value {
	return value{
		form: "a list of " + form, list: true,
		set: func(c *Config, texts []string) error {
			items := make([]T, len(texts))
			for n, text := range texts {
				var err error
				if items[n], err = parse(text); err != nil {
					return fmt.Errorf("%q: %w", text, err)
				}
			}
			if len(items) < least {
				return fmt.Errorf("at least %d is needed", least)
			}
			*field(c) = items
			return nil
		},
		show: func(c *Config) any {
			texts := make([]string, len(*field(c)))
			for n, item := range *field(c) {
				texts[n] = show(item)
			}
			return texts
		},
	}
}

func number(field func(*Config) *int, least, most int) value {
	parse := func(text string) (int, error) {
		parsed, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("that is not a whole number")
		}
		return parsed, within(parsed, least, most)
	}
	return single(field, parse, func(n int) any { return n }, fmt.Sprintf("a whole number from %d to %d", least, most))
}

func duration(field func(*Config) *time.Duration, least, most time.Duration) value {
	parse := func(text string) (time.Duration, error) {
		parsed, err := parseDuration(text)
		if err != nil {
			return 0, err
		}
		return parsed, within(parsed, least, most)
	}
	form := fmt.Sprintf("a time from %s to %s, with its unit (ms, s, m, h, d, w), such as 90s or 1d12h", formatDuration(least), formatDuration(most))
	return single(field, parse, func(d time.Duration) any { return formatDuration(d) }, form)
}

func within[T int | time.Duration](parsed, least, most T) error {
	if parsed < least || parsed > most {
		return fmt.Errorf("that is out of range")
	}
	return nil
}

func size(field func(*Config) *Bytes) value {
	return single(field, parseBytes, func(b Bytes) any { return b.String() }, "a size with its unit, such as 500 MB or 2 GiB")
}

func count(field func(*Config) *Count) value {
	return single(field, parseCount, func(c Count) any { return c.String() }, "a count, such as 500M, 7B or 1.5B")
}

func secret(field func(*Config) *Secret) value {
	parse := func(text string) (Secret, error) {
		text = strings.TrimSpace(text)
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Secret{}, fmt.Errorf("it holds spaces or characters other than ASCII")
		}
		return NewSecret(text), nil
	}
	return single(field, parse, func(s Secret) any { return s.String() }, "one word, best as a variable: ${NAME}")
}

func address(field func(*Config) *string) value {
	parse := func(text string) (string, error) {
		parsed, err := url.Parse(text)
		switch {
		case err != nil:
			return "", fmt.Errorf("that is not an address")
		case parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http":
			return "", fmt.Errorf("scheme or host are missing")
		case parsed.Scheme == "http" && !thisMachine(parsed.Hostname()):
			return "", fmt.Errorf("anyone on the way could change what comes over plain http")
		case parsed.User != nil, parsed.RawQuery != "", parsed.Fragment != "":
			return "", fmt.Errorf("a user, a query or a fragment do not belong there")
		}
		return strings.TrimRight(text, "/"), nil
	}
	return single(field, parse, func(s string) any { return s }, "an address that begins with https://, or http:// on this machine")
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func parsePattern(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("an empty pattern matches nothing")
	}
	if _, err := path.Match(text, ""); err != nil {
		return "", fmt.Errorf("[ or \\ are not used as in a pattern")
	}
	return text, nil
}

func textOf(text string) string { return text }

var deviceName = regexp.MustCompile(`^(cpu|cuda:(0|[1-9][0-9]{0,2}))$`)

func parseDevice(text string) (DeviceConfig, error) {
	name, memory, limited := strings.Cut(text, "=")
	d := DeviceConfig{Name: strings.TrimSpace(name)}
	if !deviceName.MatchString(d.Name) {
		return d, fmt.Errorf("there is no device of that name")
	}
	if !limited {
		return d, nil
	}
	var err error
	if d.Memory, err = parseBytes(memory); err == nil && d.Memory == 0 {
		err = fmt.Errorf("a device without memory is of no use")
	}
	return d, err
}

// String is the device as it is written in the file.
func (d DeviceConfig) String() string {
	if d.Memory == 0 {
		return d.Name
	}
	return d.Name + "=" + d.Memory.String()
}
