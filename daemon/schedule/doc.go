// Package schedule decides which waiting job runs next, and on which device. It is arithmetic on what it is told: no
// clock, no store, no processes and no lock, so that a policy can be tested and simulated by itself. Whether the disk can
// take a job, and what becomes of one that crashes, is for others; how much memory a job needs is told by who estimates
// it, and corrected with [Scheduler.Resize] by who measures it.
//
// # Order
//
// Jobs wait in the order of their priority plus what their waiting is worth, which is (now − Since) / [Policy.Aging] in
// priorities; equal ones go first in, first out. Two jobs age at the same pace, so which of them is before the other
// never changes, and the order is that of Since − Priority·Aging: a place in it is found by bisection at any time. Only
// jobs that came less than (their priority − its priority)·Aging after a job get a place before it, so nothing starves; an
// Aging of 0 makes waiting worth nothing, and a low priority may wait for ever.
//
// [Scheduler.Next] takes the first job in that order that may run now. It passes over, without holding up those behind, a
// job whose NotBefore has not come, one whose owner runs as many as it may, and one whose former run has not been
// released yet.
//
// # Memory
//
// A job may use the devices of the name or the kind that it asks for, as far as they are large enough. One that is larger
// than all of those takes the largest as a whole and runs there alone. A job is placed only where its memory and what is
// reserved already are within the device's. Of several such devices it gets the one with the fewest jobs, then the one
// with the least memory left over, so that large gaps are kept for large jobs. What a running job is later measured to
// take counts as it is, even beyond the device; nothing more is placed there until it fits again.
//
// # Large jobs among small ones
//
// A job that fits nowhere now lets those behind it through, because an idle device helps nobody. But its turn has come:
// the device where it will fit soonest is set down as the one that it waits for, one such job a device, in their order.
// When its turn came longer than Aging ago, that device is held: a job behind it is started there only if the waiting one
// will fit beside it and the others that were let through so. What ran there before ends some time, so once everything
// before a job has started, it starts within Aging and one longest run, as far as the limits let it.
//
// Aging is the measure because it is what the policy trades waiting for: a job has been put off for one priority's worth
// by then. At once would cost more: a device that is emptied for a large job lies partly idle for up to one run. For the
// same reason only one of the devices that a job may use is held at a time, for the first job in the order, though the
// turns of those behind it count meanwhile; in simulations of busy devices, holding all of them cost twice as much (13 %
// instead of 7 % of the time of the best schedule known). Without aging (0) a device is held at once.
//
// How long runs take is not known. Where a job will fit soonest is judged as if the runs on a device were alike and each
// as likely as another to be the next that ends.
//
// Turns are not stored, so that a restart of the daemon can put a large job off by one more Aging.
package schedule
