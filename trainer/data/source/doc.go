// Package source finds the files that a data set is made of. What names a data
// set is one of
//
//	a file, or a directory, whose data files are taken in the order of their names
//	a pattern such as data/*.jsonl
//	an https:// address of one file
//	hf://datasets/OWNER/NAME[@REVISION][/PATH][?config=CONFIG&split=SPLIT] on the
//	Hugging Face Hub
//
// and the result is a list of local files with their formats, which it tells by
// name. It does not look into them: package data reads the rows.
//
// Local files. Hidden files are skipped. A file in a directory whose extension is
// not read (a README, an image) is left out and named in a warning. What is not a
// regular file, a symbolic link to nowhere or in a circle, and what cannot be
// listed are errors, since leaving them out would change what is trained on.
//
// Files from the network are kept in a cache directory, each under a name that
// holds the digest of its content or the commit that it belongs to, so that a
// file there never changes once it has its name. It gets that name only when it
// is whole: it is written under another, synced and renamed. Two processes that
// fetch the same file at once do the work twice and agree on the result. Nothing
// is ever removed from the cache here, since a job may be reading it.
//
// A file from an address is asked for again each time, by its ETag and date of
// change, so that an unchanged one is not sent again. If the server cannot be
// reached, the file of the last time is used, with a warning. A data set on the
// Hub is a commit: what is there of it is not asked for again.
//
// Secrets. A token goes only to the Hub's own host and is in no error. Of an
// address, errors show no user name, password or query: signed addresses have
// their signature there.
package source
