// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ending.h - how one file of recovery has another end a domain.
#ifndef MONITOR_ENDING_H
#define MONITOR_ENDING_H

#include "chain.h"
#include "faults.h"

// Ends fault->domain, if it is not ended already: freezes it, wakes who waits on its behalf, has the healer start it
// again. executing: the domain that was stopped on the running thread; 0: the monitor was called. The threads inside go
// to their callers when nothing runs above them. Keeps a record in any case.
void domain_end(const struct fault *fault, uint32_t executing);

#endif
