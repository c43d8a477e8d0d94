// Package config is what the user of a home has set: $SCU_HOME/config.yaml, and SCU_* environment variables over it. It
// reads, checks and explains; who obeys a setting is elsewhere, and it never changes the file.
//
// # Design
//
// One table, in keys.go, has a row for each setting: its key, how its value is written, its default, and what it is for.
// Everything comes from that table: what the file may hold, which variables there are (SCU_ and the key in capitals, with
// underscores for dots), the values that [Config.Values] shows, the commented [Example] and the page [Markdown]. A setting
// is added by adding a field and a row.
//
// A value is text until its row parses it, so "4" in quotes is 4, a variable in the file means the same as its content,
// and file and environment are read alike. The layers are defaults, then the file, then the environment; each value
// remembers which it came from.
//
// # Strictness
//
// A setting that nobody obeys is worse than none, so whatever is not understood is refused, with the place and the
// nearest right name: keys and SCU_ variables that do not exist, keys that stand twice, values of the wrong form or out of
// range, several documents, aliases and tags. All problems are told at once, as an *[Error]. A section without settings
// is fine, as in a file where they are all commented out.
//
// # Changes while the daemon runs
//
// The daemon loads the file again on SIGHUP. Rows that say restart hold until it starts anew, and [Config.Values] shows
// their new value as pending; everything else takes effect at once. A file with problems changes nothing.
package config
