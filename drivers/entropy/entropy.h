// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// entropy.h - words that nobody else can know: the interface that a driver of a source of entropy provides.
//
// One word a call, and that in a register: whatever is lent or given lies in the shared heap, where every domain can
// read it, also after the call. lib/secret.h makes keys of it. Invariant: no two callers, and no two calls, get words
// that tell anything about each other. Not for keys of more than 128 bits: that is what the state behind it has.
#ifndef ENTROPY_H
#define ENTROPY_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Returns 63 random bits, or a negative error. Does not block. Changes the source's state so that it cannot be turned
// back. -ENODEV: this machine has neither such a device nor RDRAND; -EAGAIN: they have not delivered enough yet:
// a later call may succeed. With an error nothing was drawn.
GATE(entropy) int64_t entropy_word(void);

#endif
