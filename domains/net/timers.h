// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// timers.h - lwIP's two clocks, without its timer list.
//
//   timers_run       runs what is due
//   timers_next_ns   when something will be due; DEADLINE_NEVER
//
// lwIP's own list allocates an entry at each tick and asserts that it got one; a peer who can fill the heap (by not
// reading) could thus end the domain. Invariant: nothing here allocates.
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include <stdint.h>

// Under the component lock, as all of lwIP. None of them fails or blocks.
void timers_init(void);
void timers_run(void);
uint64_t timers_next_ns(void);

#endif
